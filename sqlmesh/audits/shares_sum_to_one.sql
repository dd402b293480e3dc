AUDIT (
  name shares_sum_to_one
);

SELECT
  project,
  dimension
FROM @this_model
GROUP BY
  project,
  dimension
HAVING
  ABS(SUM(share_downloads) - 1) > 0.000001
