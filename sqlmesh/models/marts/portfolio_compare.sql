MODEL (
  name marts.portfolio_compare,
  kind VIEW,
  /* A view follows the settings' projects also when no day has changed. */
  description 'Each tracked project beside the others in each whole week: downloads, their index, share, rank and growth. A project is compared in the weeks that are whole for it.',
  grain (week, project),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    projects = 'Tracked projects that have the week whole.',
    base_week = 'The first week that is whole for each tracked project that has any; the index is 100 there. NULL where there is none.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    index_downloads = 'All downloads against those of the base week, which are 100.',
    index_downloads_without_mirrors = 'Downloads by anything but a mirror against those of the base week, which are 100.',
    index_downloads_by_installers = 'Downloads by installers against those of the base week, which are 100.',
    index_downloads_outside_ci = 'Downloads by installers outside continuous integration against those of the base week, which are 100.',
    share_downloads = 'Share of all downloads of the tracked projects that have the week whole.',
    share_downloads_without_mirrors = 'Share of downloads by anything but a mirror of the tracked projects that have the week whole.',
    share_downloads_by_installers = 'Share of downloads by installers of the tracked projects that have the week whole.',
    share_downloads_outside_ci = 'Share of downloads by installers outside continuous integration of the tracked projects that have the week whole.',
    rank_downloads = 'Rank by all downloads in that week, 1 being the most.',
    rank_downloads_without_mirrors = 'Rank by downloads by anything but a mirror in that week, 1 being the most.',
    rank_downloads_by_installers = 'Rank by downloads by installers in that week, 1 being the most.',
    rank_downloads_outside_ci = 'Rank by downloads by installers outside continuous integration in that week, 1 being the most.',
    change_downloads = 'Change against the week before, as a fraction of it; NULL unless that is whole.',
    change_downloads_without_mirrors = 'Change against the week before, as a fraction of it; NULL unless that is whole.',
    change_downloads_by_installers = 'Change against the week before, as a fraction of it; NULL unless that is whole.',
    change_downloads_outside_ci = 'Change against the week before, as a fraction of it; NULL unless that is whole.',
    change_year_downloads = 'Change against the week 52 weeks before, as a fraction of it; NULL unless that is whole.',
    change_year_downloads_without_mirrors = 'Change against the week 52 weeks before, as a fraction of it; NULL unless that is whole.',
    change_year_downloads_by_installers = 'Change against the week 52 weeks before, as a fraction of it; NULL unless that is whole.',
    change_year_downloads_outside_ci = 'Change against the week 52 weeks before, as a fraction of it; NULL unless that is whole.',
    growth_4w_downloads = 'Change of the four weeks that end with this one against the four before, as a fraction of them; NULL unless all eight are whole.',
    growth_4w_downloads_without_mirrors = 'Change of the four weeks that end with this one against the four before, as a fraction of them; NULL unless all eight are whole.',
    growth_4w_downloads_by_installers = 'Change of the four weeks that end with this one against the four before, as a fraction of them; NULL unless all eight are whole.',
    growth_4w_downloads_outside_ci = 'Change of the four weeks that end with this one against the four before, as a fraction of them; NULL unless all eight are whole.'
  ),
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
  g.week,
  g.project,
  c.projects::BIGINT AS projects,
  b.week::DATE AS base_week,
  @lenses('g.$lens'),
  @lenses('(100 * CAST(g.$lens AS DOUBLE) / NULLIF(f.$lens, 0))::DOUBLE AS index_$lens'),
  @lenses('(CAST(g.$lens AS DOUBLE) / NULLIF(SUM(g.$lens) OVER (PARTITION BY g.week), 0))::DOUBLE AS share_$lens'),
  @lenses('(RANK() OVER (PARTITION BY g.week ORDER BY g.$lens DESC))::INT AS rank_$lens'),
  @lenses('g.change_$lens'),
  @lenses('g.change_year_$lens'),
  @lenses('(CASE WHEN g.is_whole_8w THEN CAST(g.sum_4w_$lens AS DOUBLE) / NULLIF(g.previous_4w_$lens, 0) - 1 END)::DOUBLE AS growth_4w_$lens')
FROM grown AS g
INNER JOIN counted AS c
  ON g.week = c.week
CROSS JOIN base AS b
LEFT JOIN weeks AS f
  ON g.project = f.project AND b.week = f.week
