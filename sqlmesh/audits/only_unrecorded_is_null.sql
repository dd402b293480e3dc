AUDIT (
  name only_unrecorded_is_null
);

/* By the seed itself, not by the macro that reads it. */
WITH found AS (
  SELECT
    day,
    project,
    COUNT(*) AS all_rows,
    COUNT(@column) AS filled
  FROM @this_model
  GROUP BY
    day,
    project
)
SELECT
  *
FROM found AS f
INNER JOIN raw.committed_days AS c
  ON f.day = c.day AND f.project = c.project
INNER JOIN reference.recorded AS r
  ON c.origin = r.origin AND r.dimension = @dimension
WHERE
  f.filled <> CASE WHEN CAST(r.first_day AS DATE) <= f.day THEN f.all_rows ELSE 0 END
