MODEL (
  name marts.downloads_weekly,
  kind FULL,
  description 'Downloads of each project and week, Monday to Sunday, with the change against the week before and against the week 52 weeks before, where both are whole and the log counts them alike.',
  grain (week, project),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole, is_last_whole)),
    forall(criteria := (is_ci_recorded OR downloads = 0 OR downloads_outside_ci IS NULL, previous_downloads IS NULL OR is_whole, previous_year_downloads IS NULL OR is_whole))
  )
);

WITH weeks AS (
  SELECT
    week,
    project,
    (COUNT(CASE WHEN NOT COALESCE(is_wrong, FALSE) THEN downloads END) = 7)::BOOLEAN AS is_whole,
    COUNT(downloads) AS days,
    SUM(CASE WHEN is_wrong THEN 1 ELSE 0 END) AS days_wrong,
    SUM(CASE WHEN is_provisional THEN 1 ELSE 0 END) AS days_provisional,
    MIN(CASE WHEN NOT COALESCE(is_ci_recorded, TRUE) THEN 0 ELSE 1 END) = 1 AS is_ci_recorded,
    MIN(log_change) AS log_change,
    @lenses('MAX(comparable_since_$lens) AS comparable_since_$lens'),
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
    now.days,
    now.days_wrong,
    now.days_provisional,
    now.is_ci_recorded,
    now.log_change,
    @lenses('now.comparable_since_$lens'),
    @lenses('now.$lens'),
    @comparable('before.$lens AS previous_$lens', now, before.week),
    @comparable('year_before.$lens AS previous_year_$lens', now, year_before.week)
  FROM weeks AS now
  LEFT JOIN weeks AS before
    ON now.project = before.project
    AND now.is_whole
    AND before.is_whole
    AND DATE_DIFF('DAY', before.week, now.week) = 7
  LEFT JOIN weeks AS year_before
    ON now.project = year_before.project
    AND now.is_whole
    AND year_before.is_whole
    AND DATE_DIFF('DAY', year_before.week, now.week) = 364
)
SELECT
  week, /* Monday of the week. */
  project, /* Normalised name of the project. */
  is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  (is_whole AND week = MAX(CASE WHEN is_whole THEN week END) OVER (PARTITION BY project))::BOOLEAN AS is_last_whole, /* TRUE in the project's last whole week. */
  days::INT AS days, /* Number of days that are loaded and not missing. */
  days_wrong::INT AS days_wrong, /* Number of days whose counts are known to be wrong, by reference.incidents. */
  days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling: downloads and changes of the week are then too low. */
  is_ci_recorded::BOOLEAN AS is_ci_recorded, /* TRUE where the log records continuous integration (CI) on each day of the week. */
  log_change::TEXT AS log_change, /* Change of what the log counts or records that falls into the week, by reference.incidents; NULL without one. */
  @described(
    @lenses('comparable_since_$lens::DATE AS comparable_since_$lens'),
    'First day from which on the log counts $downloads as it does at the end of the week; NULL where no change is known before it. With an earlier week nothing is compared.'
  ),
  @described(@lenses('$lens'), '$downloads.'),
  @described(@lenses('previous_$lens::BIGINT AS previous_$lens'), '$downloads of the week before; NULL unless both weeks are whole and counted alike.'),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_$lens, 0) - 1)::DOUBLE AS change_$lens'),
    'Change against the week before, as a fraction of it; NULL unless both weeks are whole and counted alike.'
  ),
  @described(
    @lenses('previous_year_$lens::BIGINT AS previous_year_$lens'),
    '$downloads of the week 52 weeks before; NULL unless both weeks are whole and counted alike.'
  ),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_year_$lens, 0) - 1)::DOUBLE AS change_year_$lens'),
    'Change against the week 52 weeks before, as a fraction of it; NULL unless both weeks are whole and counted alike.'
  )
FROM compared
