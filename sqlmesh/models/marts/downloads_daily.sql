MODEL (
  name marts.downloads_daily,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  description 'Downloads of each project on each UTC day that has any, and by which class of client.',
  grain (day, project),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    downloads_by_build_tools = 'Downloads by build and packaging tools such as Bazel and Homebrew.',
    downloads_by_mirrors = 'Downloads by mirrors and proxies such as bandersnatch and Nexus.',
    downloads_by_scripts = 'Downloads by HTTP and packaging libraries such as requests.',
    downloads_by_browsers = 'Downloads by web browsers.',
    downloads_by_unknown = 'Downloads by clients that were not understood or are not classified.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, project, downloads)),
    lenses_nest(),
    classes_sum_to_total()
  )
);

SELECT
  day,
  project,
  @lenses('SUM($lens)::BIGINT AS $lens'),
  SUM(CASE WHEN installer_class = 'build' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_build_tools,
  SUM(CASE WHEN installer_class = 'mirror' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_mirrors,
  SUM(CASE WHEN installer_class = 'script' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_scripts,
  SUM(CASE WHEN installer_class = 'browser' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_browsers,
  SUM(CASE WHEN installer_class = 'unknown' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_unknown
FROM staging.daily_downloads
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project
