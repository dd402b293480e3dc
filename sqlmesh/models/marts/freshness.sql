MODEL (
  name marts.freshness,
  /* A view follows loads and settings also when no day has changed. */
  kind VIEW,
  description 'How far the data of each project goes, how whole it is, and how much of it is in quarantine.',
  grain project,
  column_descriptions (
    project = 'Project, by its normalised name.',
    is_tracked = 'TRUE where the settings name the project.',
    first_day = 'First loaded UTC day.',
    last_day = 'Last loaded UTC day.',
    days_behind = 'Days from its last loaded day to the last of any project.',
    days_loaded = 'Days that are loaded.',
    days_missing = 'Days between its first loaded day and the last of any project that are not.',
    rows_accepted = 'Rows accepted, by the last complete load of each day.',
    rows_quarantined = 'Rows in quarantine.',
    quarantine_share = 'Share of the quarantine in all rows; NULL where there are none.'
  ),
  audits (
    unique_values(columns := project),
    not_null(columns := (project, is_tracked, first_day, last_day, days_behind, days_missing)),
    forall(criteria := (days_behind >= 0, days_missing >= days_behind))
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
  project,
  is_tracked,
  first_day::DATE AS first_day,
  last_day::DATE AS last_day,
  DATE_DIFF('DAY', last_day, last_of_any)::BIGINT AS days_behind,
  days_loaded::BIGINT AS days_loaded,
  days_missing::BIGINT AS days_missing,
  rows_accepted::BIGINT AS rows_accepted,
  rows_quarantined::BIGINT AS rows_quarantined,
  (CAST(rows_quarantined AS DOUBLE) / NULLIF(rows_accepted + rows_quarantined, 0))::DOUBLE AS quarantine_share
FROM spans
