MODEL (
  name marts.installer_versions_28d,
  kind FULL,
  description 'Downloads of each project by minor version of pip and uv, by Python and system, and in all, in the 28 days up to its last loaded one: which installers a new kind of metadata or wheel reaches. Downloads without a recorded version are left out.',
  grain (project, installer, installer_version, python_minor, system),
  audits (
    unique_combination_of_columns(columns := (project, installer, installer_version, python_minor, system)),
    not_null(columns := (project, installer, installer_version, python_minor, system, downloads)),
    lenses_nest(),
    shares_sum_to_one(by := (project, installer, python_minor, system))
  )
);

WITH counted AS (
  SELECT
    d.project,
    d.installer,
    d.installer_version,
    d.python_minor,
    d.system,
    p.first_day,
    p.last_day,
    p.days,
    p.days >= @minimum_days AS has_shares,
    @lenses('SUM(d.$lens) AS $lens')
  FROM staging.daily_installers AS d
  INNER JOIN marts.downloads_periods AS p
    ON d.project = p.project AND p.period = '4w' AND d.day BETWEEN p.first_day AND p.last_day
  WHERE
    NOT d.installer_version IN ('none', 'not recorded')
  GROUP BY
    d.project,
    d.installer,
    d.installer_version,
    d.python_minor,
    d.system,
    p.first_day,
    p.last_day,
    p.days
), summed AS (
  SELECT
    project,
    installer,
    installer_version,
    python_minor,
    system,
    first_day,
    last_day,
    days,
    has_shares,
    @lenses('$lens')
  FROM counted
  UNION ALL
  SELECT
    project,
    installer,
    installer_version,
    'all' AS python_minor,
    'all' AS system,
    first_day,
    last_day,
    days,
    has_shares,
    @lenses('SUM($lens) AS $lens')
  FROM counted
  GROUP BY
    project,
    installer,
    installer_version,
    first_day,
    last_day,
    days,
    has_shares
)
SELECT
  project, /* Normalised name of the project. */
  installer, /* pip or uv. */
  installer_version, /* Its minor version, such as 26.1, or unknown. */
  (CAST(NULLIF(REGEXP_EXTRACT(installer_version, '^([0-9]{1,4})', 1), '') AS INT) * 1000 + CAST(NULLIF(REGEXP_EXTRACT(installer_version, '^[0-9]+[.]([0-9]{1,3})', 1), '') AS INT))::INT AS version_order, /* Number to sort by: 26001 for 26.1; NULL for unknown. */
  python_minor, /* Python version of the client, such as 3.12, or unknown; all for the rows of all Pythons and systems. */
  system, /* Operating system of the client, or unknown; all for the rows of all. */
  first_day, /* First UTC day of the 28. */
  last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days, /* Number of the 28 days that are loaded and not missing, from the first download of the project on. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN has_shares THEN CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, installer, python_minor, system), 0) END)::DOUBLE AS share_$lens'),
    'Share of the version in $downloads of the project by the installer on this Python and system; NULL where there are none, or with fewer days than the variable minimum_days.'
  )
FROM summed
