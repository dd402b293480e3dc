MODEL (
  name marts.downloads_trend,
  kind FULL,
  description 'Downloads of each project on each loaded day from its first download on, and in the 7 and 28 days up to that day. A day without a download of any project is missing upstream: NULL, never zero.',
  grain (day, project),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, week, weekday, project, is_missing, is_provisional, is_whole_7d, is_whole_28d)),
    forall(
      criteria := (
        is_missing = (downloads IS NULL),
        is_whole_7d = (trailing_7d_downloads IS NOT NULL),
        is_whole_28d = (trailing_28d_downloads IS NOT NULL),
        trailing_7d_downloads <= trailing_28d_downloads OR trailing_28d_downloads IS NULL
      )
    )
  )
);

WITH covered AS (
  SELECT DISTINCT
    day
  FROM marts.downloads_daily
  WHERE
    downloads > 0
), started AS (
  SELECT
    project,
    MIN(day) AS first_day
  FROM marts.downloads_daily
  WHERE
    downloads > 0
  GROUP BY
    project
), latest AS (
  SELECT
    MAX(day) AS last_day
  FROM staging.loaded_days
), disturbed AS (
  SELECT
    c.day,
    MIN(i.what) AS incident
  FROM (
    SELECT DISTINCT
      day
    FROM staging.loaded_days
  ) AS c
  INNER JOIN reference.incidents AS i
    ON c.day BETWEEN CAST(i.first_day AS DATE) AND CAST(i.last_day AS DATE)
  GROUP BY
    c.day
), spine AS (
  SELECT
    l.day,
    l.week,
    l.project,
    c.day IS NULL AS is_missing,
    DATE_DIFF('DAY', l.day, t.last_day) < @provisional_days AS is_provisional,
    i.incident,
    @lenses('CASE WHEN c.day IS NOT NULL THEN COALESCE(d.$lens, 0) END AS $lens')
  FROM staging.loaded_days AS l
  CROSS JOIN latest AS t
  INNER JOIN started AS s
    ON l.project = s.project AND l.day >= s.first_day
  LEFT JOIN covered AS c
    ON l.day = c.day
  LEFT JOIN disturbed AS i
    ON l.day = i.day
  LEFT JOIN marts.downloads_daily AS d
    ON l.day = d.day AND l.project = d.project
), windows AS (
  /* A window of rows stretches over days that are not loaded: seven rows are seven days only if the first is six days back. */
  SELECT
    day,
    project,
    COUNT(downloads) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) = 7
    AND DATE_DIFF('DAY', LAG(day, 6) OVER (PARTITION BY project ORDER BY day), day) = 6 AS is_whole_7d,
    COUNT(downloads) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW) = 28
    AND DATE_DIFF('DAY', LAG(day, 27) OVER (PARTITION BY project ORDER BY day), day) = 27 AS is_whole_28d,
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS sum_7d_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW) AS sum_28d_$lens'),
    @lenses('$lens + LAG($lens, 7) OVER (PARTITION BY project ORDER BY day) + LAG($lens, 14) OVER (PARTITION BY project ORDER BY day) + LAG($lens, 21) OVER (PARTITION BY project ORDER BY day) AS weekday_$lens')
  FROM spine
)
SELECT
  s.day, /* UTC day. */
  s.week, /* Monday of the week of the day. */
  (DATE_DIFF('DAY', s.week, s.day) + 1)::INT AS weekday, /* 1 for Monday to 7 for Sunday. */
  s.project, /* Normalised name of the project. */
  s.is_missing::BOOLEAN AS is_missing, /* TRUE where the log has no download of any tracked project on the day. */
  s.is_provisional::BOOLEAN AS is_provisional, /* TRUE for the last loaded days, whose downloads upstream may still be filling: as many days as the variable provisional_days, counted back from the last loaded day. */
  s.incident::TEXT AS incident, /* Known error of the log on the day, by reference.incidents; NULL without one. */
  @described(@lenses('s.$lens::BIGINT AS $lens'), '$downloads; NULL where the day is missing.'),
  COALESCE(w.is_whole_7d, FALSE)::BOOLEAN AS is_whole_7d, /* TRUE where all of the 7 days up to this one are loaded and none is missing. */
  COALESCE(w.is_whole_28d, FALSE)::BOOLEAN AS is_whole_28d, /* TRUE where all of the 28 days up to this one are loaded and none is missing. */
  @described(
    @lenses('(CASE WHEN w.is_whole_7d THEN w.sum_7d_$lens END)::BIGINT AS trailing_7d_$lens'),
    'Sum of $downloads in the 7 days up to this one; NULL unless they are whole.'
  ),
  @described(
    @lenses('(CASE WHEN w.is_whole_28d THEN w.sum_28d_$lens END)::BIGINT AS trailing_28d_$lens'),
    'Sum of $downloads in the 28 days up to this one; NULL unless they are whole.'
  ),
  @described(
    @lenses('(CASE WHEN w.is_whole_28d THEN CAST(w.weekday_$lens * 7 AS DOUBLE) / NULLIF(w.sum_28d_$lens, 0) END)::DOUBLE AS weekday_index_$lens'),
    'Mean of $downloads on the last four days with this weekday, divided by their mean on the 28 days up to this one: 1 is an average day; NULL unless the 28 days are whole.'
  )
FROM spine AS s
INNER JOIN windows AS w
  ON s.day = w.day AND s.project = w.project
