MODEL (
  name marts.project_summary,
  /* A view follows the settings' projects also when no day has changed. */
  kind VIEW,
  description 'Downloads of each project in its last whole week, and the change against the week before.',
  grain project,
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
  WHERE
    downloads > 0
  GROUP BY
    project
)
SELECT
  s.project, /* Normalised name of the project. */
  s.first_day::DATE AS first_day, /* First UTC day with a download. */
  s.last_day::DATE AS last_day, /* Last UTC day with a download. */
  (t.project IS NOT NULL)::BOOLEAN AS is_tracked, /* TRUE where the settings name the project. The data of an untracked project is kept. */
  w.week, /* Monday of the last whole week; NULL where there is none. */
  w.days_provisional, /* Number of days of the week that upstream may still be filling: downloads and change are then too low. */
  w.log_change, /* Change of what the log counts or records that falls into the week, by reference.incidents; NULL without one. */
  @described(@lenses('w.$lens'), '$downloads of the week.'),
  @described(@lenses('w.previous_$lens'), '$downloads of the week before; NULL unless it is whole and counted alike.'),
  @described(
    @lenses('w.change_$lens'),
    'Change against the week before, as a fraction of it; NULL unless that is whole and counted alike.'
  )
FROM spans AS s
LEFT JOIN raw.tracked_projects AS t
  ON s.project = t.project
LEFT JOIN marts.downloads_weekly AS w
  ON s.project = w.project AND w.is_last_whole
