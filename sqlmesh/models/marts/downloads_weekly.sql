MODEL (
  name marts.downloads_weekly,
  kind FULL,
  description 'Downloads of each project in each week, Monday to Sunday, and the change against the week before and against the same week a year ago, where both are whole.',
  grain (week, project),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    is_whole = 'TRUE where all seven days are loaded and none is missing upstream.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    previous_downloads = 'The same of the week before; NULL unless both weeks are whole.',
    previous_downloads_without_mirrors = 'The same of the week before; NULL unless both weeks are whole.',
    previous_downloads_by_installers = 'The same of the week before; NULL unless both weeks are whole.',
    previous_downloads_outside_ci = 'The same of the week before; NULL unless both weeks are whole.',
    change_downloads = 'Change against the week before, as a fraction of it.',
    change_downloads_without_mirrors = 'Change against the week before, as a fraction of it.',
    change_downloads_by_installers = 'Change against the week before, as a fraction of it.',
    change_downloads_outside_ci = 'Change against the week before, as a fraction of it.',
    previous_year_downloads = 'The same of the week 52 weeks before; NULL unless both weeks are whole.',
    previous_year_downloads_without_mirrors = 'The same of the week 52 weeks before; NULL unless both weeks are whole.',
    previous_year_downloads_by_installers = 'The same of the week 52 weeks before; NULL unless both weeks are whole.',
    previous_year_downloads_outside_ci = 'The same of the week 52 weeks before; NULL unless both weeks are whole.',
    change_year_downloads = 'Change against the week 52 weeks before, as a fraction of it.',
    change_year_downloads_without_mirrors = 'Change against the week 52 weeks before, as a fraction of it.',
    change_year_downloads_by_installers = 'Change against the week 52 weeks before, as a fraction of it.',
    change_year_downloads_outside_ci = 'Change against the week 52 weeks before, as a fraction of it.'
  ),
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
  week,
  project,
  is_whole,
  @lenses('$lens'),
  @lenses('previous_$lens'),
  @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_$lens, 0) - 1)::DOUBLE AS change_$lens'),
  @lenses('previous_year_$lens'),
  @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_year_$lens, 0) - 1)::DOUBLE AS change_year_$lens')
FROM compared
