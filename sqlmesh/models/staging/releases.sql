MODEL (
  name staging.releases,
  kind FULL,
  description 'Each version of each project with the days on which it was seen, and the day of its release where the data can tell it.',
  grain (project, version),
  column_descriptions (
    project = 'Project, by its normalised name.',
    version = 'Version, as it was uploaded.',
    version_order = '1 for the oldest version of the project by PEP 440; versions that it does not know come last.',
    is_valid = 'TRUE where PEP 440 knows the version.',
    is_prerelease = 'TRUE for alphas, betas, candidates and development releases.',
    major = 'First number of the version, with its epoch if it has one; NULL where it is not valid.',
    minor = 'First two numbers of the version; NULL where it is not valid.',
    previous_version = 'The next older version of the project that was downloaded; of a prerelease, the next older prerelease.',
    first_seen = 'First UTC day with a download.',
    last_seen = 'Last UTC day with a download.',
    released_on = 'first_seen, where the version is newer than all that the data starts with: stable ones are compared with stable ones. NULL for all others, a release of an older line included: a rare download of an old version looks like one. The release was on that day or before it.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
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
  o.project,
  o.version,
  o.version_order::INT AS version_order,
  o.is_valid::BOOLEAN AS is_valid,
  o.is_prerelease::BOOLEAN AS is_prerelease,
  o.major::TEXT AS major,
  o.minor::TEXT AS minor,
  (CASE WHEN o.is_valid THEN LAG(o.version) OVER (PARTITION BY o.project, o.is_valid, o.is_prerelease ORDER BY o.version_order) END)::TEXT AS previous_version,
  o.first_seen::DATE AS first_seen,
  o.last_seen::DATE AS last_seen,
  (CASE
    WHEN o.is_valid
    AND o.first_seen > o.first_day
    AND o.version_order > COALESCE(CASE WHEN o.is_prerelease THEN n.newest ELSE n.newest_stable END, 0)
    THEN o.first_seen
  END)::DATE AS released_on,
  @lenses('o.$lens::BIGINT AS $lens')
FROM ordered AS o
LEFT JOIN newest_at_start AS n
  ON o.project = n.project
