AUDIT (
  name answers_repeat_marts
);

/* The numbers of a sentence are those of the marts from which it is made; a page that shows both must not contradict itself. */
WITH expected AS (
  SELECT
    p.project,
    'project' AS page,
    '' AS subject,
    l.column_name AS lens,
    p.period,
    CAST(@by_lens(l.column_name, 'p.$lens') AS DOUBLE) AS value
  FROM marts.downloads_periods AS p
  CROSS JOIN reference.lenses AS l
  UNION ALL
  SELECT
    m.project,
    'report' AS page,
    '' AS subject,
    l.column_name AS lens,
    SUBSTR(CAST(m.month AS TEXT), 1, 7) AS period,
    CAST(@by_lens(l.column_name, 'm.$lens') AS DOUBLE) AS value
  FROM marts.downloads_monthly AS m
  CROSS JOIN reference.lenses AS l
  UNION ALL
  SELECT
    s.project,
    'python' AS page,
    s.python_minor AS subject,
    l.column_name AS lens,
    '4w' AS period,
    @by_lens(l.column_name, 's.drop_share_$lens') AS value
  FROM marts.python_support AS s
  CROSS JOIN reference.lenses AS l
  UNION ALL
  SELECT
    y.project,
    'versions' AS page,
    'yanked' AS subject,
    l.column_name AS lens,
    '4w' AS period,
    @by_lens(l.column_name, 'y.share_$lens') AS value
  FROM marts.yanked_28d AS y
  CROSS JOIN reference.lenses AS l
  WHERE
    y.version = 'all'
  UNION ALL
  SELECT
    b.project,
    CASE b.dimension WHEN 'version' THEN 'versions' WHEN 'installer' THEN 'installers' WHEN 'system' THEN 'platforms' ELSE 'countries' END AS page,
    b.label AS subject,
    l.column_name AS lens,
    b.period,
    @by_lens(l.column_name, 'b.share_$lens') AS value
  FROM marts.breakdown_periods AS b
  CROSS JOIN reference.lenses AS l
  WHERE
    b.dimension IN ('version', 'installer', 'system', 'country')
)
SELECT
  a.*
FROM @this_model AS a
LEFT JOIN expected AS e
  ON a.project = e.project
  AND a.page = e.page
  AND a.subject = e.subject
  AND a.lens = e.lens
  AND a.period = e.period
WHERE
  NOT a.page IN ('events', 'quality')
  /* What dropping a Python costs in longer periods no other mart has. */
  AND NOT (
    a.page = 'python' AND a.period <> '4w'
  )
  AND NOT (
    a.page = 'report' AND a.subject <> ''
  )
  AND ABS(a.value - COALESCE(e.value, 0)) > 0.000000001
