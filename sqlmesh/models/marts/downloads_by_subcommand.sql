MODEL (
  name marts.downloads_by_subcommand,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project and UTC day by installer and its command, such as uv and pip install; they sum to marts.downloads_daily. The log has commands since December 2025, and only of clients that report them.',
  grain (day, project, installer, subcommand),
  audits (
    unique_combination_of_columns(columns := (day, project, installer, subcommand)),
    not_null(columns := (day, project, installer, downloads)),
    sums_to_daily_total()
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  installer, /* Tool that downloaded, or unknown. */
  subcommand, /* Command that the tool was called with, such as pip install; NULL where the source does not record it, not recorded where the log, the upstream or an earlier load has none. */
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.')
FROM staging.daily_installers
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  installer,
  subcommand
