MODEL (
  name marts.downloads_trend,
  kind FULL,
  description 'Downloads of each project on every loaded day since its first. A day without downloads of any project is missing upstream: NULL, never zero.',
  grain (day, project),
  column_descriptions (
    day = 'UTC day.',
    week = 'Monday of the day.',
    project = 'Project, by its normalised name.',
    is_missing = 'TRUE where the log has no download of any tracked project on that day.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, week, project, is_missing)),
    forall(criteria := (is_missing = (downloads IS NULL)))
  )
);

WITH covered AS (
  SELECT DISTINCT
    day
  FROM marts.downloads_daily
), started AS (
  SELECT
    project,
    MIN(day) AS first_day
  FROM marts.downloads_daily
  GROUP BY
    project
)
SELECT
  l.day,
  l.week,
  l.project,
  (c.day IS NULL)::BOOLEAN AS is_missing,
  @lenses('(CASE WHEN c.day IS NOT NULL THEN COALESCE(d.$lens, 0) END)::BIGINT AS $lens')
FROM staging.loaded_days AS l
INNER JOIN started AS s
  ON l.project = s.project AND l.day >= s.first_day
LEFT JOIN covered AS c
  ON l.day = c.day
LEFT JOIN marts.downloads_daily AS d
  ON l.day = d.day AND l.project = d.project
