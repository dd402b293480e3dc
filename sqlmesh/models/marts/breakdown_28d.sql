MODEL (
  name marts.breakdown_28d,
  kind FULL,
  description 'Downloads of each project in the 28 days up to its last loaded one, by each dimension, with shares.',
  grain (project, dimension, value),
  audits (
    unique_combination_of_columns(columns := (project, dimension, value)),
    not_null(columns := (project, dimension, value, downloads)),
    shares_sum_to_one(by := (project, dimension))
  )
);

WITH latest AS (
  SELECT
    project,
    MAX(day) AS last_day
  FROM staging.loaded_days
  GROUP BY
    project
), spans AS (
  SELECT
    l.project,
    l.last_day,
    COUNT(t.downloads) AS days,
    COUNT(t.downloads) >= @minimum_days AS has_shares,
    SUM(CASE WHEN t.is_wrong THEN 1 ELSE 0 END) AS days_wrong,
    SUM(CASE WHEN t.is_provisional THEN 1 ELSE 0 END) AS days_provisional,
    MIN(t.log_change) AS log_change
  FROM latest AS l
  INNER JOIN marts.downloads_trend AS t
    ON l.project = t.project AND DATE_DIFF('DAY', t.day, l.last_day) BETWEEN 0 AND 27
  GROUP BY
    l.project,
    l.last_day
), parts AS (
  @parts(version, python, installer, system, country, file_type, installer_class, wheel_kind, architecture, threading, cpu, distro, libc)
), totals AS (
  SELECT
    p.project,
    p.dimension,
    p.value,
    s.last_day,
    s.days,
    s.has_shares,
    s.days_wrong,
    s.days_provisional,
    s.log_change,
    @lenses('SUM(p.$lens)::BIGINT AS $lens')
  FROM parts AS p
  INNER JOIN spans AS s
    ON p.project = s.project AND DATE_DIFF('DAY', p.day, s.last_day) BETWEEN 0 AND 27
  GROUP BY
    p.project,
    p.dimension,
    p.value,
    s.last_day,
    s.days,
    s.has_shares,
    s.days_wrong,
    s.days_provisional,
    s.log_change
)
SELECT
  project, /* Normalised name of the project. */
  dimension::TEXT AS dimension, /* Name of the dimension: version, python, installer, installer_class, system, country, file_type, wheel_kind, architecture, threading, cpu, distro or libc. */
  value::TEXT AS value, /* Value of the dimension, or unknown. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the window. */
  last_day::DATE AS last_day, /* Last UTC day of the window: the last loaded one of the project. */
  days::INT AS days, /* Number of days of the window that are loaded and not missing, from the first download of the project on. */
  days_wrong::INT AS days_wrong, /* Number of days whose counts are known to be wrong, by reference.incidents. */
  days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling. */
  log_change::TEXT AS log_change, /* Change of what the log counts or records that falls into the window, by reference.incidents; NULL without one. */
  @described(@lenses('$lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN has_shares THEN CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, dimension), 0) END)::DOUBLE AS share_$lens'),
    'Share of the value in $downloads of the project; NULL with fewer days than the variable minimum_days.'
  )
FROM totals
