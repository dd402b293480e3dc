MODEL (
  name marts.downloads_by_@{dimension},
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  blueprints (
    (dimension := version, value := version, source := daily_downloads, meaning := 'Version of the downloaded file.'),
    (dimension := python, value := python_minor, source := daily_downloads, meaning := 'Python version of the client, such as 3.12, or unknown.'),
    (dimension := installer, value := installer, source := daily_downloads, meaning := 'Tool that downloaded, or unknown.'),
    (dimension := installer_class, value := installer_class, source := daily_downloads, meaning := 'Class of the tool: installer, build, mirror, script, browser or unknown.'),
    (dimension := system, value := system, source := daily_downloads, meaning := 'Operating system of the client, or unknown.'),
    (dimension := country, value := country_code, source := daily_downloads, meaning := 'Country of the client, ISO 3166-1 alpha-2, or unknown.'),
    (dimension := file_type, value := file_type, source := daily_downloads, meaning := 'Type of the file, such as bdist_wheel or sdist, or unknown.'),
    (dimension := cpu, value := cpu, source := daily_platforms, meaning := 'Processor of the client, such as x86_64 or arm64, or unknown; NULL where the source does not record it.')
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project and UTC day by one dimension; they sum to marts.downloads_daily.',
  grain (day, project, @{value}),
  audits (
    unique_combination_of_columns(columns := (day, project, @{value})),
    not_null(columns := (day, project, downloads)),
    sums_to_daily_total()
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  @described(@{value}, @meaning),
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.')
FROM staging.@{source}
WHERE
  downloads > 0 AND day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  @{value}
