MODEL (
  name staging.daily_installers,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  -- Audits read them.
  depends_on (staging.daily_downloads, reference.recorded),
  description 'Downloads of each day by installer, its version and command, and the Python and system of the client. Apart from staging.daily_downloads, whose rows the versions would double.',
  grain (day, project, installer, installer_version, subcommand, python_minor, system),
  audits (
    agrees_with_daily_downloads(),
    not_null(columns := (day, project, installer, python_minor, system)),
    only_unrecorded_is_null("column" := installer_version, dimension := 'installer_version'),
    only_unrecorded_is_null("column" := subcommand, dimension := 'subcommand'),
    unique_combination_of_columns(
      columns := (day, project, installer, installer_version, subcommand, python_minor, system)
    ),
    lenses_nest()
  )
);

WITH counted AS (
  SELECT
    d.day,
    d.project,
    d.installer,
    d.installer_version,
    d.subcommand,
    d.python_minor,
    d.system,
    @sum_lenses(d)
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
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  installer, /* Tool that downloaded, or unknown. */
  installer_version, /* Minor version of pip or uv, such as 26.1; NULL where the source does not record it, not recorded where the upstream or an earlier load has none, and none for other tools. */
  subcommand, /* Command that the tool was called with, such as pip install; NULL where the source does not record it, not recorded where the log, the upstream or an earlier load has none. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  system, /* Operating system of the client, or unknown. */
  @described(@summed_lenses(), '$downloads.')
FROM counted
