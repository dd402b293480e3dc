MODEL (
  name marts.reconciliation,
  kind FULL,
  description 'The sum of each breakdown against the total of its project and day: all differences are zero.',
  grain (day, project, breakdown),
  column_descriptions (
    day = 'UTC day.',
    project = 'Project, by its normalised name.',
    breakdown = 'The mart without its prefix: version is marts.downloads_by_version.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    difference_downloads = 'Sum of the breakdown less the all downloads of marts.downloads_daily.',
    difference_downloads_without_mirrors = 'Sum of the breakdown less the downloads by anything but a mirror of marts.downloads_daily.',
    difference_downloads_by_installers = 'Sum of the breakdown less the downloads by installers of marts.downloads_daily.',
    difference_downloads_outside_ci = 'Sum of the breakdown less the downloads by installers outside continuous integration of marts.downloads_daily.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project, breakdown)),
    not_null(columns := (day, project, breakdown)),
    breakdowns_reconcile()
  )
);

WITH rows_of AS (
  SELECT day, project, 'version' AS breakdown, @lenses('$lens') FROM marts.downloads_by_version
  UNION ALL
  SELECT day, project, 'python' AS breakdown, @lenses('$lens') FROM marts.downloads_by_python
  UNION ALL
  SELECT day, project, 'installer' AS breakdown, @lenses('$lens') FROM marts.downloads_by_installer
  UNION ALL
  SELECT day, project, 'installer_class' AS breakdown, @lenses('$lens') FROM marts.downloads_by_installer_class
  UNION ALL
  SELECT day, project, 'system' AS breakdown, @lenses('$lens') FROM marts.downloads_by_system
  UNION ALL
  SELECT day, project, 'country' AS breakdown, @lenses('$lens') FROM marts.downloads_by_country
  UNION ALL
  SELECT day, project, 'file_type' AS breakdown, @lenses('$lens') FROM marts.downloads_by_file_type
  UNION ALL
  SELECT day, project, 'cpu' AS breakdown, @lenses('$lens') FROM marts.downloads_by_cpu
  UNION ALL
  SELECT day, project, 'distro' AS breakdown, @lenses('$lens') FROM marts.downloads_by_distro
  UNION ALL
  SELECT day, project, 'libc' AS breakdown, @lenses('$lens') FROM marts.downloads_by_libc
  UNION ALL
  SELECT day, project, 'wheel' AS breakdown, @lenses('$lens') FROM marts.downloads_by_wheel
), sums AS (
  SELECT
    day,
    project,
    breakdown,
    @lenses('SUM($lens) AS $lens')
  FROM rows_of
  GROUP BY
    day,
    project,
    breakdown
), breakdowns AS (
  SELECT DISTINCT
    breakdown
  FROM sums
), expected AS (
  SELECT
    t.day,
    t.project,
    b.breakdown,
    @lenses('t.$lens')
  FROM marts.downloads_daily AS t
  CROSS JOIN breakdowns AS b
)
SELECT
  COALESCE(e.day, s.day)::DATE AS day,
  COALESCE(e.project, s.project)::TEXT AS project,
  COALESCE(e.breakdown, s.breakdown)::TEXT AS breakdown,
  @lenses('COALESCE(e.$lens, 0)::BIGINT AS $lens'),
  @lenses('(COALESCE(s.$lens, 0) - COALESCE(e.$lens, 0))::BIGINT AS difference_$lens')
FROM expected AS e
FULL OUTER JOIN sums AS s
  ON e.day = s.day AND e.project = s.project AND e.breakdown = s.breakdown
