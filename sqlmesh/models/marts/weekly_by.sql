MODEL (
  name marts.weekly_by_@{dimension},
  kind FULL,
  blueprints (
    (dimension := installer, value := installer, source := downloads_by_installer, meaning := 'Tool that downloaded, or unknown.'),
    (dimension := installer_class, value := installer_class, source := downloads_by_installer_class, meaning := 'installer, build, mirror, script, browser or unknown.'),
    (dimension := system, value := system, source := downloads_by_system, meaning := 'Operating system of the client, or unknown.'),
    (dimension := cpu, value := cpu, source := downloads_by_cpu, meaning := 'Processor of the client, or unknown.'),
    (dimension := distro, value := distro, source := downloads_by_distro, meaning := 'Distribution of the client, or macOS, or unknown.'),
    (dimension := libc, value := libc, source := downloads_by_libc, meaning := 'C library of the client, or unknown.'),
    (dimension := country, value := country_code, source := downloads_by_country, meaning := 'Country of the client by its address, or unknown.'),
    (dimension := file_type, value := file_type, source := downloads_by_file_type, meaning := 'Kind of the file, as bdist_wheel or sdist.'),
    (dimension := wheel_kind, value := kind, source := downloads_by_wheel, meaning := 'pure wheel, platform wheel, sdist or other.'),
    (dimension := wheel_system, value := platform_system, source := downloads_by_wheel, meaning := 'Operating system that a wheel is for, any, or none for other files.'),
    (dimension := manylinux, value := manylinux, source := downloads_by_wheel, meaning := 'Oldest glibc that a wheel is built for, as 2.17, or none.'),
    (dimension := musllinux, value := musllinux, source := downloads_by_wheel, meaning := 'Oldest musl that a wheel is built for, as 1.2, or none.')
  ),
  description 'Downloads of each project in each week, Monday to Sunday, by one dimension, with shares of the week: nothing is left out, so they sum to one.',
  grain (week, project, @{value}),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    @{value} = @meaning,
    is_whole = 'TRUE where all seven days are loaded and none is missing upstream.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    share_downloads = 'Share of the all downloads of the project in the week; NULL where it has none.',
    share_downloads_without_mirrors = 'Share of the downloads by anything but a mirror of the project in the week; NULL where it has none.',
    share_downloads_by_installers = 'Share of the downloads by installers of the project in the week; NULL where it has none.',
    share_downloads_outside_ci = 'Share of the downloads by installers outside continuous integration of the project in the week; NULL where it has none.'
  ),
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
  w.week::DATE AS week,
  w.project,
  w.@{value},
  COALESCE(t.is_whole, FALSE)::BOOLEAN AS is_whole,
  @lenses('w.$lens'),
  @lenses('(CAST(w.$lens AS DOUBLE) / NULLIF(SUM(w.$lens) OVER (PARTITION BY w.week, w.project), 0))::DOUBLE AS share_$lens')
FROM weeks AS w
LEFT JOIN marts.downloads_weekly AS t
  ON w.week = t.week AND w.project = t.project
