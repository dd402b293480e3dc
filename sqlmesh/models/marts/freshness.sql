MODEL (
  name marts.freshness,
  /* A view follows loads and settings also when no day has changed. */
  kind VIEW,
  description 'Span of the loaded days of each project, its gaps, its share of rows in quarantine, and since when its releases are known.',
  grain project,
  audits (
    unique_values(columns := project),
    not_null(columns := (project, is_tracked, first_day, last_day, days_behind, days_behind_others, days_missing)),
    forall(criteria := (days_behind >= 0, days_behind_others >= 0, days_missing >= days_behind_others))
  )
);

WITH spans AS (
  SELECT
    project,
    is_tracked,
    MIN(day) AS first_day,
    MAX(CASE WHEN is_loaded THEN day END) AS last_day,
    MAX(day) AS last_of_any,
    SUM(CASE WHEN is_loaded THEN 1 ELSE 0 END) AS days_loaded,
    SUM(CASE WHEN is_loaded THEN 0 ELSE 1 END) AS days_missing,
    SUM(rows_accepted) AS rows_accepted,
    SUM(rows_quarantined) AS rows_quarantined
  FROM marts.health
  GROUP BY
    project,
    is_tracked
)
SELECT
  s.project, /* Normalised name of the project. */
  is_tracked, /* TRUE where the settings name the project. */
  first_day::DATE AS first_day, /* First loaded UTC day. */
  last_day::DATE AS last_day, /* Last loaded UTC day. */
  GREATEST(DATE_DIFF('DAY', last_day, CAST(CURRENT_TIMESTAMP AT TIME ZONE 'UTC' AS DATE)) - 1, 0)::BIGINT AS days_behind, /* Number of whole UTC days after the last loaded day of the project, by the clock of whoever reads this view; in an export, of the export. */
  DATE_DIFF('DAY', last_day, last_of_any)::BIGINT AS days_behind_others, /* Number of days from the last loaded day of the project to the last one of any project. */
  days_loaded::BIGINT AS days_loaded, /* Number of loaded days. */
  days_missing::BIGINT AS days_missing, /* Number of days that are not loaded, from the first loaded day of the project to the last one of any project. */
  rows_accepted::BIGINT AS rows_accepted, /* Number of accepted rows, by the latest committed load of each day. */
  rows_quarantined::BIGINT AS rows_quarantined, /* Number of rows in quarantine, by the same loads. */
  (CAST(rows_quarantined AS DOUBLE) / NULLIF(rows_accepted + rows_quarantined, 0))::DOUBLE AS quarantine_share, /* Share of rows_quarantined in all rows; NULL where there are none. */
  (CASE WHEN NOT p.load_id IS NULL THEN CAST(p.fetched_at AS DATE) END)::DATE AS releases_known_on, /* UTC day on which the index has last given or confirmed the releases of the project; NULL where they are not known. */
  CAST(p.failed_since AS DATE)::DATE AS releases_failed_since, /* UTC day since which the index has not given them; NULL where it gave them when it was last asked. */
  p.status::TEXT AS index_status, /* Status of the project on the index (PEP 792): active, archived, deprecated or quarantined; NULL where it is not known. */
  p.status_reason::TEXT AS index_status_reason /* Reason of index_status; NULL without one. */
FROM spans AS s
LEFT JOIN raw.release_pages AS p
  ON s.project = p.project
