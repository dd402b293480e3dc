MODEL (
  name marts.downloads_by_@{dimension},
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  blueprints (
    (dimension := version, value := version, source := daily_downloads, meaning := 'Version of the downloaded file.'),
    (dimension := python, value := python_minor, source := daily_downloads, meaning := 'Python of the client, as 3.12; unknown where it did not say.'),
    (dimension := installer, value := installer, source := daily_downloads, meaning := 'Tool that downloaded; unknown where it was not understood.'),
    (dimension := installer_class, value := installer_class, source := daily_downloads, meaning := 'installer, build, mirror, script, browser or unknown.'),
    (dimension := system, value := system, source := daily_downloads, meaning := 'Operating system of the client; unknown where it did not say.'),
    (dimension := country, value := country_code, source := daily_downloads, meaning := 'Country of the client by its address, ISO 3166-1 alpha-2; unknown where it could not be told.'),
    (dimension := file_type, value := file_type, source := daily_downloads, meaning := 'Kind of the file, as bdist_wheel or sdist.'),
    (dimension := cpu, value := cpu, source := daily_platforms, meaning := 'Processor of the client, as x86_64 or arm64; unknown where it did not say.')
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project on each UTC day, by one dimension; they sum to marts.downloads_daily.',
  grain (day, project, @{value}),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    @{value} = @meaning,
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project, @{value})),
    not_null(columns := (day, project, @{value}, downloads)),
    sums_to_daily_total()
  )
);

SELECT
  day,
  project,
  @{value},
  @lenses('SUM($lens)::BIGINT AS $lens')
FROM staging.@{source}
WHERE
  day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  @{value}
