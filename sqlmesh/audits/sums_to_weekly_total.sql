AUDIT (
  name sums_to_weekly_total
);

WITH parts AS (
  SELECT
    week,
    project,
    dimension,
    @lenses('SUM($lens) AS $lens')
  FROM @this_model
  GROUP BY
    week,
    project,
    dimension
), dimensions AS (
  SELECT DISTINCT
    dimension
  FROM parts
), totals AS (
  SELECT
    w.week,
    w.project,
    d.dimension,
    @lenses('w.$lens')
  FROM marts.downloads_weekly AS w
  CROSS JOIN dimensions AS d
)
SELECT
  *
FROM parts
FULL OUTER JOIN totals
  ON totals.week = parts.week AND totals.project = parts.project AND totals.dimension = parts.dimension
WHERE
  /* A week without downloads has no parts. */
  @OR(@lenses('COALESCE(totals.$lens, 0) <> COALESCE(parts.$lens, 0)'))
