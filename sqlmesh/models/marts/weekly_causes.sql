MODEL (
  name marts.weekly_causes,
  kind FULL,
  description 'What the change of the last whole week consists of: the downloads of each version, Python, installer, system and country, and those in CI, in that week and in the week before. Only of projects whose two last weeks are whole.',
  grain (project, dimension, value),
  audits (
    unique_combination_of_columns(columns := (project, dimension, value)),
    not_null(columns := (project, week, dimension, value, downloads, previous_downloads, difference_downloads)),
    forall(criteria := (difference_downloads = downloads - previous_downloads))
  )
);

WITH weeks AS (
  SELECT
    w.project,
    w.week,
    @lenses('w.$lens - w.previous_$lens AS change_$lens')
  FROM marts.downloads_weekly AS w
  WHERE
    w.is_last_whole AND NOT w.previous_downloads IS NULL
), parts AS (
  @parts(version, python, installer, system, country, ci)
), counted AS (
  SELECT
    w.project,
    w.week,
    p.dimension,
    p.value,
    @lenses('w.change_$lens'),
    @lenses('SUM(CASE WHEN p.day >= w.week THEN p.$lens ELSE 0 END) AS $lens'),
    @lenses('SUM(CASE WHEN p.day < w.week THEN p.$lens ELSE 0 END) AS previous_$lens')
  FROM weeks AS w
  INNER JOIN parts AS p
    ON w.project = p.project AND DATE_DIFF('DAY', w.week, p.day) BETWEEN -7 AND 6
    /* In CI nothing is compared unless both weeks record it. */
    AND (p.dimension <> 'ci' OR NOT w.change_downloads_outside_ci IS NULL)
  GROUP BY
    w.project,
    w.week,
    p.dimension,
    p.value,
    @lenses('w.change_$lens')
)
SELECT
  project, /* Normalised name of the project. */
  week::DATE AS week, /* Monday of the last whole week. */
  dimension::TEXT AS dimension, /* Name of the dimension: version, python, installer, system, country or ci. */
  value::TEXT AS value, /* Value of the dimension, or unknown; in CI for the dimension ci. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads of the value in the week.'),
  @described(@lenses('previous_$lens::BIGINT AS previous_$lens'), '$downloads of the value in the week before.'),
  @described(
    @lenses('($lens - previous_$lens)::BIGINT AS difference_$lens'),
    'Change of $downloads of the value against the week before.'
  ),
  @described(
    @lenses('(CAST($lens - previous_$lens AS DOUBLE) / NULLIF(change_$lens, 0))::DOUBLE AS share_of_change_$lens'),
    'Share of the value in the change of $downloads of the project; the shares of a dimension but ci sum to 1. NULL where nothing has changed, or the log counts by other rules since.'
  )
FROM counted
