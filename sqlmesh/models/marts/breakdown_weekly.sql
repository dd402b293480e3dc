MODEL (
  name marts.breakdown_weekly,
  kind FULL,
  description 'Downloads of each project and week, Monday to Sunday, by each dimension, with shares of the week; the values of a dimension leave nothing out, and the shares of those that the source records sum to 1.',
  grain (week, project, dimension, value),
  audits (
    unique_combination_of_columns(columns := (week, project, dimension, value)),
    not_null(columns := (week, project, dimension, is_whole, downloads)),
    shares_sum_to_one(by := (week, project, dimension)),
    lenses_nest(),
    sums_to_weekly_total()
  )
);

WITH parts AS (
  @parts(version, python, installer, installer_class, system, country, file_type, wheel_kind, wheel_system, manylinux, musllinux, architecture, threading, cpu, distro, libc)
), weeks AS (
  SELECT
    @monday(day) AS week,
    project,
    dimension,
    value,
    @lenses('SUM($lens)::BIGINT AS $lens')
  FROM parts
  GROUP BY
    @monday(day),
    project,
    dimension,
    value
), latest AS (
  SELECT
    project,
    MAX(week) AS week
  FROM weeks
  GROUP BY
    project
), ranked_versions AS (
  SELECT
    w.project,
    w.value,
    ROW_NUMBER() OVER (PARTITION BY w.project ORDER BY SUM(w.downloads) DESC, w.value) AS place
  FROM weeks AS w
  INNER JOIN latest AS l
    ON w.project = l.project AND DATE_DIFF('DAY', w.week, l.week) <= 364
  WHERE
    w.dimension = 'version' AND w.value <> 'unknown'
  GROUP BY
    w.project,
    w.value
), counted AS (
  SELECT
    week,
    project,
    dimension,
    value,
    @lenses('$lens')
  FROM weeks
  UNION ALL
  /* The same versions by each lens and in each week, so that a chart can stack them. */
  SELECT
    w.week,
    w.project,
    'largest_version' AS dimension,
    COALESCE(r.value, 'all others') AS value,
    @lenses('SUM(w.$lens)::BIGINT AS $lens')
  FROM weeks AS w
  LEFT JOIN ranked_versions AS r
    ON w.project = r.project AND w.value = r.value AND r.place <= 8
  WHERE
    w.dimension = 'version'
  GROUP BY
    w.week,
    w.project,
    COALESCE(r.value, 'all others')
)
SELECT
  w.week::DATE AS week, /* Monday of the week. */
  w.project, /* Normalised name of the project. */
  w.dimension::TEXT AS dimension, /* Name of the dimension: version, largest_version (the eight that had most downloads in the last 53 weeks, and all others), python, installer, installer_class, system, country, file_type, wheel_kind, wheel_system, manylinux, musllinux, architecture, threading, cpu, distro or libc. */
  w.value::TEXT AS value, /* Value of the dimension, or unknown; NULL where the source does not record it. Of wheel_system, manylinux and musllinux none where the file has no such tag. */
  COALESCE(t.is_whole, FALSE)::BOOLEAN AS is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  @described(@lenses('w.$lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN NOT w.value IS NULL THEN CAST(w.$lens AS DOUBLE) / NULLIF(SUM(CASE WHEN w.value IS NULL THEN 0 ELSE w.$lens END) OVER (PARTITION BY w.week, w.project, w.dimension), 0) END)::DOUBLE AS share_$lens'),
    'Share of the value in $downloads of the project in the week, of those whose source records the dimension; NULL where there are none.'
  )
FROM counted AS w
LEFT JOIN marts.downloads_weekly AS t
  ON w.week = t.week AND w.project = t.project
