MODEL (
  name marts.downloads_by_@{dimension},
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  blueprints (
    (dimension := distro, version := distro_version, meaning := 'Distribution of the client, macOS included, or unknown; NULL where the source does not record it.'),
    (dimension := libc, version := libc_version, meaning := 'C library of the client, glibc or musl, or unknown, as outside Linux.')
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project and UTC day by one part of the client and its version; they sum to marts.downloads_daily.',
  grain (day, project, @{dimension}, @{version}),
  audits (
    unique_combination_of_columns(columns := (day, project, @{dimension}, @{version})),
    not_null(columns := (day, project, downloads)),
    sums_to_daily_total()
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  @described(@{dimension}, @meaning),
  @described(@{version}, 'Version of it, or unknown; NULL where the source does not record it.'),
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.')
FROM staging.daily_platforms
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  @{dimension},
  @{version}
