MODEL (
  name marts.bot_floor_28d,
  kind FULL,
  description 'The floor of bots: what nearly every version of a project is downloaded, however old it is, in the 28 days up to the last loaded one. Mirrors, scanners and archives fetch all versions alike, people few; so the lower quartile of the downloads of a version, counted for each version up to what it has, is an estimate of what nobody installs. An upper bound for projects whose old versions are really used, and nothing for projects with fewer than eight versions.',
  grain project,
  audits (
    unique_values(columns := project),
    not_null(columns := (project, versions)),
    forall(criteria := (floor_share_downloads IS NULL OR floor_share_downloads BETWEEN 0 AND 1))
  )
);

WITH latest AS (
  SELECT
    project,
    MAX(day) AS last_day
  FROM staging.loaded_days
  GROUP BY
    project
), counted AS (
  SELECT
    d.project,
    d.version,
    l.last_day,
    @lenses('SUM(d.$lens) AS $lens')
  FROM marts.downloads_by_version AS d
  INNER JOIN latest AS l
    ON d.project = l.project AND DATE_DIFF('DAY', d.day, l.last_day) BETWEEN 0 AND 27
  GROUP BY
    d.project,
    d.version,
    l.last_day
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
    last_day,
    versions,
    @lenses('MAX(floor_$lens) AS floor_$lens'),
    @lenses('SUM(CASE WHEN $lens < floor_$lens THEN $lens ELSE floor_$lens END) AS below_$lens'),
    @lenses('SUM($lens) AS $lens')
  FROM quartiles
  GROUP BY
    project,
    last_day,
    versions
)
SELECT
  project, /* Normalised name of the project. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the 28. */
  last_day::DATE AS last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  versions::INT AS versions, /* Number of versions that were downloaded in the 28 days. */
  @described(
    @lenses('(CASE WHEN NOT $lens IS NULL THEN floor_$lens END)::BIGINT AS floor_$lens'),
    'Lower quartile of $downloads of a version in the 28 days; NULL with fewer than eight versions.'
  ),
  @described(
    @lenses('(CAST(below_$lens AS DOUBLE) / NULLIF($lens, 0))::DOUBLE AS floor_share_$lens'),
    'Share of the floor in $downloads of the project: of each version floor_$lens at most; NULL with fewer than eight versions.'
  )
FROM floors
