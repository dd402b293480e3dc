AUDIT (
  name sums_to_period_total
);

WITH parts AS (
  SELECT
    project,
    period,
    dimension,
    @lenses('SUM($lens) AS $lens')
  FROM @this_model
  GROUP BY
    project,
    period,
    dimension
), totals AS (
  SELECT
    project,
    period,
    @lenses('$lens')
  FROM marts.downloads_periods
  UNION ALL
  SELECT
    project,
    SUBSTR(CAST(month AS TEXT), 1, 7) AS period,
    @lenses('$lens')
  FROM marts.downloads_monthly
)
SELECT
  totals.*
FROM parts
INNER JOIN totals
  ON totals.project = parts.project AND totals.period = parts.period
WHERE
  @OR(@lenses('COALESCE(totals.$lens, 0) <> parts.$lens'))
