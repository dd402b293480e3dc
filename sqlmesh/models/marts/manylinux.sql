MODEL (
  name marts.manylinux,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  description 'Downloads of manylinux wheels on glibc systems, by processor, Python and glibc of the client: which manylinux level a project can require. The same cells as the manylinux project publishes.',
  grain (day, project, cpu, python_minor, glibc_minor),
  audits (
    unique_combination_of_columns(columns := (day, project, cpu, python_minor, glibc_minor)),
    not_null(columns := (day, project, python_minor, glibc_minor, downloads)),
    lenses_nest()
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  cpu, /* Processor of the client, or unknown; NULL where the source does not record it. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  libc_version::TEXT AS glibc_minor, /* glibc version of the client, such as 2.39, or unknown. */
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.')
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
