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
  /* A day of which no row says whether it was in CI comes from a source that does not record it. */
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
    SUM(d.log_rows) AS downloads,
    SUM(CASE WHEN d.installer_class <> 'mirror' THEN d.log_rows ELSE 0 END) AS downloads_without_mirrors,
    SUM(CASE WHEN d.installer_class = 'installer' THEN d.log_rows ELSE 0 END) AS downloads_by_installers,
    SUM(CASE WHEN d.installer_class = 'installer' AND NOT COALESCE(d.is_ci, FALSE) THEN d.log_rows ELSE 0 END) AS downloads_outside_ci,
    MAX(CASE WHEN NOT d.is_ci IS NULL THEN 1 ELSE 0 END) AS ci
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
  @described(
    downloads::BIGINT AS downloads,
    downloads_without_mirrors::BIGINT AS downloads_without_mirrors,
    downloads_by_installers::BIGINT AS downloads_by_installers,
    (CASE WHEN downloads = 0 OR MAX(ci) OVER (PARTITION BY day, project) = 1 THEN downloads_outside_ci END)::BIGINT AS downloads_outside_ci,
    '$downloads.'
  )
FROM counted
