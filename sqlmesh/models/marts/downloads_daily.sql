MODEL (
  name marts.downloads_daily,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  description 'Downloads of each project on each UTC day with a row in the log, also by class of client; and the rows of the log that are no downloads.',
  grain (day, project),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, project, downloads, other_fetches)),
    lenses_nest(),
    classes_sum_to_total()
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.'),
  SUM(CASE WHEN installer_class = 'build' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_build_tools, /* Downloads by build and packaging tools such as Bazel and Homebrew. */
  SUM(CASE WHEN installer_class = 'mirror' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_mirrors, /* Downloads by mirrors and proxies such as bandersnatch and Nexus. */
  SUM(CASE WHEN installer_class = 'script' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_scripts, /* Downloads by HTTP and packaging libraries such as requests. */
  SUM(CASE WHEN installer_class = 'browser' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_browsers, /* Downloads by web browsers. */
  SUM(CASE WHEN installer_class = 'unknown' THEN downloads ELSE 0 END)::BIGINT AS downloads_by_unknown, /* Downloads by clients that Linehaul did not recognise or reference.installers does not list. */
  SUM(other_fetches)::BIGINT AS other_fetches /* Log rows that fetch metadata, a signature, a provenance or another file beside a file of a release. PyPI logs them as downloads; here they count in no lens. */
FROM staging.daily_downloads
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project
