MODEL (
  name staging.releases,
  kind FULL,
  description 'Each version of each project, the days on which it was seen, and the day of its release where that is known.',
  grain (project, version),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, version_order, first_seen, last_seen, downloads)),
    forall(criteria := (first_seen <= last_seen, released_on IS NULL OR released_on = first_seen)),
    lenses_nest()
  )
);

WITH seen AS (
  SELECT
    project,
    version,
    MIN(day) AS first_seen,
    MAX(day) AS last_seen,
    @lenses('SUM($lens) AS $lens')
  FROM staging.daily_downloads
  WHERE
    downloads > 0
  GROUP BY
    project,
    version
), started AS (
  SELECT
    project,
    MIN(first_seen) AS first_day
  FROM seen
  GROUP BY
    project
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
    b.first_day,
    @lenses('s.$lens')
  FROM seen AS s
  INNER JOIN staging.version_order AS o
    ON s.project = o.project AND s.version = o.version
  INNER JOIN started AS b
    ON s.project = b.project
), newest_at_start AS (
  SELECT
    project,
    MAX(version_order) AS newest,
    MAX(CASE WHEN NOT is_prerelease THEN version_order END) AS newest_stable
  FROM ordered
  WHERE
    is_valid AND first_seen = first_day
  GROUP BY
    project
)
SELECT
  o.project, /* Normalised name of the project. */
  o.version, /* Version as it was uploaded. */
  o.version_order::INT AS version_order, /* Rank of the version by PEP 440, 1 for the oldest of the project; invalid versions come last. */
  o.is_valid::BOOLEAN AS is_valid, /* TRUE for a valid version of PEP 440. */
  o.is_prerelease::BOOLEAN AS is_prerelease, /* TRUE for alphas, betas, release candidates and development releases. */
  o.major::TEXT AS major, /* First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version. */
  o.minor::TEXT AS minor, /* First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version. */
  (CASE WHEN o.is_valid THEN LAG(o.version) OVER (PARTITION BY o.project, o.is_valid, o.is_prerelease ORDER BY o.version_order) END)::TEXT AS previous_version, /* Next older version of the project that was downloaded; for a prerelease, the next older prerelease. */
  o.first_seen::DATE AS first_seen, /* First UTC day with a download. */
  o.last_seen::DATE AS last_seen, /* Last UTC day with a download. */
  (CASE
    WHEN o.is_valid
    AND o.first_seen > o.first_day
    AND o.version_order > COALESCE(CASE WHEN o.is_prerelease THEN n.newest ELSE n.newest_stable END, 0)
    THEN o.first_seen
  END)::DATE AS released_on, /* Day on or before which the version was released: first_seen, if the version is newer than all that the data starts with (a stable one than all stable ones). NULL for any other version, releases of older lines included: a rare download of an old version looks the same. */
  @described(@lenses('o.$lens::BIGINT AS $lens'), '$downloads of the version.')
FROM ordered AS o
LEFT JOIN newest_at_start AS n
  ON o.project = n.project
