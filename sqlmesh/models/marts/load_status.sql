MODEL (
  name marts.load_status,
  kind FULL,
  description 'Span of the data, and whether it is generated: one row.',
  grain last_day,
  audits (
    number_of_rows(threshold := 0),
    not_null(columns := (first_day, last_day, projects, is_demo))
  )
);

WITH loaded AS (
  SELECT
    MAX(day) AS last_day,
    MAX(CASE WHEN origin = 'demo' THEN 1 ELSE 0 END) AS demo
  FROM raw.committed_days
), counted AS (
  SELECT
    MIN(day) AS first_day,
    COUNT(DISTINCT project) AS projects
  FROM marts.downloads_daily
  WHERE
    downloads > 0
), weeks AS (
  SELECT
    MAX(week) AS last_whole_week
  FROM marts.portfolio_weekly
  WHERE
    is_whole
)
SELECT
  counted.first_day::DATE AS first_day, /* First UTC day with a download. */
  loaded.last_day::DATE AS last_day, /* Last loaded UTC day. */
  weeks.last_whole_week::DATE AS last_whole_week, /* Monday of the last week that is whole for each project that has it; NULL where there is none. */
  counted.projects::BIGINT AS projects, /* Number of projects with a download. */
  (loaded.demo = 1)::BOOLEAN AS is_demo /* TRUE where the downloads are generated. */
FROM loaded
CROSS JOIN counted
CROSS JOIN weeks
