MODEL (
  name marts.costs_monthly,
  /* A view follows the ledger, which belongs to no day of downloads. */
  kind VIEW,
  description 'What the queries of each UTC month have cost, by project, from the ledger; empty where all data came from files.',
  grain (month, project),
  column_descriptions (
    month = 'First day of the UTC month in which the queries were sent.',
    project = 'Project, by its normalised name.',
    queries = 'Queries that were sent.',
    queries_failed = 'Of these, failed; they may have been billed.',
    queries_open = 'Of these, without known outcome yet; they count at their estimate.',
    bytes_estimated = 'Bytes that they were to bill at most.',
    bytes_billed = 'Bytes that they have billed, as far as known.',
    cost = 'US dollars at the price of the time, before what BigQuery gives away.',
    rows_read = 'Rows that were read.'
  ),
  audits (
    unique_combination_of_columns(columns := (month, project)),
    not_null(columns := (month, project, queries, cost)),
    accepted_range("column" := cost, min_v := 0)
  )
);

WITH sent AS (
  SELECT
    CAST(started_at AS DATE) AS day,
    project,
    status,
    bytes_estimated,
    bytes_billed,
    cost,
    rows_read
  FROM raw.extract_ledger
)
SELECT
  CAST(DATE_TRUNC('MONTH', day) AS DATE) AS month,
  project::TEXT AS project,
  COUNT(*)::BIGINT AS queries,
  SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END)::BIGINT AS queries_failed,
  SUM(CASE WHEN status = 'open' THEN 1 ELSE 0 END)::BIGINT AS queries_open,
  SUM(bytes_estimated)::BIGINT AS bytes_estimated,
  SUM(bytes_billed)::BIGINT AS bytes_billed,
  SUM(cost)::DOUBLE AS cost,
  SUM(rows_read)::BIGINT AS rows_read
FROM sent
GROUP BY
  CAST(DATE_TRUNC('MONTH', day) AS DATE),
  project
