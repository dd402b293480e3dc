AUDIT (
  name sums_to_weekly_total
);

WITH parts AS (
  SELECT
    week,
    project,
    @lenses('SUM($lens) AS $lens')
  FROM @this_model
  GROUP BY
    week,
    project
)
SELECT
  *
FROM parts
FULL OUTER JOIN marts.downloads_weekly AS totals
  ON totals.week = parts.week AND totals.project = parts.project
WHERE
  /* A week without downloads has no parts. */
  @OR(@lenses('COALESCE(totals.$lens, 0) <> COALESCE(parts.$lens, 0)'))
