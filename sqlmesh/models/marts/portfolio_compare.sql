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
    @lenses('w.comparable_since_$lens'),
    @lenses('w.$lens'),
    @lenses('w.change_$lens'),
    @lenses('w.change_year_$lens')
  FROM marts.downloads_weekly AS w
  INNER JOIN raw.tracked_projects AS t
    ON w.project = t.project
  WHERE
    w.is_whole
), counted AS (
  SELECT
    week,
    COUNT(*) AS projects
  FROM weeks
  GROUP BY
    week
), base AS (
  SELECT
    project,
    MIN(week) AS week
  FROM weeks
  GROUP BY
    project
), grown AS (
  SELECT
    week,
    project,
    DATE_DIFF('DAY', LAG(week, 7) OVER (PARTITION BY project ORDER BY week), week) = 49 AS is_whole_8w,
    LAG(week, 7) OVER (PARTITION BY project ORDER BY week) AS first_of_8w,
    @lenses('comparable_since_$lens'),
    @lenses('$lens'),
    @lenses('change_$lens'),
    @lenses('change_year_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY week ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS sum_4w_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY week ROWS BETWEEN 7 PRECEDING AND 4 PRECEDING) AS previous_4w_$lens')
  FROM weeks
), compared AS (
  SELECT
    g.week,
    g.project,
    b.week AS base_week,
    @comparable('100 * CAST(g.$lens AS DOUBLE) / NULLIF(f.$lens, 0) AS index_$lens', g, b.week),
    @comparable('CAST(g.sum_4w_$lens AS DOUBLE) / NULLIF(g.previous_4w_$lens, 0) - 1 AS growth_$lens', g, g.first_of_8w),
    @comparable('CASE WHEN g.is_whole_8w THEN g.sum_4w_$lens END AS sum_4w_$lens', g, g.first_of_8w),
    @comparable('CASE WHEN g.is_whole_8w THEN g.previous_4w_$lens END AS previous_4w_$lens', g, g.first_of_8w)
  FROM grown AS g
  INNER JOIN base AS b
    ON g.project = b.project
  INNER JOIN weeks AS f
    ON b.project = f.project AND b.week = f.week
)
SELECT
  g.week, /* Monday of the week. */
  g.project, /* Normalised name of the project. */
  c.projects::BIGINT AS projects, /* Number of tracked projects for which the week is whole. */
  i.base_week::DATE AS base_week, /* First whole week of the project. A project that is added later starts at 100 in its own first week, and moves no other. */
  @described(@lenses('g.$lens'), '$downloads.'),
  @described(
    @lenses('i.index_$lens::DOUBLE AS index_$lens'),
    '$downloads as a percentage of those in base_week; NULL where the log counts otherwise since then.'
  ),
  @described(
    @lenses('(CAST(g.$lens AS DOUBLE) / NULLIF(SUM(g.$lens) OVER (PARTITION BY g.week), 0))::DOUBLE AS share_$lens'),
    'Share of the project in $downloads of the projects compared in the week.'
  ),
  @described(
    @lenses('(CASE WHEN NOT g.$lens IS NULL THEN RANK() OVER (PARTITION BY g.week ORDER BY CASE WHEN g.$lens IS NULL THEN -1 ELSE g.$lens END DESC) END)::INT AS rank_$lens'),
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
    @lenses('(CASE WHEN g.is_whole_8w THEN i.growth_$lens END)::DOUBLE AS growth_4w_$lens'),
    'Change of the four weeks up to this one against the four before, as a fraction of them; NULL unless all eight are whole and counted alike.'
  ),
  @described(
    @lenses('(CAST(SUM(i.sum_4w_$lens) OVER (PARTITION BY g.week) - i.sum_4w_$lens AS DOUBLE) / NULLIF(SUM(i.previous_4w_$lens) OVER (PARTITION BY g.week) - i.previous_4w_$lens, 0) - 1)::DOUBLE AS others_growth_4w_$lens'),
    'The same change of the other projects together, those of which it is known: whether it is this project or all of them. NULL without growth_4w_$lens, or without others.'
  )
FROM grown AS g
INNER JOIN counted AS c
  ON g.week = c.week
INNER JOIN compared AS i
  ON g.week = i.week AND g.project = i.project
