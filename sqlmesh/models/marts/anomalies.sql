MODEL (
  name marts.anomalies,
  kind FULL,
  description 'Unusual days of each project by each lens, compared with the same weekday of the eight weeks before, with a reason. The score counts deviations from the median in units of 1.4826 median absolute deviations, which is a standard deviation for normal data; a single odd day of the eight changes neither.',
  grain (day, project, lens),
  audits (
    unique_combination_of_columns(columns := (day, project, lens)),
    not_null(columns := (day, project, lens, severity, reason, baseline_days)),
    accepted_values("column" := severity, is_in := ('info', 'warning', 'critical')),
    accepted_values("column" := reason, is_in := ('gap', 'incident', 'provisional', 'release', 'shift', 'spike', 'drop')),
    forall(
      criteria := (
        NOT (downloads IS NULL AND reason IN ('spike', 'drop', 'shift', 'release', 'provisional')),
        NOT (severity <> 'info' AND reason IN ('incident', 'provisional', 'release', 'shift')),
        score IS NULL OR ABS(score) >= 3.5
      )
    )
  )
);

WITH counts AS (
  SELECT
    t.day,
    DATE_DIFF('DAY', CAST('2016-01-01' AS DATE), t.day) AS day_number,
    t.project,
    t.is_missing,
    t.is_provisional,
    t.incident,
    l.column_name AS lens,
    @by_lens(l.column_name, 't.$lens') AS downloads
  FROM marts.downloads_trend AS t
  CROSS JOIN reference.lenses AS l
), weeks_back AS (
  SELECT 7 AS days
  UNION ALL
  SELECT 14 AS days
  UNION ALL
  SELECT 21 AS days
  UNION ALL
  SELECT 28 AS days
  UNION ALL
  SELECT 35 AS days
  UNION ALL
  SELECT 42 AS days
  UNION ALL
  SELECT 49 AS days
  UNION ALL
  SELECT 56 AS days
), baselines AS (
  SELECT
    c.day,
    c.project,
    c.lens,
    b.downloads AS past,
    ROW_NUMBER() OVER (PARTITION BY c.project, c.lens, c.day ORDER BY b.downloads, b.day) AS place,
    COUNT(*) OVER (PARTITION BY c.project, c.lens, c.day) AS places
  FROM counts AS c
  CROSS JOIN weeks_back AS w
  INNER JOIN counts AS b
    ON c.project = b.project
    AND c.lens = b.lens
    AND b.day_number = c.day_number - w.days
  WHERE
    NOT b.downloads IS NULL
), medians AS (
  /* Of an even number the two in the middle, of an odd one the one: engines have no median in common. */
  SELECT
    day,
    project,
    lens,
    places,
    AVG(CASE WHEN 2 * place BETWEEN places AND places + 2 THEN past END) AS usual
  FROM baselines
  WHERE
    places >= 4
  GROUP BY
    day,
    project,
    lens,
    places
), deviations AS (
  SELECT
    m.day,
    m.project,
    m.lens,
    m.places,
    m.usual,
    ABS(b.past - m.usual) AS deviation,
    ROW_NUMBER() OVER (PARTITION BY m.project, m.lens, m.day ORDER BY ABS(b.past - m.usual), b.place) AS place
  FROM medians AS m
  INNER JOIN baselines AS b
    ON m.day = b.day AND m.project = b.project AND m.lens = b.lens
), spreads AS (
  SELECT
    day,
    project,
    lens,
    places,
    usual,
    GREATEST(1.4826 * AVG(CASE WHEN 2 * place BETWEEN places AND places + 2 THEN deviation END), 0.1 * usual, SQRT(usual), 1) AS spread
  FROM deviations
  GROUP BY
    day,
    project,
    lens,
    places,
    usual
), released AS (
  SELECT
    t.day,
    t.project,
    MAX(r.version_order) AS version_order
  FROM marts.downloads_trend AS t
  INNER JOIN staging.releases AS r
    ON t.project = r.project AND DATE_DIFF('DAY', r.released_on, t.day) BETWEEN 0 AND @release_days - 1
  GROUP BY
    t.day,
    t.project
), scored AS (
  SELECT
    c.day,
    c.project,
    c.lens,
    c.is_missing,
    c.is_provisional,
    c.incident,
    c.downloads,
    s.usual,
    s.spread,
    COALESCE(s.places, 0) AS baseline_days,
    (c.downloads - s.usual) / s.spread AS score,
    r.version
  FROM counts AS c
  LEFT JOIN spreads AS s
    ON c.day = s.day AND c.project = s.project AND c.lens = s.lens
  LEFT JOIN released AS n
    ON c.day = n.day AND c.project = n.project
  LEFT JOIN staging.releases AS r
    ON n.project = r.project AND n.version_order = r.version_order
), followed AS (
  SELECT
    day,
    project,
    lens,
    is_missing,
    is_provisional,
    incident,
    downloads,
    usual,
    spread,
    baseline_days,
    score,
    version,
    SUM(CASE WHEN score >= 3.5 THEN 1 ELSE 0 END) OVER (PARTITION BY project, lens ORDER BY day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS high_days,
    SUM(CASE WHEN score <= -3.5 THEN 1 ELSE 0 END) OVER (PARTITION BY project, lens ORDER BY day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS low_days
  FROM scored
), explained AS (
  SELECT
    day,
    project,
    lens,
    downloads,
    usual,
    spread,
    score,
    baseline_days,
    version,
    incident,
    CASE
      WHEN NOT incident IS NULL
      THEN 'incident'
      WHEN is_missing
      THEN 'gap'
      WHEN is_provisional AND score < 0
      THEN 'provisional'
      WHEN NOT version IS NULL AND score > 0
      THEN 'release'
      WHEN score > 0 AND high_days >= 5 OR score < 0 AND low_days >= 5
      THEN 'shift'
      WHEN score > 0
      THEN 'spike'
      ELSE 'drop'
    END AS reason
  FROM followed
  WHERE
    /* Few downloads vary much: below the minimum, nothing of it is news. */
    (
      is_missing AND COALESCE(usual, @anomaly_minimum) >= @anomaly_minimum
    )
    OR (
      ABS(score) >= 3.5 AND GREATEST(downloads, usual) >= @anomaly_minimum
    )
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  lens::TEXT AS lens, /* Lens of the downloads, as the name of its column in other marts. */
  (CASE
    WHEN reason IN ('incident', 'provisional', 'release', 'shift')
    THEN 'info'
    WHEN reason = 'gap'
    THEN 'warning'
    WHEN ABS(score) >= 10 OR downloads < usual / 4
    THEN 'critical'
    WHEN ABS(score) >= 5
    THEN 'warning'
    ELSE 'info'
  END)::TEXT AS severity, /* info for a score of 3.5 or more and for anything explained, warning from 5 on and for a gap, critical from 10 on and for a drop to less than a quarter of the usual. */
  reason::TEXT AS reason, /* gap: the day is missing. incident: reference.incidents lists it. provisional: a drop on one of the last loaded days. release: a rise soon after a release. shift: at least five of the seven days before are off in the same direction. spike or drop: none of these. */
  downloads::BIGINT AS downloads, /* Downloads by the lens; NULL where the day is missing. */
  usual::DOUBLE AS usual, /* Median of the same weekday in the eight weeks before; NULL with fewer than four of them. */
  spread::DOUBLE AS spread, /* Estimate of the standard deviation: 1.4826 times the median absolute deviation, but at least a tenth of usual and at least its square root, the noise of counting. */
  score::DOUBLE AS score, /* Downloads above usual, in units of spread; NULL where the day is missing. */
  (downloads / NULLIF(usual, 0) - 1)::DOUBLE AS change, /* Change against usual, as a fraction of it; NULL where the day is missing or usual is 0. */
  baseline_days::INT AS baseline_days, /* Number of days of which usual is the median. */
  version::TEXT AS version, /* Newest version that was released fewer days ago than the variable release_days; NULL where there is none, or its release day is not known. */
  incident::TEXT AS incident /* Description of the day in reference.incidents. */
FROM explained
