MODEL (
  name staging.daily_downloads,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  description 'Downloads of each day by all that KPIs are grouped by: the rows are read once, here.',
  grain (day, project, version, python_minor, installer, system, country_code, file_type),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    version = 'Version of the downloaded file.',
    python_minor = 'Python of the client, as 3.12, or unknown.',
    installer = 'Tool that downloaded, or unknown.',
    installer_class = 'installer, build, mirror, script, browser or unknown.',
    system = 'Operating system of the client, or unknown.',
    country_code = 'Country of the client, or unknown.',
    file_type = 'Kind of the file.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    counts_every_row(),
    unique_combination_of_columns(
      columns := (day, project, version, python_minor, installer, system, country_code, file_type)
    ),
    lenses_nest(),
    installers_are_listed(blocking := FALSE)
  )
);

SELECT
  d.day,
  d.project,
  d.version,
  d.python_minor,
  d.installer,
  d.installer_class,
  d.system,
  d.country_code,
  d.file_type,
  COUNT(*)::BIGINT AS downloads,
  SUM(CASE WHEN d.installer_class <> 'mirror' THEN 1 ELSE 0 END)::BIGINT AS downloads_without_mirrors,
  SUM(CASE WHEN d.installer_class = 'installer' THEN 1 ELSE 0 END)::BIGINT AS downloads_by_installers,
  SUM(CASE WHEN d.installer_class = 'installer' AND NOT d.is_ci THEN 1 ELSE 0 END)::BIGINT AS downloads_outside_ci
/* BigQuery would take downloads.day in GROUP BY for a field of the sum. */
FROM staging.downloads AS d
WHERE
  d.day BETWEEN @start_date AND @end_date
GROUP BY
  d.day,
  d.project,
  d.version,
  d.python_minor,
  d.installer,
  d.installer_class,
  d.system,
  d.country_code,
  d.file_type
