AUDIT (
  name agrees_with_daily_downloads
);

/* The aggregates read the same rows, and have to count them alike. */
WITH parts AS (
  SELECT
    day,
    project,
    @lenses('SUM($lens) AS $lens')
  FROM @this_model
  GROUP BY
    day,
    project
), totals AS (
  SELECT
    day,
    project,
    @lenses('SUM($lens) AS $lens')
  FROM staging.daily_downloads
  WHERE
    downloads > 0 AND day BETWEEN @start_date AND @end_date
  GROUP BY
    day,
    project
)
SELECT
  *
FROM totals
FULL OUTER JOIN parts
  ON totals.day = parts.day AND totals.project = parts.project
WHERE
  totals.downloads IS NULL
  OR parts.downloads IS NULL
  OR @OR(@lenses('totals.$lens <> parts.$lens'))
