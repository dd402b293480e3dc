MODEL (
  name marts.manylinux,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  description 'Downloads of manylinux wheels on glibc systems, by processor, Python and glibc of the client: which manylinux level a project can ask for. Cells as the manylinux project publishes them.',
  grain (day, project, cpu, python_minor, glibc_minor),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    cpu = 'Processor of the client, or unknown.',
    python_minor = 'Python of the client, as 3.12, or unknown.',
    glibc_minor = 'glibc of the client, as 2.39, or unknown.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project, cpu, python_minor, glibc_minor)),
    not_null(columns := (day, project, cpu, python_minor, glibc_minor, downloads)),
    lenses_nest()
  )
);

SELECT
  day,
  project,
  cpu,
  python_minor,
  libc_version::TEXT AS glibc_minor,
  @lenses('SUM($lens)::BIGINT AS $lens')
FROM staging.daily_platforms
WHERE
  day BETWEEN @start_date AND @end_date
  AND libc = 'glibc'
  AND (wheel_tag LIKE '%-manylinux%' OR wheel_tag LIKE '%.manylinux%')
GROUP BY
  day,
  project,
  cpu,
  python_minor,
  libc_version
