MODEL (
  name marts.health,
  /* A view follows loads and settings also when no day has changed. */
  kind VIEW,
  description 'Whether each day of each project is loaded, from its first loaded day to the last one of any project, and how many rows the latest committed load of the day accepted and put into quarantine.',
  grain (day, project),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, project, is_tracked, is_loaded, status, downloads)),
    forall(criteria := (is_loaded = (rows_accepted IS NOT NULL), is_loaded = (status <> 'not loaded'))),
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
  e.day, /* UTC day. */
  e.project::TEXT AS project, /* Normalised name of the project. */
  (t.project IS NOT NULL)::BOOLEAN AS is_tracked, /* TRUE where the settings name the project. */
  (l.project IS NOT NULL)::BOOLEAN AS is_loaded, /* TRUE where a committed load covers the day. Days after the last one of an untracked project count as not loaded. */
  (
    CASE
      WHEN l.project IS NULL
      THEN 'not loaded'
      WHEN s.is_missing
      THEN 'missing'
      WHEN s.is_wrong
      THEN 'wrong'
      WHEN l.quarantined > 0
      THEN 'quarantine'
      WHEN s.is_provisional
      THEN 'provisional'
      ELSE 'whole'
    END
  )::TEXT AS status, /* not loaded; missing or wrong in the log, by reference.incidents; quarantine where rows of it failed the contract; provisional where upstream may still be filling it; else whole. The first that applies. */
  l.origin::TEXT AS origin, /* Where the day was loaded from; NULL where it is not loaded. */
  l.accepted::BIGINT AS rows_accepted, /* Number of rows of the day that its latest committed load accepted; NULL where it is not loaded. */
  l.quarantined::BIGINT AS rows_quarantined, /* Number of rows of the day that this load put into quarantine; NULL where it is not loaded. */
  (CAST(l.quarantined AS DOUBLE) / NULLIF(l.accepted + l.quarantined, 0))::DOUBLE AS quarantine_share, /* Share of rows_quarantined in all rows of the day; NULL where there are none. */
  COALESCE(d.downloads, 0)::BIGINT AS downloads, /* Downloads of the day in marts.downloads_daily, or 0. */
  COALESCE(d.other_fetches, 0)::BIGINT AS other_fetches, /* Rows of the day that are no downloads, in marts.downloads_daily, or 0. */
  (l.accepted - COALESCE(d.downloads, 0) - COALESCE(d.other_fetches, 0))::BIGINT AS difference /* rows_accepted minus downloads and other_fetches; other than 0 while the KPIs wait for a load. */
FROM expected AS e
LEFT JOIN raw.committed_days AS l
  ON e.day = l.day AND e.project = l.project
LEFT JOIN raw.tracked_projects AS t
  ON e.project = t.project
LEFT JOIN marts.downloads_daily AS d
  ON e.day = d.day AND e.project = d.project
LEFT JOIN marts.downloads_trend AS s
  ON e.day = s.day AND e.project = s.project
