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
  COALESCE(totals.downloads, 0) <> COALESCE(parts.downloads, 0)
  OR COALESCE(totals.downloads_without_mirrors, 0) <> COALESCE(parts.downloads_without_mirrors, 0)
  OR COALESCE(totals.downloads_by_installers, 0) <> COALESCE(parts.downloads_by_installers, 0)
  OR COALESCE(totals.downloads_outside_ci, 0) <> COALESCE(parts.downloads_outside_ci, 0)
