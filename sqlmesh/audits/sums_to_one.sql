AUDIT (
  name sums_to_one,
  defaults (
    share = share_downloads
  )
);

/* The parts of each whole, named by the columns `of`, are all there. */
SELECT
  @EACH(@of, c -> c)
FROM @this_model
GROUP BY
  @EACH(@of, c -> c)
HAVING
  ABS(SUM(@share) - 1) > 0.000001
