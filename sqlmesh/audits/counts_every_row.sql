AUDIT (
  name counts_every_row
);

/* Grouping and classifying must neither lose a row nor count one twice. */
WITH counted AS (
  SELECT
    day,
    project,
    SUM(downloads + other_fetches) AS log_rows
  FROM @this_model
  GROUP BY
    day,
    project
), loaded AS (
  SELECT
    day,
    project,
    SUM(log_rows) AS log_rows
  FROM (
    SELECT
      day,
      project,
      1 AS log_rows
    FROM raw.file_downloads
    UNION ALL
    SELECT
      day,
      project,
      log_rows
    FROM raw.daily_counts
  ) AS rows
  WHERE
    day BETWEEN @start_date AND @end_date
  GROUP BY
    day,
    project
)
SELECT
  *
FROM loaded
FULL OUTER JOIN counted
  ON loaded.day = counted.day AND loaded.project = counted.project
WHERE
  loaded.log_rows IS NULL
  OR counted.log_rows IS NULL
  OR loaded.log_rows <> counted.log_rows
