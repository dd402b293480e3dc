MODEL (
  name marts.health,
  /* A view follows loads and settings also when no day has changed. */
  kind VIEW,
  description 'Whether each day of each project is loaded, from its first loaded day to the last of any project, and how many rows its last complete load took and refused.',
  grain (day, project),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    is_tracked = 'TRUE where the settings name the project.',
    is_loaded = 'TRUE where a complete load has covered the day; days of a project that is no longer tracked count as missing, too.',
    rows_accepted = 'Rows of the day that the last complete load accepted; NULL where it is not loaded.',
    rows_quarantined = 'Rows of the day that it put into quarantine.',
    quarantine_share = 'Share of the quarantine in all rows of the day; NULL where there are none.',
    downloads = 'Downloads of the day in marts.downloads_daily; zero without any.',
    difference = 'rows_accepted less downloads; not zero while a load waits for the KPIs.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, project, is_tracked, is_loaded, downloads)),
    forall(criteria := (is_loaded = (rows_accepted IS NOT NULL))),
    kpis_count_what_was_loaded(blocking := FALSE),
    no_day_is_missing(blocking := FALSE)
  )
);

WITH digits AS (
  SELECT 0 AS digit UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
  UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
), numbers AS (
  /* 27 years of days. */
  SELECT
    a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit AS number
  FROM digits AS a
  CROSS JOIN digits AS b
  CROSS JOIN digits AS c
  CROSS JOIN digits AS d
), last_loaded AS (
  SELECT
    MAX(day) AS day
  FROM raw.committed_days
), started AS (
  SELECT
    project,
    MIN(day) AS day
  FROM raw.committed_days
  GROUP BY
    project
), expected AS (
  SELECT
    @add_days(s.day, n.number) AS day,
    s.project
  FROM started AS s
  CROSS JOIN last_loaded AS l
  INNER JOIN numbers AS n
    ON n.number <= DATE_DIFF('DAY', s.day, l.day)
)
SELECT
  e.day,
  e.project::TEXT AS project,
  (t.project IS NOT NULL)::BOOLEAN AS is_tracked,
  (l.project IS NOT NULL)::BOOLEAN AS is_loaded,
  l.accepted::BIGINT AS rows_accepted,
  l.quarantined::BIGINT AS rows_quarantined,
  (CAST(l.quarantined AS DOUBLE) / NULLIF(l.accepted + l.quarantined, 0))::DOUBLE AS quarantine_share,
  COALESCE(d.downloads, 0)::BIGINT AS downloads,
  (l.accepted - COALESCE(d.downloads, 0))::BIGINT AS difference
FROM expected AS e
LEFT JOIN raw.committed_days AS l
  ON e.day = l.day AND e.project = l.project
LEFT JOIN raw.tracked_projects AS t
  ON e.project = t.project
LEFT JOIN marts.downloads_daily AS d
  ON e.day = d.day AND e.project = d.project
