MODEL (
  name staging.daily_installers,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  -- An audit compares the two.
  depends_on (staging.daily_downloads),
  description 'Downloads of each day by installer, its version and command, and the Python and system of the client. Apart from staging.daily_downloads, whose rows the versions would double.',
  grain (day, project, installer, installer_version, subcommand, python_minor, system),
  audits (
    agrees_with_daily_downloads(),
    not_null(columns := (day, project, installer, installer_version, subcommand, python_minor, system)),
    unique_combination_of_columns(
      columns := (day, project, installer, installer_version, subcommand, python_minor, system)
    ),
    lenses_nest()
  )
);

SELECT
  d.day, /* UTC day. */
  d.project, /* Normalised name of the project. */
  d.installer, /* Tool that downloaded, or unknown. */
  d.installer_version, /* Minor version of pip or uv, such as 26.1; not recorded where the upstream or an earlier load has none, and none for other tools. */
  d.subcommand, /* Command that the tool was called with, such as pip install; not recorded where the log, the upstream or an earlier load has none. */
  d.python_minor, /* Python version of the client, such as 3.12, or unknown. */
  d.system, /* Operating system of the client, or unknown. */
  @described(
    SUM(d.log_rows)::BIGINT AS downloads,
    SUM(CASE WHEN d.installer_class <> 'mirror' THEN d.log_rows ELSE 0 END)::BIGINT AS downloads_without_mirrors,
    SUM(CASE WHEN d.installer_class = 'installer' THEN d.log_rows ELSE 0 END)::BIGINT AS downloads_by_installers,
    SUM(CASE WHEN d.installer_class = 'installer' AND NOT d.is_ci THEN d.log_rows ELSE 0 END)::BIGINT AS downloads_outside_ci,
    '$downloads.'
  )
FROM staging.downloads AS d
WHERE
  d.is_download AND d.day BETWEEN @start_date AND @end_date
GROUP BY
  d.day,
  d.project,
  d.installer,
  d.installer_version,
  d.subcommand,
  d.python_minor,
  d.system
