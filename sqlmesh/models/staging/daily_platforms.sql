MODEL (
  name staging.daily_platforms,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  -- An audit compares the two.
  depends_on (staging.daily_downloads),
  description 'Downloads of each day by the platform of the client and of the file. Apart from staging.daily_downloads, as the dimensions of one would multiply the rows of the other.',
  grain (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version),
  audits (
    agrees_with_daily_downloads(),
    not_null(columns := (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version)),
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

SELECT
  d.day, /* UTC day. */
  d.project, /* Normalised name of the project. */
  d.python_minor, /* Python version of the client, such as 3.12, or unknown. */
  d.file_type, /* Type of the file, such as bdist_wheel or sdist, or unknown. */
  d.wheel_tag, /* Interpreter, ABI and platform of a wheel; unknown where its name has none, and none for other files. */
  d.system, /* Operating system of the client, or unknown. */
  d.cpu, /* Processor of the client, or unknown. */
  d.distro, /* Distribution of the client, macOS included, or unknown. */
  d.distro_version, /* Version of the distribution, or unknown. */
  d.libc, /* C library of the client, or unknown. */
  d.libc_version, /* Version of the C library, such as 2.39, or unknown. */
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
  d.python_minor,
  d.file_type,
  d.wheel_tag,
  d.system,
  d.cpu,
  d.distro,
  d.distro_version,
  d.libc,
  d.libc_version
