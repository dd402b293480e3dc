AUDIT (
  name shares_sum_to_one
);

SELECT
  @EACH(@by, c -> c)
FROM @this_model
GROUP BY
  @EACH(@by, c -> c)
HAVING
  ABS(SUM(share_downloads) - 1) > 0.000001
