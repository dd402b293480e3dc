AUDIT (
  name sums_to_daily_total
);

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
    *
  FROM marts.downloads_daily
  WHERE
    day BETWEEN @start_date AND @end_date
)
SELECT
  *
FROM totals
FULL OUTER JOIN parts
  ON totals.day = parts.day AND totals.project = parts.project
WHERE
  /* A day without downloads, which may have other fetches, has no parts. */
  @OR(@lenses('COALESCE(totals.$lens, 0) <> COALESCE(parts.$lens, 0)'))
