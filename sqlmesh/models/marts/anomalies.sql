MODEL (
  name marts.anomalies,
  kind FULL,
  description 'Unusual days of each project by each lens, compared with the same weekday of the eight weeks before, with a reason. What counts is the ratio of a day to its usual, on a logarithmic scale: half is as far as double. The score is that logarithm in units of the spread that such ratios had in the 28 loaded days before. A day is left out where neither its downloads nor its usual reach the variable anomaly_minimum: few downloads vary much.',
  grain (day, project, lens),
  audits (
    unique_combination_of_columns(columns := (day, project, lens)),
    not_null(columns := (day, project, lens, severity, reason, baseline_days)),
    accepted_values("column" := severity, is_in := ('info', 'warning', 'critical')),
    accepted_values(
      "column" := reason,
      is_in := ('gap', 'incident', 'provisional', 'release', 'common', 'monthly', 'shift', 'spike', 'drop')
    ),
    forall(
      criteria := (
        NOT (downloads IS NULL AND reason <> 'gap'),
        NOT (severity <> 'info' AND NOT reason IN ('gap', 'spike', 'drop')),
        NOT (severity = 'info' AND reason IN ('spike', 'drop') AND (downloads > 5 * usual OR downloads < usual / 4))
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
    COALESCE(t.is_wrong, FALSE) AS is_wrong,
    t.is_provisional,
    t.incident,
    l.column_name AS lens,
    @by_lens(l.column_name, 't.comparable_since_$lens') AS comparable_since,
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
    AND NOT b.is_wrong
    AND COALESCE(c.comparable_since, CAST('1970-01-01' AS DATE)) <= b.day
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
), ratios AS (
  SELECT
    c.day,
    c.project,
    c.lens,
    c.is_missing,
    c.is_wrong,
    c.is_provisional,
    c.incident,
    c.downloads,
    m.usual,
    COALESCE(m.places, 0) AS baseline_days,
    LN((c.downloads + 1) / (m.usual + 1)) AS ratio
  FROM counts AS c
  LEFT JOIN medians AS m
    ON c.day = m.day AND c.project = m.project AND c.lens = m.lens
), spreads AS (
  /* A day counts with a factor of two at most: one spike must not hide the next. Of normal data 1.2533 mean deviations are a standard deviation. */
  SELECT
    *,
    COUNT(ratio) OVER (PARTITION BY project, lens ORDER BY day ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING) AS ratios,
    /* Of a day without a usual, LEAST would make 0.7 in some engines. */
    AVG(CASE WHEN NOT ratio IS NULL THEN LEAST(ABS(ratio), 0.7) END) OVER (PARTITION BY project, lens ORDER BY day ROWS BETWEEN 28 PRECEDING AND 1 PRECEDING) AS deviation
  FROM ratios
), scored AS (
  SELECT
    *,
    CASE WHEN ratios >= 14 THEN GREATEST(1.2533 * deviation, SQRT(1 / (usual + 1)), 0.05) ELSE GREATEST(SQRT(1 / (usual + 1)), 0.3) END AS spread
  FROM spreads
), flagged AS (
  SELECT
    *,
    ratio / spread AS score,
    CASE
      WHEN GREATEST(downloads, usual) < @anomaly_minimum THEN 0
      WHEN downloads > 5 * usual OR (ratio / spread >= 6 AND ratio >= LN(2)) THEN 1
      WHEN downloads < usual / 4 OR (ratio / spread <= -6 AND ratio <= -LN(2)) THEN -1
      ELSE 0
    END AS alarm
  FROM scored
), common AS (
  SELECT
    day,
    lens,
    COUNT(score) AS projects_compared,
    SUM(CASE WHEN score >= 3.5 THEN 1 ELSE 0 END) AS rising,
    SUM(CASE WHEN score <= -3.5 THEN 1 ELSE 0 END) AS falling
  FROM flagged
  GROUP BY
    day,
    lens
), followed AS (
  SELECT
    f.*,
    AVG(CASE WHEN f.alarm = 1 THEN f.ratio END) OVER (PARTITION BY f.project, f.lens ORDER BY f.day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS high_level,
    AVG(CASE WHEN f.alarm = -1 THEN f.ratio END) OVER (PARTITION BY f.project, f.lens ORDER BY f.day ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING) AS low_level
  FROM flagged AS f
), released AS (
  SELECT
    t.day,
    t.project,
    MAX(r.version_order) AS version_order,
    @lenses('SUM(v.$lens) AS $lens')
  FROM marts.downloads_trend AS t
  INNER JOIN staging.releases AS r
    ON t.project = r.project AND DATE_DIFF('DAY', r.released_on, t.day) BETWEEN 0 AND @release_days - 1
    AND COALESCE(r.is_downloaded, TRUE)
  LEFT JOIN marts.downloads_by_version AS v
    ON t.day = v.day AND t.project = v.project AND r.version = v.version
  GROUP BY
    t.day,
    t.project
), known AS (
  SELECT
    f.*,
    r.version,
    COALESCE(@by_lens(f.lens, 'n.$lens'), 0) AS release_downloads,
    c.projects_compared,
    CASE WHEN f.score >= 0 THEN c.rising ELSE c.falling END AS projects_moving,
    m.ratio AS ratio_of_month,
    m.alarm AS alarm_of_month
  FROM followed AS f
  INNER JOIN common AS c
    ON f.day = c.day AND f.lens = c.lens
  LEFT JOIN released AS n
    ON f.day = n.day AND f.project = n.project
  LEFT JOIN staging.releases AS r
    ON n.project = r.project AND n.version_order = r.version_order
  LEFT JOIN flagged AS m
    ON f.project = m.project AND f.lens = m.lens AND m.day = CAST(f.day - INTERVAL 1 MONTH AS DATE)
  WHERE
    /* Few downloads vary much: below the minimum, nothing of it is news. */
    (
      f.is_missing AND COALESCE(f.usual, @anomaly_minimum) >= @anomaly_minimum
    )
    OR f.alarm <> 0
    OR (
      ABS(f.score) >= 3.5 AND GREATEST(f.downloads, f.usual) >= @anomaly_minimum
    )
), explained AS (
  /* A reason has to account for the size of what it explains. */
  SELECT
    *,
    CASE
      WHEN is_missing
      THEN 'gap'
      WHEN is_wrong AND downloads <= 2.5 * usual
      THEN 'incident'
      WHEN is_provisional AND score < 0
      THEN 'provisional'
      WHEN score > 0
      AND release_downloads > 0
      AND downloads - release_downloads <= 5 * usual
      AND LN((GREATEST(downloads - release_downloads, 0) + 1) / (usual + 1)) / spread < 3.5
      THEN 'release'
      WHEN projects_moving >= 3 AND 2 * projects_moving >= projects_compared
      THEN 'common'
      WHEN alarm <> 0 AND alarm = alarm_of_month AND ABS(ratio - ratio_of_month) <= LN(2)
      THEN 'monthly'
      WHEN (alarm = 1 AND ABS(ratio - high_level) <= LN(2)) OR (alarm = -1 AND (low_level <= -LN(4) OR ABS(ratio - low_level) <= LN(2)))
      THEN 'shift'
      WHEN score > 0
      THEN 'spike'
      ELSE 'drop'
    END AS reason
  FROM known
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  lens::TEXT AS lens, /* Lens of the downloads, as the name of its column in other marts. */
  (CASE
    WHEN reason = 'gap'
    THEN 'warning'
    WHEN alarm = 0 OR NOT reason IN ('spike', 'drop')
    THEN 'info'
    WHEN downloads < usual / 4 OR downloads > 5 * usual
    THEN 'critical'
    ELSE 'warning'
  END)::TEXT AS severity, /* critical: downloads below a quarter of the usual, or above five times the usual. warning: at most half of the usual or at least twice as much, with a score of at least 6 in that direction; or a gap. info: a score of at least 3.5 in either direction, or a reason other than spike, drop and gap. */
  reason::TEXT AS reason, /* gap: the log is known to lack the day. incident: its counts are known to be wrong, and the day is no more than 2.5 times the usual. provisional: a drop on one of the last loaded days. release: a rise that is usual without the downloads of what was released in the last days. common: at least three projects, and half of all, are off in the same direction. monthly: the same day of the month before was off alike. shift: one of the seven days before was off in the same direction, and alike, or had collapsed already. spike or drop: none of these. */
  downloads::BIGINT AS downloads, /* Downloads by the lens; NULL where the day is missing. */
  usual::DOUBLE AS usual, /* Median of the same weekday in the eight weeks before, of days that are right and counted alike; NULL with fewer than four of them. */
  ROUND(spread, 9)::DOUBLE AS spread, /* Estimate of the standard deviation of the logarithm of downloads divided by usual: 1.2533 mean deviations of the 28 loaded days before, each with a factor of two at most. At least 0.05 and at least the noise of counting; at least 0.3 with fewer than 14 such days. */
  ROUND(score, 9)::DOUBLE AS score, /* Logarithm of downloads divided by usual (1 added to both), in units of spread; NULL where the day is missing. */
  (downloads / NULLIF(usual, 0) - 1)::DOUBLE AS change, /* Change against usual, as a fraction of it; NULL where the day is missing or usual is 0. */
  baseline_days::INT AS baseline_days, /* Number of days of which usual is the median. */
  version::TEXT AS version, /* Newest version that was released fewer days ago than the variable release_days; NULL where there is none, or its release day is not known. */
  release_downloads::BIGINT AS release_downloads, /* Downloads by the lens of all versions that were released fewer days ago than the variable release_days. */
  projects_moving::INT AS projects_moving, /* Number of projects that are off in the same direction on the day, with a score of at least 3.5. */
  projects_compared::INT AS projects_compared, /* Number of projects that have a usual on the day. */
  incident::TEXT AS incident /* Description of the day in reference.incidents. */
FROM explained
