MODEL (
  name staging.releases,
  kind FULL,
  description 'Each version of each project that was downloaded or that the index lists, the days on which it was seen, and its release where that is known.',
  grain (project, version),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, version_order, is_stray, downloads)),
    accepted_values("column" := release_source, is_in := ('upload', 'first download')),
    forall(
      criteria := (
        first_seen <= last_seen OR first_seen IS NULL,
        COALESCE(is_downloaded, FALSE) = (NOT first_seen IS NULL),
        (downloads > 0) = (NOT first_seen IS NULL),
        released_on <= first_seen OR released_on IS NULL OR first_seen IS NULL,
        (released_on IS NULL) = (release_source IS NULL),
        (release_source = 'upload') = (NOT released_at IS NULL) OR release_source IS NULL
      )
    ),
    lenses_nest()
  )
);

WITH listed AS (
  SELECT
    f.project,
    f.version,
    MIN(f.uploaded_at) AS uploaded_at,
    COUNT(DISTINCT f.filename) AS files,
    MIN(CASE WHEN f.is_yanked THEN 1 ELSE 0 END) = 1 AS is_yanked,
    MAX(f.yanked_reason) AS yanked_reason,
    MIN(f.requires_python) AS requires_python
  FROM raw.release_files AS f
  INNER JOIN raw.release_pages AS p
    ON f.project = p.project AND f._dlt_load_id = p.load_id
  GROUP BY
    f.project,
    f.version
), by_day AS (
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
    o.project,
    o.version,
    o.version_order,
    o.is_valid,
    o.is_prerelease,
    o.major,
    o.minor,
    o.supported_pythons,
    s.first_seen,
    s.last_seen,
    MIN(s.first_seen) OVER (PARTITION BY o.project) AS first_day,
    MAX(b.last_day) OVER (PARTITION BY o.project) AS last_day,
    b.days_before,
    NOT k.project IS NULL AS is_known,
    NOT i.version IS NULL AS is_listed,
    i.files,
    i.is_yanked,
    i.yanked_reason,
    i.requires_python,
    /* Files that were uploaded after the first download say nothing of the release: earlier ones are gone. */
    CASE WHEN COALESCE(s.first_seen >= CAST(i.uploaded_at AS DATE), TRUE) THEN i.uploaded_at END AS released_at,
    i.version IS NULL
    AND (
      (
        s.days_seen < 2 AND s.first_seen < b.last_day
      )
      OR (
        NOT o.is_prerelease AND w.downloads < 0.01 * t.total
      )
    ) AS is_stray,
    @lenses('CASE WHEN s.version IS NULL THEN 0 ELSE s.$lens END AS $lens')
  FROM staging.version_order AS o
  LEFT JOIN seen AS s
    ON o.project = s.project AND o.version = s.version
  LEFT JOIN loaded AS b
    ON o.project = b.project AND o.version = b.version
  LEFT JOIN starts AS t
    ON o.project = t.project AND o.version = t.version
  LEFT JOIN own_starts AS w
    ON o.project = w.project AND o.version = w.version
  LEFT JOIN listed AS i
    ON o.project = i.project AND o.version = i.version
  LEFT JOIN raw.release_pages AS k
    ON o.project = k.project AND NOT k.load_id IS NULL
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
      WHEN NOT o.released_at IS NULL
      THEN CAST(o.released_at AS DATE)
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
  (CASE WHEN NOT first_seen IS NULL THEN TRUE WHEN released_on <= last_day THEN FALSE END)::BOOLEAN AS is_downloaded, /* FALSE for a version that the index lists and of which no loaded day has a download; NULL where no day since its release is loaded, or that day is not known. */
  is_stray::BOOLEAN AS is_stray, /* TRUE for a version that decides nothing of others: not on the index, or not known to be, and seen on one day only, unless that is the last one, or, if stable, with less than 1 % of the project's downloads in the 28 days from its first one on. */
  major::TEXT AS major, /* First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version. */
  minor::TEXT AS minor, /* First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version. */
  (CASE WHEN is_valid AND NOT first_seen IS NULL THEN LAG(version) OVER (PARTITION BY project, is_valid, is_prerelease, first_seen IS NULL ORDER BY version_order) END)::TEXT AS previous_version, /* Next older version of the project that was downloaded; for a prerelease, the next older prerelease. NULL for a version that was not downloaded. */
  first_seen::DATE AS first_seen, /* First UTC day with a download; NULL without one. */
  last_seen::DATE AS last_seen, /* Last UTC day with a download; NULL without one. */
  released_on::DATE AS released_on, /* UTC day of the release: of the first upload that the index lists, unless a download is older. Otherwise the day of the first download, if all of this holds: as many days before it are loaded as the variable days_before_release says; the version is valid and no stray; and it is newer than all versions that the data starts with (a stable one: than all stable ones). NULL for any other version, also for a release of an older line: a rare download of an old version looks the same. */
  released_at::TIMESTAMP AS released_at, /* Time of the first upload in UTC; NULL where the release is not known by it. */
  (CASE WHEN NOT released_at IS NULL THEN 'upload' WHEN NOT released_on IS NULL THEN 'first download' END)::TEXT AS release_source, /* How the release is known: upload, by the index, or first download. NULL where it is not. */
  (CASE WHEN is_known THEN is_listed END)::BOOLEAN AS is_listed, /* TRUE where the index lists the version, FALSE where it does not; NULL where the releases of the project are not known. */
  files::INT AS files, /* Number of files of the version on the index; NULL where it is not listed. */
  is_yanked::BOOLEAN AS is_yanked, /* TRUE where all files of the version are yanked, as the index says now; since when it does not say. NULL where the version is not listed. */
  yanked_reason::TEXT AS yanked_reason, /* Reason of the maintainers for yanking the version; NULL without one. */
  requires_python::TEXT AS requires_python, /* Pythons that the version supports, by its metadata; where its files differ, the first text in the alphabet. NULL where it names none or is not listed. */
  supported_pythons::TEXT AS supported_pythons, /* Pythons of reference.python_eol that a file of the version supports by its requires_python, between commas: ,3.9,3.10,; NULL where the index does not list the version. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads of the version.')
FROM released
