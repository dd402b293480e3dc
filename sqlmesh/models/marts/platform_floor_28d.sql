MODEL (
  name marts.platform_floor_28d,
  kind FULL,
  description 'Cost of a higher floor: downloads of each project by the glibc, musl or macOS version of the client, in the 28 days up to its last loaded one, and the share of those with an older one, which wheels for this version would lose. Clients that report no version are left out.',
  grain (project, platform, version),
  audits (
    unique_combination_of_columns(columns := (project, platform, version)),
    not_null(columns := (project, platform, version, version_order, downloads)),
    accepted_values("column" := platform, is_in := ('glibc', 'musl', 'macOS')),
    lenses_nest(),
    forall(criteria := (older_share_downloads IS NULL OR older_share_downloads BETWEEN 0 AND 1))
  )
);

WITH named AS (
  /* From macOS 11 on the first number is what a release raises, before it the second one. */
  SELECT
    d.day,
    d.project,
    CASE WHEN d.libc IN ('glibc', 'musl') THEN d.libc ELSE 'macOS' END AS platform,
    CASE
      WHEN d.libc IN ('glibc', 'musl')
      THEN d.libc_version
      WHEN d.distro_version LIKE '10.%'
      THEN REGEXP_EXTRACT(d.distro_version, '^([0-9]+[.][0-9]+)', 1)
      ELSE REGEXP_EXTRACT(d.distro_version, '^([0-9]+)', 1)
    END AS version,
    @lenses('d.$lens')
  FROM staging.daily_platforms AS d
  WHERE
    (
      d.libc IN ('glibc', 'musl') AND d.libc_version <> 'unknown'
    )
    OR (
      d.libc = 'unknown' AND d.distro = 'macOS' AND d.distro_version <> 'unknown'
    )
), counted AS (
  SELECT
    n.project,
    n.platform,
    n.version,
    p.first_day,
    p.last_day,
    p.days,
    p.days >= @minimum_days AS has_shares,
    CAST(REGEXP_EXTRACT(n.version, '^([0-9]{1,4})', 1) AS INT) * 1000 + COALESCE(CAST(NULLIF(REGEXP_EXTRACT(n.version, '^[0-9]+[.]([0-9]{1,3})', 1), '') AS INT), 0) AS version_order,
    @lenses('SUM(n.$lens) AS $lens')
  FROM named AS n
  INNER JOIN marts.downloads_periods AS p
    ON n.project = p.project AND p.period = '4w' AND n.day BETWEEN p.first_day AND p.last_day
  WHERE
    REGEXP_MATCHES(n.version, '^[0-9]')
  GROUP BY
    n.project,
    n.platform,
    n.version,
    p.first_day,
    p.last_day,
    p.days
), summed AS (
  SELECT
    *,
    @lenses('SUM($lens) OVER (PARTITION BY project, platform) AS total_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project, platform ORDER BY version_order, version ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS up_to_$lens')
  FROM counted
)
SELECT
  project, /* Normalised name of the project. */
  platform::TEXT AS platform, /* What has the version: glibc, musl or macOS. */
  version::TEXT AS version, /* Version of the client, such as 2.28; of macOS from 11 on the first number. */
  version_order::INT AS version_order, /* Number to sort by: 2028 for 2.28. */
  first_day, /* First UTC day of the 28. */
  last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days, /* Number of the 28 days that are loaded and not missing, from the first download of the project on. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN has_shares THEN CAST(up_to_$lens - $lens AS DOUBLE) / NULLIF(total_$lens, 0) END)::DOUBLE AS older_share_$lens'),
    'Cost of making this version the floor: of $downloads by clients that report a version of the platform, the share by clients with an older one. Downloads are no users. NULL with fewer days than the variable minimum_days.'
  )
FROM summed
