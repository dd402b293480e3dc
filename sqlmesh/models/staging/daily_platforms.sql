MODEL (
  name staging.daily_platforms,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  -- Audits read them.
  depends_on (staging.daily_downloads, reference.recorded),
  description 'Downloads of each day by the platform of the client and of the file. Apart from staging.daily_downloads, as the dimensions of one would multiply the rows of the other.',
  grain (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version),
  audits (
    agrees_with_daily_downloads(),
    not_null(columns := (day, project, python_minor, file_type, wheel_tag, system, libc, libc_version)),
    only_unrecorded_is_null("column" := cpu, dimension := 'cpu'),
    only_unrecorded_is_null("column" := distro, dimension := 'distro'),
    only_unrecorded_is_null("column" := distro_version, dimension := 'distro'),
    accepted_values(
      "column" := file_type,
      is_in := ('bdist_wheel', 'sdist', 'bdist_egg', 'bdist_wininst', 'bdist_msi', 'bdist_rpm', 'bdist_dumb', 'bdist_dmg', 'unknown')
    ),
    unique_combination_of_columns(
      columns := (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version)
    ),
    lenses_nest()
  )
);

WITH counted AS (
  SELECT
    d.day,
    d.project,
    d.python_minor,
    d.file_type,
    d.wheel_tag,
    d.system,
    d.cpu,
    d.distro,
    d.distro_version,
    d.libc,
    d.libc_version,
    @sum_lenses(d)
  FROM staging.downloads AS d
  WHERE
    d.is_download AND d.day BETWEEN @start_date AND @end_date
  GROUP BY
    d.day,
    d.project,
    d.python_minor,
    d.file_type,
    d.wheel_tag,
    d.system,
    d.cpu,
    d.distro,
    d.distro_version,
    d.libc,
    d.libc_version
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  file_type, /* Type of the file, such as bdist_wheel or sdist, or unknown. */
  wheel_tag, /* Interpreter, ABI and platform of a wheel; unknown where its name has none, and none for other files. */
  system, /* Operating system of the client, or unknown. */
  cpu, /* Processor of the client, or unknown; NULL where the source does not record it. */
  distro, /* Distribution of the client, macOS included, or unknown; NULL where the source does not record it. */
  distro_version, /* Version of the distribution, or unknown; NULL where the source does not record it. */
  libc, /* C library of the client, or unknown. */
  libc_version, /* Version of the C library, such as 2.39, or unknown. */
  @described(@summed_lenses(), '$downloads.')
FROM counted
