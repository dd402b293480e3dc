MODEL (
  name marts.portfolio_weekly,
  /* A view follows the settings' projects also when no day has changed. */
  kind VIEW,
  description 'Downloads of all tracked projects together in each week, and their change like for like: of the projects for which both weeks are whole.',
  grain week,
  audits (
    unique_values(columns := week),
    not_null(columns := (week, is_whole, projects))
  )
);

WITH tracked AS (
  SELECT
    w.week,
    w.project,
    w.is_whole,
    w.days_provisional,
    w.log_change,
    @lenses('w.$lens'),
    @lenses('w.previous_$lens')
  FROM marts.downloads_weekly AS w
  INNER JOIN raw.tracked_projects AS t
    ON w.project = t.project
), started AS (
  SELECT
    project,
    MIN(week) AS week
  FROM tracked
  GROUP BY
    project
), weeks AS (
  SELECT DISTINCT
    week
  FROM tracked
), expected AS (
  SELECT
    w.week,
    COUNT(*) AS projects
  FROM weeks AS w
  INNER JOIN started AS s
    ON s.week <= w.week
  GROUP BY
    w.week
)
SELECT
  t.week, /* Monday of the week. */
  (SUM(CASE WHEN t.is_whole THEN 1 ELSE 0 END) = e.projects)::BOOLEAN AS is_whole, /* TRUE where the week is whole for each tracked project that has been downloaded by then. A week that one of them lacks altogether is not. */
  COUNT(*)::BIGINT AS projects, /* Number of tracked projects that have the week. */
  MAX(t.days_provisional)::INT AS days_provisional, /* Number of days of the week that upstream may still be filling: downloads and change are then too low. */
  MIN(t.log_change)::TEXT AS log_change, /* Change of what the log counts or records that falls into the week, by reference.incidents; NULL without one. */
  @described(@lenses('SUM(t.$lens)::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CAST(SUM(CASE WHEN NOT t.previous_$lens IS NULL AND NOT t.$lens IS NULL THEN t.$lens ELSE 0 END) AS DOUBLE) / NULLIF(SUM(CASE WHEN NOT t.previous_$lens IS NULL AND NOT t.$lens IS NULL THEN t.previous_$lens ELSE 0 END), 0) - 1)::DOUBLE AS change_$lens'),
    'Change against the week before, as a fraction of it, of the projects for which both weeks are whole and counted alike.'
  )
FROM tracked AS t
INNER JOIN expected AS e
  ON t.week = e.week
GROUP BY
  t.week,
  e.projects
