MODEL (
  name marts.portfolio_compare,
  kind VIEW,
  /* A view follows the settings' projects also when no day has changed. */
  description 'Each tracked project beside the others in each whole week: downloads, index, share, rank and growth. A project is compared in the weeks that are whole for it.',
  grain (week, project),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, projects, downloads)),
    shares_sum_to_one(by := (week)),
    forall(criteria := (rank_downloads BETWEEN 1 AND projects, week <> base_week OR index_downloads = 100))
  )
);

WITH weeks AS (
  SELECT
    w.week,
    w.project,
    @lenses('w.$lens'),
    @lenses('w.change_$lens'),
    @lenses('w.change_year_$lens')
  FROM marts.downloads_weekly AS w
  INNER JOIN raw.tracked_projects AS t
    ON w.project = t.project
  WHERE
    w.is_whole
), tracked AS (
  SELECT
    COUNT(DISTINCT project) AS projects
  FROM weeks
), counted AS (
  SELECT
    week,
    COUNT(*) AS projects
  FROM weeks
  GROUP BY
    week
), base AS (
  SELECT
    MIN(c.week) AS week
  FROM counted AS c
  INNER JOIN tracked AS t
    ON c.projects = t.projects
), grown AS (
  SELECT
    week,
    project,
    DATE_DIFF('DAY', LAG(week, 7) OVER (PARTITION BY project ORDER BY week), week) = 49 AS is_whole_8w,
    @lenses('$lens'),
    @lenses('change_$lens'),
    @lenses('change_year_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY week ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS sum_4w_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY week ROWS BETWEEN 7 PRECEDING AND 4 PRECEDING) AS previous_4w_$lens')
  FROM weeks
)
SELECT
  g.week, /* Monday of the week. */
  g.project, /* Normalised name of the project. */
  c.projects::BIGINT AS projects, /* Number of tracked projects for which the week is whole. */
  b.week::DATE AS base_week, /* First week that is whole for every tracked project with a whole week; NULL where there is none. */
  @described(@lenses('g.$lens'), '$downloads.'),
  @described(
    @lenses('(100 * CAST(g.$lens AS DOUBLE) / NULLIF(f.$lens, 0))::DOUBLE AS index_$lens'),
    '$downloads as a percentage of those in base_week.'
  ),
  @described(
    @lenses('(CAST(g.$lens AS DOUBLE) / NULLIF(SUM(g.$lens) OVER (PARTITION BY g.week), 0))::DOUBLE AS share_$lens'),
    'Share of the project in $downloads of the projects compared in the week.'
  ),
  @described(
    @lenses('(RANK() OVER (PARTITION BY g.week ORDER BY g.$lens DESC))::INT AS rank_$lens'),
    'Rank of the project by $downloads in the week, 1 for the most.'
  ),
  @described(
    @lenses('g.change_$lens'),
    'Change against the week before, as a fraction of it; NULL unless that is whole.'
  ),
  @described(
    @lenses('g.change_year_$lens'),
    'Change against the week 52 weeks before, as a fraction of it; NULL unless that is whole.'
  ),
  @described(
    @lenses('(CASE WHEN g.is_whole_8w THEN CAST(g.sum_4w_$lens AS DOUBLE) / NULLIF(g.previous_4w_$lens, 0) - 1 END)::DOUBLE AS growth_4w_$lens'),
    'Change of the four weeks up to this one against the four before, as a fraction of them; NULL unless all eight are whole.'
  )
FROM grown AS g
INNER JOIN counted AS c
  ON g.week = c.week
CROSS JOIN base AS b
LEFT JOIN weeks AS f
  ON g.project = f.project AND b.week = f.week
