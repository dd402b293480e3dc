MODEL (
  name staging.releases,
  kind FULL,
  description 'Each version of each project, the days on which it was seen, and the day of its release where that is known.',
  grain (project, version),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, version_order, first_seen, last_seen, downloads)),
    forall(criteria := (first_seen <= last_seen, released_on IS NULL OR released_on = first_seen, (released_on IS NULL) = (release_source IS NULL))),
    lenses_nest()
  )
);

WITH by_day AS (
  SELECT
    day,
    project,
    version,
    @lenses('SUM($lens) AS $lens')
  FROM staging.daily_downloads
  WHERE
    downloads > 0
  GROUP BY
    day,
    project,
    version
), seen AS (
  SELECT
    project,
    version,
    MIN(day) AS first_seen,
    MAX(day) AS last_seen,
    COUNT(*) AS days_seen,
    @lenses('SUM($lens) AS $lens')
  FROM by_day
  GROUP BY
    project,
    version
), totals AS (
  SELECT
    day,
    project,
    SUM(downloads) AS downloads
  FROM by_day
  GROUP BY
    day,
    project
), running AS (
  SELECT
    day,
    project,
    SUM(downloads) OVER (PARTITION BY project ORDER BY day) AS total
  FROM totals
), starts AS (
  /* The project's downloads in the 28 days from the first one of each version on. */
  SELECT
    s.project,
    s.version,
    MAX(r.total) - MAX(CASE WHEN r.day < s.first_seen THEN r.total ELSE 0 END) AS total
  FROM seen AS s
  INNER JOIN running AS r
    ON s.project = r.project AND DATE_DIFF('DAY', s.first_seen, r.day) <= 27
  GROUP BY
    s.project,
    s.version
), own_starts AS (
  SELECT
    s.project,
    s.version,
    SUM(d.downloads) AS downloads
  FROM seen AS s
  INNER JOIN by_day AS d
    ON s.project = d.project AND s.version = d.version AND DATE_DIFF('DAY', s.first_seen, d.day) <= 27
  GROUP BY
    s.project,
    s.version
), loaded AS (
  /* How many of the days before each first one are known: of a version that was not seen there, it was not out. */
  SELECT
    s.project,
    s.version,
    SUM(CASE WHEN DATE_DIFF('DAY', l.day, s.first_seen) BETWEEN 1 AND @days_before_release THEN 1 ELSE 0 END) AS days_before,
    MAX(l.day) AS last_day
  FROM seen AS s
  LEFT JOIN staging.loaded_days AS l
    ON s.project = l.project
  GROUP BY
    s.project,
    s.version
), ordered AS (
  SELECT
    s.project,
    s.version,
    o.version_order,
    o.is_valid,
    o.is_prerelease,
    o.major,
    o.minor,
    s.first_seen,
    s.last_seen,
    MIN(s.first_seen) OVER (PARTITION BY s.project) AS first_day,
    b.days_before,
    (s.days_seen < 2 AND s.first_seen < b.last_day) OR (NOT o.is_prerelease AND w.downloads < 0.01 * t.total) AS is_stray,
    @lenses('s.$lens')
  FROM seen AS s
  INNER JOIN staging.version_order AS o
    ON s.project = o.project AND s.version = o.version
  INNER JOIN loaded AS b
    ON s.project = b.project AND s.version = b.version
  INNER JOIN starts AS t
    ON s.project = t.project AND s.version = t.version
  INNER JOIN own_starts AS w
    ON s.project = w.project AND s.version = w.version
), newest_at_start AS (
  SELECT
    project,
    MAX(version_order) AS newest,
    MAX(CASE WHEN NOT is_prerelease THEN version_order END) AS newest_stable
  FROM ordered
  WHERE
    is_valid AND NOT is_stray AND DATE_DIFF('DAY', first_day, first_seen) < @days_before_release
  GROUP BY
    project
), released AS (
  SELECT
    o.*,
    CASE
      WHEN o.is_valid
      AND NOT o.is_stray
      AND o.days_before = @days_before_release
      AND o.version_order > COALESCE(CASE WHEN o.is_prerelease THEN n.newest ELSE n.newest_stable END, 0)
      THEN o.first_seen
    END AS released_on
  FROM ordered AS o
  LEFT JOIN newest_at_start AS n
    ON o.project = n.project
)
SELECT
  project, /* Normalised name of the project. */
  version, /* Version as it was uploaded. */
  version_order::INT AS version_order, /* Rank of the version by PEP 440, 1 for the oldest of the project; invalid versions come last. */
  is_valid::BOOLEAN AS is_valid, /* TRUE for a valid version of PEP 440. */
  is_prerelease::BOOLEAN AS is_prerelease, /* TRUE for alphas, betas, release candidates and development releases. */
  is_stray::BOOLEAN AS is_stray, /* TRUE for a version that decides nothing of others: seen on one day only, unless that is the last one, or, if stable, with less than 1 % of the project's downloads in the 28 days from its first one on. */
  major::TEXT AS major, /* First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version. */
  minor::TEXT AS minor, /* First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version. */
  (CASE WHEN is_valid THEN LAG(version) OVER (PARTITION BY project, is_valid, is_prerelease ORDER BY version_order) END)::TEXT AS previous_version, /* Next older version of the project that was downloaded; for a prerelease, the next older prerelease. */
  first_seen::DATE AS first_seen, /* First UTC day with a download. */
  last_seen::DATE AS last_seen, /* Last UTC day with a download. */
  released_on::DATE AS released_on, /* Day of the first download, where that is the release: the days before it are loaded (as many as the variable days_before_release), it is newer than all versions that the data starts with (a stable one than all stable ones), strays apart, and is none itself. NULL for any other version, releases of older lines included: a rare download of an old version looks the same. */
  (CASE WHEN NOT released_on IS NULL THEN 'first download' END)::TEXT AS release_source, /* How the release is known: first download. NULL where it is not. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads of the version.')
FROM released
