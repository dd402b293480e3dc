MODEL (
  name marts.downloads_by_@{dimension},
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  blueprints (
    (dimension := distro, version := distro_version, meaning := 'Distribution of the client, or macOS; unknown where it did not say.'),
    (dimension := libc, version := libc_version, meaning := 'C library of the client, glibc or musl; unknown where it did not say, as outside Linux.')
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project on each UTC day, by one part of the client and its version; they sum to marts.downloads_daily.',
  grain (day, project, @{dimension}, @{version}),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    @{dimension} = @meaning,
    @{version} = 'Version of it; unknown where the client did not say.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project, @{dimension}, @{version})),
    not_null(columns := (day, project, @{dimension}, @{version}, downloads)),
    sums_to_daily_total()
  )
);

SELECT
  day,
  project,
  @{dimension},
  @{version},
  @lenses('SUM($lens)::BIGINT AS $lens')
FROM staging.daily_platforms
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  @{dimension},
  @{version}
