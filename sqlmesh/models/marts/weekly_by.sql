MODEL (
  name marts.weekly_by_@{dimension},
  kind FULL,
  blueprints (
    (dimension := installer, value := installer, source := downloads_by_installer, meaning := 'Tool that downloaded, or unknown.'),
    (dimension := installer_class, value := installer_class, source := downloads_by_installer_class, meaning := 'Class of the tool: installer, build, mirror, script, browser or unknown.'),
    (dimension := system, value := system, source := downloads_by_system, meaning := 'Operating system of the client, or unknown.'),
    (dimension := cpu, value := cpu, source := downloads_by_cpu, meaning := 'Processor of the client, or unknown.'),
    (dimension := distro, value := distro, source := downloads_by_distro, meaning := 'Distribution of the client, macOS included, or unknown.'),
    (dimension := libc, value := libc, source := downloads_by_libc, meaning := 'C library of the client, or unknown.'),
    (dimension := country, value := country_code, source := downloads_by_country, meaning := 'Country of the client, ISO 3166-1 alpha-2, or unknown.'),
    (dimension := file_type, value := file_type, source := downloads_by_file_type, meaning := 'Type of the file, such as bdist_wheel or sdist, or unknown.'),
    (dimension := wheel_kind, value := kind, source := downloads_by_wheel, meaning := 'Kind of the file: pure wheel, platform wheel, sdist, other or unknown.'),
    (dimension := wheel_system, value := platform_system, source := downloads_by_wheel, meaning := 'Operating system of the first platform tag of a wheel, any or unknown; none for other files.'),
    (dimension := manylinux, value := manylinux, source := downloads_by_wheel, meaning := 'Oldest glibc that a wheel supports, such as 2.17; none without such a tag, unknown where the name of the wheel has no tags.'),
    (dimension := musllinux, value := musllinux, source := downloads_by_wheel, meaning := 'Oldest musl that a wheel supports, such as 1.2; none without such a tag, unknown where the name of the wheel has no tags.')
  ),
  description 'Downloads of each project and week, Monday to Sunday, by one dimension, with shares of the week; they leave nothing out and sum to 1.',
  grain (week, project, @{value}),
  audits (
    unique_combination_of_columns(columns := (week, project, @{value})),
    not_null(columns := (week, project, @{value}, is_whole, downloads)),
    shares_sum_to_one(by := (week, project)),
    sums_to_weekly_total()
  )
);

WITH weeks AS (
  SELECT
    @monday(day) AS week,
    project,
    @{value},
    @lenses('SUM($lens)::BIGINT AS $lens')
  FROM marts.@{source}
  GROUP BY
    @monday(day),
    project,
    @{value}
)
SELECT
  w.week::DATE AS week, /* Monday of the week. */
  w.project, /* Normalised name of the project. */
  @described(w.@{value}, @meaning),
  COALESCE(t.is_whole, FALSE)::BOOLEAN AS is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  @described(@lenses('w.$lens'), '$downloads.'),
  @described(
    @lenses('(CAST(w.$lens AS DOUBLE) / NULLIF(SUM(w.$lens) OVER (PARTITION BY w.week, w.project), 0))::DOUBLE AS share_$lens'),
    'Share of the value in $downloads of the project in the week; NULL where there are none.'
  )
FROM weeks AS w
LEFT JOIN marts.downloads_weekly AS t
  ON w.week = t.week AND w.project = t.project
