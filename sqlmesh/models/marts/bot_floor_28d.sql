MODEL (
  name marts.bot_floor_28d,
  kind FULL,
  description 'The floor of bots: what nearly every version of a project is downloaded, however old it is, in the 28 days up to the last loaded one. Mirrors, scanners and archives fetch all versions alike, people few of them. A quarter of the versions have no more downloads than the lower quartile; that many of each version (all, where it has fewer) are the estimate of what nobody installs. It is too high where old versions are really used, and there is none with fewer than eight versions.',
  grain project,
  audits (
    unique_values(columns := project),
    not_null(columns := (project, versions)),
    forall(criteria := (floor_share_downloads IS NULL OR floor_share_downloads BETWEEN 0 AND 1))
  )
);

WITH counted AS (
  SELECT
    d.project,
    d.version,
    p.first_day,
    p.last_day,
    p.days,
    p.days >= @minimum_days AS has_shares,
    @lenses('SUM(d.$lens) AS $lens')
  FROM marts.downloads_by_version AS d
  INNER JOIN marts.downloads_periods AS p
    ON d.project = p.project AND p.period = '4w' AND d.day BETWEEN p.first_day AND p.last_day
  GROUP BY
    d.project,
    d.version,
    p.first_day,
    p.last_day,
    p.days
), ranked AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY project) AS versions,
    @lenses('ROW_NUMBER() OVER (PARTITION BY project ORDER BY $lens, version) AS place_$lens')
  FROM counted
), quartiles AS (
  SELECT
    *,
    @lenses('MAX(CASE WHEN versions >= 8 AND 4 * place_$lens <= versions THEN $lens END) OVER (PARTITION BY project) AS floor_$lens')
  FROM ranked
), floors AS (
  SELECT
    project,
    first_day,
    last_day,
    days,
    has_shares,
    versions,
    @lenses('MAX(floor_$lens) AS floor_$lens'),
    @lenses('SUM(CASE WHEN $lens < floor_$lens THEN $lens ELSE floor_$lens END) AS below_$lens'),
    @lenses('SUM($lens) AS $lens')
  FROM quartiles
  GROUP BY
    project,
    first_day,
    last_day,
    days,
    has_shares,
    versions
)
SELECT
  project, /* Normalised name of the project. */
  first_day, /* First UTC day of the 28. */
  last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days, /* Number of the 28 days that are loaded and not missing, from the first download of the project on. */
  versions::INT AS versions, /* Number of versions that were downloaded in the 28 days; one that nobody fetched does not count. */
  @described(
    @lenses('(CASE WHEN NOT $lens IS NULL THEN floor_$lens END)::BIGINT AS floor_$lens'),
    'Lower quartile of $downloads of a version in the 28 days; NULL with fewer than eight versions.'
  ),
  @described(
    @lenses('(CASE WHEN has_shares THEN CAST(below_$lens AS DOUBLE) / NULLIF($lens, 0) END)::DOUBLE AS floor_share_$lens'),
    'Share of the floor in $downloads of the project, where the floor is of each version floor_$lens, or all where it has fewer; NULL with fewer than eight versions, or with fewer days than the variable minimum_days.'
  )
FROM floors
