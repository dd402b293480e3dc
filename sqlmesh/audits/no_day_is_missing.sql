AUDIT (
  name no_day_is_missing
);

SELECT
  *
FROM @this_model
WHERE
  is_tracked AND NOT is_loaded
