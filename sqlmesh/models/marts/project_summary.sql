MODEL (
  name marts.project_summary,
  /* A view follows the settings' projects also when no day has changed. */
  kind VIEW,
  description 'Each project in its last whole week, against the week before.',
  grain project,
  column_descriptions (
    project = 'Project, by its normalised name.',
    first_day = 'First UTC day with a download.',
    last_day = 'Last UTC day with a download.',
    is_tracked = 'TRUE where the settings name the project; the data of others is kept and ends where it ended.',
    week = 'Monday of the last whole week; NULL where there is none yet.',
    downloads = 'All downloads of that week.',
    downloads_without_mirrors = 'Downloads of that week by anything but a mirror.',
    downloads_by_installers = 'Downloads of that week by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads of that week by installers that did not say that they ran in continuous integration.',
    previous_downloads = 'The same of the week before; NULL unless it is whole.',
    previous_downloads_without_mirrors = 'The same of the week before; NULL unless it is whole.',
    previous_downloads_by_installers = 'The same of the week before; NULL unless it is whole.',
    previous_downloads_outside_ci = 'The same of the week before; NULL unless it is whole.',
    change_downloads = 'Change against the week before, as a fraction of it.',
    change_downloads_without_mirrors = 'Change against the week before, as a fraction of it.',
    change_downloads_by_installers = 'Change against the week before, as a fraction of it.',
    change_downloads_outside_ci = 'Change against the week before, as a fraction of it.'
  ),
  audits (
    unique_values(columns := project),
    not_null(columns := (project, first_day, last_day, is_tracked))
  )
);

WITH spans AS (
  SELECT
    project,
    MIN(day) AS first_day,
    MAX(day) AS last_day
  FROM marts.downloads_daily
  GROUP BY
    project
), last_weeks AS (
  SELECT
    project,
    MAX(week) AS week
  FROM marts.downloads_weekly
  WHERE
    is_whole
  GROUP BY
    project
)
SELECT
  s.project,
  s.first_day::DATE AS first_day,
  s.last_day::DATE AS last_day,
  (t.project IS NOT NULL)::BOOLEAN AS is_tracked,
  w.week,
  @lenses('w.$lens'),
  @lenses('w.previous_$lens'),
  @lenses('w.change_$lens')
FROM spans AS s
LEFT JOIN raw.tracked_projects AS t
  ON s.project = t.project
LEFT JOIN last_weeks AS l
  ON s.project = l.project
LEFT JOIN marts.downloads_weekly AS w
  ON l.project = w.project AND l.week = w.week
