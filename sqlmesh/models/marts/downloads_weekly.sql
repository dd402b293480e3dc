MODEL (
  name marts.downloads_weekly,
  kind FULL,
  description 'Downloads of each project and week, Monday to Sunday, with the change against the week before and against the week 52 weeks before, where both are whole.',
  grain (week, project),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole)),
    forall(criteria := (previous_downloads IS NULL OR is_whole, previous_year_downloads IS NULL OR is_whole))
  )
);

WITH weeks AS (
  SELECT
    week,
    project,
    (COUNT(downloads) = 7)::BOOLEAN AS is_whole,
    @lenses('SUM($lens)::BIGINT AS $lens')
  FROM marts.downloads_trend
  GROUP BY
    week,
    project
), compared AS (
  SELECT
    now.week,
    now.project,
    now.is_whole,
    @lenses('now.$lens'),
    @lenses('(CASE WHEN now.is_whole THEN before.$lens END)::BIGINT AS previous_$lens'),
    @lenses('(CASE WHEN now.is_whole THEN year_before.$lens END)::BIGINT AS previous_year_$lens')
  FROM weeks AS now
  LEFT JOIN weeks AS before
    ON now.project = before.project
    AND before.is_whole
    AND DATE_DIFF('DAY', before.week, now.week) = 7
  LEFT JOIN weeks AS year_before
    ON now.project = year_before.project
    AND year_before.is_whole
    AND DATE_DIFF('DAY', year_before.week, now.week) = 364
)
SELECT
  week, /* Monday of the week. */
  project, /* Normalised name of the project. */
  is_whole, /* TRUE where all seven days are loaded and none is missing upstream. */
  @described(@lenses('$lens'), '$downloads.'),
  @described(@lenses('previous_$lens'), '$downloads of the week before; NULL unless both weeks are whole.'),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_$lens, 0) - 1)::DOUBLE AS change_$lens'),
    'Change against the week before, as a fraction of it; NULL unless both weeks are whole.'
  ),
  @described(
    @lenses('previous_year_$lens'),
    '$downloads of the week 52 weeks before; NULL unless both weeks are whole.'
  ),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_year_$lens, 0) - 1)::DOUBLE AS change_year_$lens'),
    'Change against the week 52 weeks before, as a fraction of it; NULL unless both weeks are whole.'
  )
FROM compared
