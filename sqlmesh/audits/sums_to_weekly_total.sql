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
LEFT JOIN marts.downloads_weekly AS totals
  ON totals.week = parts.week AND totals.project = parts.project
WHERE
  totals.downloads IS NULL
  OR totals.downloads <> parts.downloads
  OR totals.downloads_without_mirrors <> parts.downloads_without_mirrors
  OR totals.downloads_by_installers <> parts.downloads_by_installers
  OR totals.downloads_outside_ci <> parts.downloads_outside_ci
