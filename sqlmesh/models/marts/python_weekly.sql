MODEL (
  name marts.python_weekly,
  kind FULL,
  description 'Downloads of each project and whole week by minor version of Python, with shares; the rows of a week hold all of its downloads.',
  grain (week, project, python_minor),
  audits (
    unique_combination_of_columns(columns := (week, project, python_minor)),
    not_null(columns := (week, project, python_minor, downloads)),
    shares_sum_to_one(by := (week, project)),
    lenses_nest()
  )
);

WITH counted AS (
  SELECT
    t.week,
    t.project,
    p.python_minor,
    @lenses('SUM(p.$lens) AS $lens')
  FROM marts.downloads_by_python AS p
  INNER JOIN marts.downloads_trend AS t
    ON p.day = t.day AND p.project = t.project
  INNER JOIN marts.downloads_weekly AS w
    ON t.week = w.week AND t.project = w.project
  WHERE
    w.is_whole
  GROUP BY
    t.week,
    t.project,
    p.python_minor
)
SELECT
  week, /* Monday of the week. */
  project, /* Normalised name of the project. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY week, project), 0))::DOUBLE AS share_$lens'),
    'Share of this Python in $downloads of the project in the week.'
  )
FROM counted
