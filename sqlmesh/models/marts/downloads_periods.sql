MODEL (
  name marts.downloads_periods,
  kind FULL,
  description 'Downloads of each project in the 4, 13 and 52 weeks up to its last loaded day, with the change against as many weeks before, where both are whole and the log counts them alike.',
  grain (project, period),
  audits (
    unique_combination_of_columns(columns := (project, period)),
    not_null(columns := (project, period, first_day, last_day, length, days, is_whole)),
    accepted_values("column" := period, is_in := ('4w', '13w', '52w')),
    forall(criteria := (
      days <= length,
      is_whole = (days = length AND days_wrong = 0),
      previous_downloads IS NULL OR is_whole,
      ci_share_downloads IS NULL OR ci_share_downloads BETWEEN 0 AND 1
    ))
  )
);

WITH latest AS (
  SELECT
    project,
    MAX(day) AS last_day
  FROM marts.downloads_trend
  GROUP BY
    project
), periods AS (
  SELECT '4w' AS period, 28 AS length UNION ALL SELECT '13w' AS period, 91 AS length UNION ALL SELECT '52w' AS period, 364 AS length
), aged AS (
  SELECT
    l.project,
    p.period,
    p.length,
    l.last_day,
    DATE_DIFF('DAY', t.day, l.last_day) < p.length AS is_now,
    t.is_missing,
    COALESCE(t.is_wrong, FALSE) AS is_wrong,
    t.is_provisional,
    COALESCE(t.is_ci_recorded, TRUE) AS is_ci_recorded,
    t.log_change,
    @lenses('t.comparable_since_$lens'),
    @lenses('t.$lens')
  FROM latest AS l
  CROSS JOIN periods AS p
  INNER JOIN marts.downloads_trend AS t
    ON l.project = t.project AND DATE_DIFF('DAY', t.day, l.last_day) BETWEEN 0 AND 2 * p.length - 1
), counted AS (
  SELECT
    project,
    period,
    length,
    last_day,
    @add_days(last_day, 1 - 2 * length) AS previous_first_day,
    COUNT(CASE WHEN is_now THEN downloads END) AS days,
    SUM(CASE WHEN is_now AND is_missing THEN 1 ELSE 0 END) AS days_missing,
    SUM(CASE WHEN is_now AND is_wrong THEN 1 ELSE 0 END) AS days_wrong,
    SUM(CASE WHEN is_now AND is_provisional THEN 1 ELSE 0 END) AS days_provisional,
    MIN(CASE WHEN is_now AND NOT is_ci_recorded THEN 0 ELSE 1 END) = 1 AS is_ci_recorded,
    MIN(CASE WHEN is_now THEN log_change END) AS log_change,
    COUNT(CASE WHEN NOT is_wrong THEN downloads END) = 2 * length AS is_comparable,
    @lenses('MAX(comparable_since_$lens) AS comparable_since_$lens'),
    @lenses('SUM(CASE WHEN is_now THEN $lens END) AS $lens'),
    @lenses('SUM(CASE WHEN NOT is_now THEN $lens END) AS earlier_$lens')
  FROM aged
  GROUP BY
    project,
    period,
    length,
    last_day
), compared AS (
  SELECT
    c.*,
    c.days = c.length AND c.days_wrong = 0 AS is_whole,
    @comparable('CASE WHEN c.is_comparable THEN c.earlier_$lens END AS previous_$lens', c, c.previous_first_day)
  FROM counted AS c
)
SELECT
  project, /* Normalised name of the project. */
  period::TEXT AS period, /* Name of the period: 4w, 13w or 52w. */
  length::INT AS length, /* Number of days of the period. */
  @add_days(last_day, 1 - length)::DATE AS first_day, /* First UTC day of the period. */
  last_day::DATE AS last_day, /* Last UTC day of the period: the last loaded one of the project. */
  days::INT AS days, /* Number of days of the period that are loaded and not missing, from the first download of the project on. */
  is_whole::BOOLEAN AS is_whole, /* TRUE where all days of the period are loaded, and none is missing upstream or known to be wrong. */
  days_missing::INT AS days_missing, /* Number of loaded days that the log is known to lack. */
  days_wrong::INT AS days_wrong, /* Number of days whose counts are known to be wrong, by reference.incidents. */
  days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling: downloads and changes are then too low. */
  is_ci_recorded::BOOLEAN AS is_ci_recorded, /* TRUE where the log records continuous integration (CI) on each day of the period. */
  log_change::TEXT AS log_change, /* Change of what the log counts or records that falls into the period, by reference.incidents; NULL without one. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads of the days that are there.'),
  @described(
    @lenses('previous_$lens::BIGINT AS previous_$lens'),
    '$downloads of as many days before; NULL unless both periods are whole and counted alike.'
  ),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(previous_$lens, 0) - 1)::DOUBLE AS change_$lens'),
    'Change against as many days before, as a fraction of them; NULL unless both periods are whole and counted alike.'
  ),
  @described(
    @lenses('(CASE WHEN is_ci_recorded AND ''$lens'' <> ''downloads_outside_ci'' THEN CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF($lens, 0) END)::DOUBLE AS ci_share_$lens'),
    'Share of downloads in CI in $downloads, a lower bound; NULL where the log does not record CI on each day, and outside CI.'
  )
FROM compared
