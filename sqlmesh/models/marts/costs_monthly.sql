MODEL (
  name marts.costs_monthly,
  /* A view follows the ledger, which belongs to no day of downloads. */
  kind VIEW,
  -- Restated with the days of each load: otherwise nothing would audit a view of the ledger again.
  depends_on (marts.load_status),
  description 'Cost of the queries of each UTC month and project, from the ledger; empty where all data came from files.',
  grain (month, project),
  audits (
    unique_combination_of_columns(columns := (month, project)),
    not_null(columns := (month, project, queries, cost)),
    accepted_range("column" := cost, min_v := 0)
  )
);

WITH sent AS (
  SELECT
    /* Without a time zone, the day would be that of the reader. */
    CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day,
    project,
    status,
    bytes_estimated,
    bytes_expected,
    bytes_billed,
    cost,
    rows_read
  FROM raw.extract_ledger
)
SELECT
  CAST(DATE_TRUNC('MONTH', day) AS DATE) AS month, /* First day of the UTC month in which the queries were sent. */
  project::TEXT AS project, /* Normalised name of the project. */
  COUNT(*)::BIGINT AS queries, /* Number of queries sent. */
  SUM(CASE WHEN status IN ('failed', 'rejected') THEN 1 ELSE 0 END)::BIGINT AS queries_failed, /* Number of queries that failed, or whose rows failed the contract; BigQuery may have billed them. */
  SUM(CASE WHEN status = 'open' THEN 1 ELSE 0 END)::BIGINT AS queries_open, /* Number of queries without a known outcome; they count with the most that they can bill. */
  SUM(bytes_estimated)::BIGINT AS bytes_estimated, /* Upper bound of the bytes to be billed, estimated before each query. */
  SUM(bytes_expected)::BIGINT AS bytes_expected, /* Bytes that were expected to be billed; NULL where nothing was expected. */
  SUM(bytes_billed)::BIGINT AS bytes_billed, /* Bytes billed, as far as known. */
  COALESCE(SUM(cost), 0)::DOUBLE AS cost, /* Cost in US dollars at the price of the time; the free bytes of a month are not deducted. */
  SUM(rows_read)::BIGINT AS rows_read /* Number of rows read. */
FROM sent
GROUP BY
  CAST(DATE_TRUNC('MONTH', day) AS DATE),
  project
