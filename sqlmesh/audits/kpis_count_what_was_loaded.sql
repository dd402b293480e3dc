AUDIT (
  name kpis_count_what_was_loaded
);

SELECT
  *
FROM @this_model
WHERE
  difference <> 0
