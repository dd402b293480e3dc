AUDIT (
  name counts_every_row
);

/* Grouping and classifying must neither lose a row nor count one twice. */
WITH counted AS (
  SELECT
    day,
    project,
    SUM(downloads) AS downloads
  FROM @this_model
  GROUP BY
    day,
    project
), loaded AS (
  SELECT
    day,
    project,
    COUNT(*) AS downloads
  FROM raw.file_downloads
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
  loaded.downloads IS NULL
  OR counted.downloads IS NULL
  OR loaded.downloads <> counted.downloads
