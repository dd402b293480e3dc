MODEL (
  name marts.version_adoption,
  kind FULL,
  description 'Adoption of each release, day by day, beside that of the release before it. Only releases whose day is known (released_on of marts.versions) and loaded, for as many days as the variable adoption_days.',
  grain (project, version, day),
  audits (
    unique_combination_of_columns(columns := (project, version, day)),
    not_null(columns := (project, version, day, days_since_release)),
    forall(
      criteria := (
        days_since_release >= 0,
        share_downloads IS NULL OR share_downloads BETWEEN 0 AND 1,
        cumulative_share_downloads IS NULL OR cumulative_share_downloads BETWEEN 0 AND 1
      )
    )
  )
);

WITH starts AS (
  /* Of an older release the days from which a curve begins are not there. */
  SELECT
    project,
    MIN(day) AS first_day
  FROM marts.downloads_trend
  GROUP BY
    project
), counted AS (
  SELECT
    r.project,
    r.version,
    r.version_order,
    r.is_prerelease,
    r.previous_version,
    t.day,
    t.log_change,
    DATE_DIFF('DAY', r.released_on, t.day) AS days_since_release,
    EXTRACT(HOUR FROM r.released_at) AS release_hour,
    @lenses('CASE WHEN t.is_missing OR t.$lens IS NULL THEN NULL WHEN v.project IS NULL THEN 0 ELSE v.$lens END AS $lens'),
    @lenses('t.$lens AS total_$lens')
  FROM staging.releases AS r
  INNER JOIN starts AS b
    ON r.project = b.project AND r.released_on >= b.first_day
  INNER JOIN marts.downloads_trend AS t
    ON r.project = t.project AND t.day >= r.released_on
  LEFT JOIN marts.downloads_by_version AS v
    ON t.day = v.day AND t.project = v.project AND r.version = v.version
  WHERE
    NOT r.released_on IS NULL AND COALESCE(r.is_downloaded, TRUE) AND DATE_DIFF('DAY', r.released_on, t.day) <= @adoption_days
), measured AS (
  /* Rows are the loaded days: so many of them are so many days only if the first is that far back. */
  SELECT
    *,
    COUNT(downloads) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) = LEAST(7, days_since_release + 1)
    AND DATE_DIFF('DAY', MIN(day) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), day) = LEAST(6, days_since_release) AS is_whole_7d
  FROM counted
), shares AS (
  SELECT
    project,
    version,
    version_order,
    is_prerelease,
    previous_version,
    day,
    log_change,
    days_since_release,
    release_hour,
    @lenses('$lens'),
    @lenses('CAST($lens AS DOUBLE) / NULLIF(total_$lens, 0) AS share_$lens'),
    is_whole_7d,
    @lenses('CASE WHEN is_whole_7d THEN CAST(SUM($lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(total_$lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 0) END AS share_7d_$lens'),
    @lenses('CAST(SUM($lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(total_$lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS cumulative_share_$lens')
  FROM measured
)
SELECT
  s.project, /* Normalised name of the project. */
  s.version, /* Version as it was uploaded. */
  s.version_order, /* Rank of the version by PEP 440, 1 for the oldest of the project. */
  s.is_prerelease, /* TRUE for alphas, betas, release candidates and development releases. */
  s.day, /* UTC day. */
  s.log_change::TEXT AS log_change, /* Change of what the log counts or records from this day on, by reference.incidents; NULL without one. Shares before and after it may differ for it. */
  s.days_since_release::INT AS days_since_release, /* Number of days since released_on of marts.versions. */
  (s.days_since_release * 24 + 24 - s.release_hour)::INT AS hours_since_release, /* Hours from the upload, begun ones included, to the end of the day: the first day of a release in the evening is a short one. NULL where the release is known only by its first download. */
  s.previous_version, /* Next older version of the project that was downloaded; for a prerelease, the next older prerelease. */
  @described(@lenses('s.$lens::BIGINT AS $lens'), '$downloads of the version; NULL where the day is missing.'),
  @described(
    @lenses('s.share_$lens::DOUBLE AS share_$lens'),
    'Share of the version in $downloads of the project on the day; NULL where the day is missing or the project has none.'
  ),
  s.is_whole_7d::BOOLEAN AS is_whole_7d, /* TRUE where each of the seven days up to this one, since the release at the earliest, is loaded and not missing. */
  @described(
    @lenses('s.share_7d_$lens::DOUBLE AS share_7d_$lens'),
    'Share of the version in $downloads of the project on the seven days up to this one, since the release at the earliest; NULL unless they are whole.'
  ),
  @described(
    @lenses('s.cumulative_share_$lens::DOUBLE AS cumulative_share_$lens'),
    'Share of the version in $downloads of the project since the release.'
  ),
  @described(
    @lenses('p.share_7d_$lens::DOUBLE AS previous_share_7d_$lens'),
    'The share_7d_$lens that the previous version had as many days after its own release; NULL where its release day is not known.'
  )
FROM shares AS s
LEFT JOIN shares AS p
  ON s.project = p.project AND s.previous_version = p.version AND s.days_since_release = p.days_since_release
