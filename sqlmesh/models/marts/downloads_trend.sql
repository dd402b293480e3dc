MODEL (
  name marts.downloads_trend,
  kind FULL,
  description 'Downloads of each project on each loaded day from its first download on, and in the 7 and 28 days up to that day. A loaded day without a row is zero; a day that the log is known to lack is NULL; a day that is not loaded has no row.',
  grain (day, project),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, week, weekday, project, is_missing, is_wrong, is_provisional, is_ci_recorded, is_whole_7d, is_whole_28d)),
    forall(
      criteria := (
        is_missing = (downloads IS NULL),
        is_whole_7d = (trailing_7d_downloads IS NOT NULL),
        is_whole_28d = (trailing_28d_downloads IS NOT NULL),
        trailing_7d_downloads <= trailing_28d_downloads OR trailing_28d_downloads IS NULL,
        is_ci_recorded OR downloads = 0 OR downloads_outside_ci IS NULL
      )
    )
  )
);

WITH started AS (
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
), loaded AS (
  SELECT DISTINCT
    day,
    log
  FROM staging.loaded_days
), disturbed AS (
  SELECT
    c.day,
    c.log,
    MIN(CASE WHEN c.day BETWEEN CAST(i.first_day AS DATE) AND CAST(i.last_day AS DATE) THEN i.what END) AS incident,
    MIN(CASE WHEN i.effect = 'changed' AND c.day = CAST(i.first_day AS DATE) THEN i.what END) AS log_change,
    MAX(CASE WHEN i.effect = 'missing' AND c.day BETWEEN CAST(i.first_day AS DATE) AND CAST(i.last_day AS DATE) THEN 1 ELSE 0 END) AS missing,
    MAX(CASE WHEN i.effect = 'wrong' AND c.day BETWEEN CAST(i.first_day AS DATE) AND CAST(i.last_day AS DATE) THEN 1 ELSE 0 END) AS wrong,
    @lenses('MAX(CASE WHEN i.effect = ''changed'' AND i.lens IN ($wider) AND c.day >= CAST(i.first_day AS DATE) THEN CAST(i.first_day AS DATE) END) AS comparable_since_$lens')
  FROM loaded AS c
  INNER JOIN reference.incidents AS i
    ON c.log = i.log
  GROUP BY
    c.day,
    c.log
), spine AS (
  SELECT
    l.day,
    l.week,
    l.project,
    COALESCE(i.missing, 0) = 1 AS is_missing,
    COALESCE(i.wrong, 0) = 1 AS is_wrong,
    DATE_DIFF('DAY', l.day, t.last_day) < @provisional_days AS is_provisional,
    CASE WHEN d.downloads > 0 THEN NOT d.downloads_outside_ci IS NULL ELSE l.is_ci_recorded END AS is_ci_recorded,
    l.origin,
    LAG(l.origin) OVER (PARTITION BY l.project ORDER BY l.day) AS origin_before,
    i.incident,
    i.log_change,
    @lenses('i.comparable_since_$lens'),
    @lenses('CASE WHEN COALESCE(i.missing, 0) = 1 THEN NULL WHEN d.project IS NULL THEN 0 ELSE d.$lens END AS $lens')
  FROM staging.loaded_days AS l
  CROSS JOIN latest AS t
  INNER JOIN started AS s
    ON l.project = s.project AND l.day >= s.first_day
  LEFT JOIN disturbed AS i
    ON l.day = i.day AND l.log = i.log
  LEFT JOIN marts.downloads_daily AS d
    ON l.day = d.day AND l.project = d.project
), windows AS (
  /* A window of rows stretches over days that are not loaded: seven rows are seven days only if the first is six days back. */
  SELECT
    day,
    project,
    COUNT(CASE WHEN NOT is_wrong THEN downloads END) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) = 7
    AND DATE_DIFF('DAY', LAG(day, 6) OVER (PARTITION BY project ORDER BY day), day) = 6 AS is_whole_7d,
    COUNT(CASE WHEN NOT is_wrong THEN downloads END) OVER (PARTITION BY project ORDER BY day ROWS BETWEEN 27 PRECEDING AND CURRENT ROW) = 28
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
  s.is_missing::BOOLEAN AS is_missing, /* TRUE where the log is known to lack the day, by reference.incidents. A loaded day that it does not lack has 0 downloads where it has no row. */
  s.is_provisional::BOOLEAN AS is_provisional, /* TRUE for the last loaded days, whose downloads upstream may still be filling: as many days as the variable provisional_days, counted back from the last loaded day. */
  s.is_wrong::BOOLEAN AS is_wrong, /* TRUE where the counts of the day are known to be wrong, by reference.incidents. */
  s.is_ci_recorded::BOOLEAN AS is_ci_recorded, /* TRUE where the source records continuous integration (CI), by reference.recorded; of clickpy on a day on which at least one download says whether it was in CI. Where it does not, downloads outside CI are NULL. */
  s.incident::TEXT AS incident, /* Known error of the log on the day, by reference.incidents; NULL without one. */
  s.origin::TEXT AS origin, /* Source of the day: bigquery, parquet, demo or clickpy. */
  COALESCE(s.log_change, CASE WHEN s.origin <> s.origin_before THEN 'The source changes from ' || s.origin_before || ' to ' || s.origin || '.' END)::TEXT AS log_change, /* Change of what the log counts or records from this day on, by reference.incidents, or of the source of the days; NULL without one. */
  @described(
    @lenses('s.comparable_since_$lens::DATE AS comparable_since_$lens'),
    'First day from which on the log counts $downloads as it does on this day; NULL where no change is known before it.'
  ),
  @described(@lenses('s.$lens::BIGINT AS $lens'), '$downloads; NULL where the day is missing, or the source does not record what the lens counts by.'),
  COALESCE(w.is_whole_7d, FALSE)::BOOLEAN AS is_whole_7d, /* TRUE where all of the 7 days up to this one are loaded, and none is missing or wrong. */
  COALESCE(w.is_whole_28d, FALSE)::BOOLEAN AS is_whole_28d, /* TRUE where all of the 28 days up to this one are loaded, and none is missing or wrong. */
  @described(
    @lenses('(CASE WHEN w.is_whole_7d THEN w.sum_7d_$lens END)::BIGINT AS trailing_7d_$lens'),
    'Sum of $downloads in the 7 days up to this one; NULL unless they are whole.'
  ),
  @described(
    @lenses('(CASE WHEN w.is_whole_7d THEN CAST(w.sum_7d_$lens AS DOUBLE) / 7 END)::DOUBLE AS mean_7d_$lens'),
    'Mean of $downloads a day in the 7 days up to this one; NULL unless they are whole.'
  ),
  (CASE WHEN w.is_whole_7d THEN CAST(w.sum_7d_downloads_by_installers - w.sum_7d_downloads_outside_ci AS DOUBLE) / 7 END)::DOUBLE AS mean_7d_downloads_in_ci, /* Mean of downloads by installers in CI a day in the 7 days up to this one, a lower bound; NULL unless they are whole, and the source records CI on each of them. */
  @described(
    @lenses('(CASE WHEN w.is_whole_7d THEN CAST(w.sum_7d_$lens AS DOUBLE) / NULLIF(w.sum_7d_downloads, 0) END)::DOUBLE AS share_7d_$lens'),
    'Share of $downloads in all downloads of the 7 days up to this one; NULL unless they are whole.'
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
