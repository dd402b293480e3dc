MODEL (
  name marts.breakdown_28d,
  kind FULL,
  description 'Downloads of each project in the 28 days up to the last loaded one, by each dimension, with shares.',
  grain (project, dimension, value),
  audits (
    unique_combination_of_columns(columns := (project, dimension, value)),
    not_null(columns := (project, dimension, value, downloads)),
    shares_sum_to_one(by := (project, dimension))
  )
);

WITH latest AS (
  SELECT
    MAX(day) AS last_day
  FROM staging.loaded_days
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
    l.last_day,
    @lenses('SUM(p.$lens)::BIGINT AS $lens')
  FROM parts AS p
  CROSS JOIN latest AS l
  WHERE
    DATE_DIFF('DAY', p.day, l.last_day) BETWEEN 0 AND 27
  GROUP BY
    p.project,
    p.dimension,
    p.value,
    l.last_day
)
SELECT
  project, /* Normalised name of the project. */
  dimension::TEXT AS dimension, /* Name of the dimension: version, python, installer, installer_class, system, country, file_type, wheel_kind, cpu, distro or libc. */
  value::TEXT AS value, /* Value of the dimension, or unknown. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the window. */
  last_day::DATE AS last_day, /* Last UTC day of the window. */
  @described(@lenses('$lens'), '$downloads.'),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, dimension), 0))::DOUBLE AS share_$lens'),
    'Share of the value in $downloads of the project.'
  )
FROM totals
