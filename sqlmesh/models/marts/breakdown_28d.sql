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
  SELECT day, project, 'version' AS dimension, version AS value, @lenses('$lens') FROM marts.downloads_by_version
  UNION ALL
  SELECT day, project, 'python' AS dimension, python_minor AS value, @lenses('$lens') FROM marts.downloads_by_python
  UNION ALL
  SELECT day, project, 'installer' AS dimension, installer AS value, @lenses('$lens') FROM marts.downloads_by_installer
  UNION ALL
  SELECT day, project, 'system' AS dimension, system AS value, @lenses('$lens') FROM marts.downloads_by_system
  UNION ALL
  SELECT day, project, 'country' AS dimension, country_code AS value, @lenses('$lens') FROM marts.downloads_by_country
  UNION ALL
  SELECT day, project, 'file_type' AS dimension, file_type AS value, @lenses('$lens') FROM marts.downloads_by_file_type
  UNION ALL
  SELECT day, project, 'installer_class' AS dimension, installer_class AS value, @lenses('$lens') FROM marts.downloads_by_installer_class
  UNION ALL
  SELECT day, project, 'wheel_kind' AS dimension, kind AS value, @lenses('$lens') FROM marts.downloads_by_wheel
  UNION ALL
  SELECT day, project, 'architecture' AS dimension, architecture AS value, @lenses('$lens') FROM marts.downloads_by_wheel
  UNION ALL
  SELECT day, project, 'threading' AS dimension, threading AS value, @lenses('$lens') FROM marts.downloads_by_wheel
  UNION ALL
  SELECT day, project, 'cpu' AS dimension, cpu AS value, @lenses('$lens') FROM marts.downloads_by_cpu
  UNION ALL
  SELECT day, project, 'distro' AS dimension, distro AS value, @lenses('$lens') FROM marts.downloads_by_distro
  UNION ALL
  SELECT day, project, 'libc' AS dimension, libc AS value, @lenses('$lens') FROM marts.downloads_by_libc
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
