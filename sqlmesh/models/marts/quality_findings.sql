MODEL (
  name marts.quality_findings,
  /* A view follows loads also when no day has changed. */
  kind VIEW,
  -- Restated with the days of each load: otherwise nothing would audit a view of the quarantine again.
  depends_on (marts.load_status),
  description 'What is wrong with the rows upstream: those that the latest committed loads put into quarantine, by reason, and the fields upstream that the contract does not know.',
  grain (kind, project, what),
  audits (
    unique_combination_of_columns(columns := (kind, project, what)),
    not_null(columns := (kind, project, what, first_day, last_day)),
    accepted_values("column" := kind, is_in := ('quarantine', 'drift'))
  )
);

WITH refused AS (
  /* A row may break several rules, a line each: its first one counts. What it holds follows in brackets, and is a stranger's text. */
  SELECT
    q.project,
    q.day,
    SUBSTR(q.reason, 1, STRPOS(q.reason || CHR(10), CHR(10)) - 1) AS line
  FROM raw.quarantine AS q
  INNER JOIN raw.committed_days AS c
    ON q.project = c.project AND q.day = c.day AND q._dlt_load_id = c.load_id
), reasons AS (
  SELECT
    project,
    day,
    SUBSTR(line, 1, STRPOS(line || ' (input ', ' (input ') - 1) AS what
  FROM refused
)
SELECT
  'quarantine'::TEXT AS kind, /* quarantine: rows that failed the contract. drift: a field that is upstream and not in the contract. */
  project::TEXT AS project, /* Normalised name of the project; empty for drift. */
  what::TEXT AS what, /* The first rule that a row breaks, with the field; or the field. */
  MIN(day)::DATE AS first_day, /* First UTC day of such rows, or on which the field was seen. */
  MAX(day)::DATE AS last_day, /* Last UTC day. */
  COUNT(*)::BIGINT AS found /* Number of rows in quarantine, a row of a day that was loaded as counts being one; NULL for drift. */
FROM reasons
GROUP BY
  project,
  what
UNION ALL
SELECT
  'drift'::TEXT AS kind,
  ''::TEXT AS project,
  field::TEXT AS what,
  MIN(CAST(first_seen AT TIME ZONE 'UTC' AS DATE))::DATE AS first_day,
  MAX(CAST(last_seen AT TIME ZONE 'UTC' AS DATE))::DATE AS last_day,
  CAST(NULL AS BIGINT) AS found
FROM raw.schema_drift
GROUP BY
  field
