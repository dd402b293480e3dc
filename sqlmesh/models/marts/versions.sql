MODEL (
  name marts.versions,
  kind FULL,
  description 'Each version of each project that was downloaded or that the index lists: its release, when it was seen, how often it was downloaded, and how fast it was adopted and left.',
  grain (project, version),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, version_order, downloads)),
    forall(
      criteria := (
        days_to_25_downloads <= days_to_50_downloads OR days_to_50_downloads IS NULL,
        days_to_50_downloads <= days_to_90_downloads OR days_to_90_downloads IS NULL,
        half_life_downloads > 0 OR half_life_downloads IS NULL
      )
    )
  )
);

WITH peaks AS (
  SELECT
    project,
    version,
    days_since_release,
    is_whole_7d,
    @lenses('share_7d_$lens'),
    @lenses('MAX(share_7d_$lens) OVER (PARTITION BY project, version) AS peak_share_$lens')
  FROM marts.version_adoption
), dated AS (
  SELECT
    *,
    @lenses('MIN(CASE WHEN share_7d_$lens = peak_share_$lens THEN days_since_release END) OVER (PARTITION BY project, version) AS peak_days_$lens')
  FROM peaks
), milestones AS (
  SELECT
    project,
    version,
    MAX(days_since_release) >= @adoption_days AS is_over,
    MIN(CASE WHEN is_whole_7d THEN 1 ELSE 0 END) = 1 AS is_whole,
    @lenses('MIN(CASE WHEN share_7d_$lens >= 0.25 THEN days_since_release END) AS days_to_25_$lens'),
    @lenses('MIN(CASE WHEN share_7d_$lens >= 0.50 THEN days_since_release END) AS days_to_50_$lens'),
    @lenses('MIN(CASE WHEN share_7d_$lens >= 0.90 THEN days_since_release END) AS days_to_90_$lens'),
    @lenses('MAX(peak_share_$lens) AS peak_share_$lens'),
    @lenses('MIN(CASE WHEN days_since_release > peak_days_$lens AND share_7d_$lens <= peak_share_$lens / 2 THEN days_since_release - peak_days_$lens END) AS half_life_$lens')
  FROM dated
  GROUP BY
    project,
    version
)
SELECT
  r.project, /* Normalised name of the project. */
  r.version, /* Version as it was uploaded; it may be gone from the index. */
  r.version_order, /* Rank of the version by PEP 440, 1 for the oldest of the project; invalid versions come last. */
  r.is_valid, /* TRUE for a valid version of PEP 440. */
  r.is_prerelease, /* TRUE for alphas, betas, release candidates and development releases. */
  r.major, /* First number of the version, with its epoch if it has one: 2 of 2.1.3; NULL for an invalid version. */
  r.minor, /* First two numbers of the version: 2.1 of 2.1.3; NULL for an invalid version. */
  r.previous_version, /* Next older version of the project that was downloaded; for a prerelease, the next older prerelease. */
  r.first_seen, /* First UTC day with a download; NULL without one. */
  r.last_seen, /* Last UTC day with a download; NULL without one. */
  r.is_downloaded, /* FALSE for a version that the index lists and of which no loaded day has a download; NULL where no day since its release is loaded, or that day is not known. */
  r.is_stray, /* TRUE for a version that decides nothing of others: not on the index, or not known to be, and seen on one day only, unless that is the last one, or, if stable, with less than 1 % of the project's downloads in the 28 days from its first one on. */
  r.released_on, /* UTC day of the release: of the first upload that the index lists, unless a download is older. Otherwise the day of the first download, if all of this holds: as many days before it are loaded as the variable days_before_release says; the version is valid and no stray; and it is newer than all versions that the data starts with (a stable one: than all stable ones). NULL for any other version, also for a release of an older line: a rare download of an old version looks the same. */
  r.released_at, /* Time of the first upload in UTC; NULL where the release is not known by it. */
  r.release_source, /* How the release is known: upload, by the index, or first download. NULL where it is not. */
  r.is_listed, /* TRUE where the index lists the version, FALSE where it does not; NULL where the releases of the project are not known. */
  r.files, /* Number of files of the version on the index; NULL where it is not listed. */
  r.is_yanked, /* TRUE where all files of the version are yanked, as the index says now; since when it does not say. NULL where the version is not listed. */
  r.yanked_reason, /* Reason of the maintainers for yanking the version; NULL without one. */
  r.requires_python, /* Pythons that the version supports, by its metadata; where its files differ, the first text in the alphabet. NULL where it names none or is not listed. */
  @described(@lenses('r.$lens'), '$downloads of the version.'),
  @described(
    @lenses('m.days_to_25_$lens::INT AS days_to_25_$lens'),
    'Days from the release to the first day whose share_7d_$lens in marts.version_adoption is 25 % or more; NULL where there is none, for the reason in status_25_$lens.'
  ),
  @described(
    @lenses('(CASE WHEN m.days_to_25_$lens IS NOT NULL THEN ''reached'' WHEN m.is_whole IS NULL OR NOT m.is_whole THEN ''cannot be told'' WHEN m.is_over OR m.half_life_$lens IS NOT NULL THEN ''never'' ELSE ''not yet'' END)::TEXT AS status_25_$lens'),
    'Status of days_to_25_$lens: reached; not yet; never, as the variable adoption_days is over or half of the peak is lost; or cannot be told, as the release is not known or days are missing since.'
  ),
  @described(
    @lenses('m.days_to_50_$lens::INT AS days_to_50_$lens'),
    'Days from the release to the first day whose share_7d_$lens in marts.version_adoption is 50 % or more; NULL where there is none, for the reason in status_50_$lens.'
  ),
  @described(
    @lenses('(CASE WHEN m.days_to_50_$lens IS NOT NULL THEN ''reached'' WHEN m.is_whole IS NULL OR NOT m.is_whole THEN ''cannot be told'' WHEN m.is_over OR m.half_life_$lens IS NOT NULL THEN ''never'' ELSE ''not yet'' END)::TEXT AS status_50_$lens'),
    'Status of days_to_50_$lens: reached; not yet; never, as the variable adoption_days is over or half of the peak is lost; or cannot be told, as the release is not known or days are missing since.'
  ),
  @described(
    @lenses('m.days_to_90_$lens::INT AS days_to_90_$lens'),
    'Days from the release to the first day whose share_7d_$lens in marts.version_adoption is 90 % or more; NULL where there is none, for the reason in status_90_$lens.'
  ),
  @described(
    @lenses('(CASE WHEN m.days_to_90_$lens IS NOT NULL THEN ''reached'' WHEN m.is_whole IS NULL OR NOT m.is_whole THEN ''cannot be told'' WHEN m.is_over OR m.half_life_$lens IS NOT NULL THEN ''never'' ELSE ''not yet'' END)::TEXT AS status_90_$lens'),
    'Status of days_to_90_$lens: reached; not yet; never, as the variable adoption_days is over or half of the peak is lost; or cannot be told, as the release is not known or days are missing since.'
  ),
  @described(
    @lenses('m.peak_share_$lens::DOUBLE AS peak_share_$lens'),
    'Largest share of the version in $downloads of the project on seven days in a row since the release.'
  ),
  @described(
    @lenses('m.half_life_$lens::INT AS half_life_$lens'),
    'Days from the first day with peak_share_$lens to the first later one with at most half of it; NULL where there is none, for the reason in status_half_life_$lens.'
  ),
  @described(
    @lenses('(CASE WHEN m.half_life_$lens IS NOT NULL THEN ''reached'' WHEN m.is_whole IS NULL OR NOT m.is_whole OR m.peak_share_$lens IS NULL THEN ''cannot be told'' WHEN m.is_over THEN ''never'' ELSE ''not yet'' END)::TEXT AS status_half_life_$lens'),
    'Status of half_life_$lens: reached; not yet; never within the variable adoption_days; or cannot be told, as the release is not known or days are missing since.'
  )
FROM staging.releases AS r
LEFT JOIN milestones AS m
  ON r.project = m.project AND r.version = m.version
