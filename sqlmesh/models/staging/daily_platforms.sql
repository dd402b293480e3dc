MODEL (
  name staging.daily_platforms,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  description 'Downloads of each day by the platform of the client and of the file. Apart from staging.daily_downloads, as the dimensions of one multiply the rows of the other.',
  grain (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    python_minor = 'Python of the client, as 3.12, or unknown.',
    file_type = 'Kind of the file.',
    wheel_tag = 'Interpreter, ABI and platform of a wheel; none for other files. Not the file name, as releases share their tags.',
    system = 'Operating system of the client, or unknown.',
    cpu = 'Processor of the client, or unknown.',
    distro = 'Distribution of the client, or unknown.',
    distro_version = 'Version of the distribution, or unknown.',
    libc = 'C library of the client, or unknown.',
    libc_version = 'Version of the C library, as 2.39, or unknown.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    counts_every_row(),
    unique_combination_of_columns(
      columns := (day, project, python_minor, file_type, wheel_tag, system, cpu, distro, distro_version, libc, libc_version)
    ),
    lenses_nest()
  )
);

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
  COUNT(*)::BIGINT AS downloads,
  SUM(CASE WHEN d.installer_class <> 'mirror' THEN 1 ELSE 0 END)::BIGINT AS downloads_without_mirrors,
  SUM(CASE WHEN d.installer_class = 'installer' THEN 1 ELSE 0 END)::BIGINT AS downloads_by_installers,
  SUM(CASE WHEN d.installer_class = 'installer' AND NOT d.is_ci THEN 1 ELSE 0 END)::BIGINT AS downloads_outside_ci
FROM staging.downloads AS d
WHERE
  d.day BETWEEN @start_date AND @end_date
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
