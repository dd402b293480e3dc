MODEL (
  name marts.versions,
  kind FULL,
  description 'Each version of each project that was downloaded: when it was seen, how often, and how fast it was taken up and left.',
  grain (project, version),
  column_descriptions (
    project = 'Project, by its normalised name.',
    version = 'Version, as it was uploaded; it may no longer be on the index.',
    version_order = '1 for the oldest version of the project by PEP 440; versions that it does not know come last.',
    is_valid = 'TRUE where PEP 440 knows the version.',
    is_prerelease = 'TRUE for alphas, betas, candidates and development releases.',
    major = 'First number of the version, with its epoch if it has one; NULL where it is not valid.',
    minor = 'First two numbers of the version; NULL where it is not valid.',
    previous_version = 'The next older version of the project that was downloaded; of a prerelease, the next older prerelease.',
    first_seen = 'First UTC day with a download.',
    last_seen = 'Last UTC day with a download.',
    released_on = 'first_seen, where the version is newer than all that the data starts with: the release was on that day or before it. NULL where the data cannot tell: the version may be older than the data.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    days_to_25_downloads = 'Days from the release to the first day on which it has 25 % of all downloads of the project; NULL where it has not.',
    days_to_25_downloads_without_mirrors = 'Days from the release to the first day on which it has 25 % of downloads by anything but a mirror of the project; NULL where it has not.',
    days_to_25_downloads_by_installers = 'Days from the release to the first day on which it has 25 % of downloads by installers of the project; NULL where it has not.',
    days_to_25_downloads_outside_ci = 'Days from the release to the first day on which it has 25 % of downloads by installers outside continuous integration of the project; NULL where it has not.',
    days_to_50_downloads = 'Days from the release to the first day on which it has 50 % of all downloads of the project; NULL where it has not.',
    days_to_50_downloads_without_mirrors = 'Days from the release to the first day on which it has 50 % of downloads by anything but a mirror of the project; NULL where it has not.',
    days_to_50_downloads_by_installers = 'Days from the release to the first day on which it has 50 % of downloads by installers of the project; NULL where it has not.',
    days_to_50_downloads_outside_ci = 'Days from the release to the first day on which it has 50 % of downloads by installers outside continuous integration of the project; NULL where it has not.',
    days_to_90_downloads = 'Days from the release to the first day on which it has 90 % of all downloads of the project; NULL where it has not.',
    days_to_90_downloads_without_mirrors = 'Days from the release to the first day on which it has 90 % of downloads by anything but a mirror of the project; NULL where it has not.',
    days_to_90_downloads_by_installers = 'Days from the release to the first day on which it has 90 % of downloads by installers of the project; NULL where it has not.',
    days_to_90_downloads_outside_ci = 'Days from the release to the first day on which it has 90 % of downloads by installers outside continuous integration of the project; NULL where it has not.',
    peak_share_downloads = 'Largest share of all downloads of the project on seven days since the release.',
    peak_share_downloads_without_mirrors = 'Largest share of downloads by anything but a mirror of the project on seven days since the release.',
    peak_share_downloads_by_installers = 'Largest share of downloads by installers of the project on seven days since the release.',
    peak_share_downloads_outside_ci = 'Largest share of downloads by installers outside continuous integration of the project on seven days since the release.',
    half_life_downloads = 'Days from the first day of that peak to the first one after it with at most half of its share; NULL where it has not halved within the days that the variable adoption_days says.',
    half_life_downloads_without_mirrors = 'Days from the first day of that peak to the first one after it with at most half of its share; NULL where it has not halved within the days that the variable adoption_days says.',
    half_life_downloads_by_installers = 'Days from the first day of that peak to the first one after it with at most half of its share; NULL where it has not halved within the days that the variable adoption_days says.',
    half_life_downloads_outside_ci = 'Days from the first day of that peak to the first one after it with at most half of its share; NULL where it has not halved within the days that the variable adoption_days says.'
  ),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, version_order, first_seen, last_seen, downloads)),
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
    @lenses('share_$lens'),
    @lenses('share_7d_$lens'),
    @lenses('MAX(share_7d_$lens) OVER (PARTITION BY project, version) AS peak_share_$lens')
  FROM marts.version_adoption
), dated AS (
  SELECT
    project,
    version,
    days_since_release,
    @lenses('share_$lens'),
    @lenses('share_7d_$lens'),
    @lenses('peak_share_$lens'),
    @lenses('MIN(CASE WHEN share_7d_$lens = peak_share_$lens THEN days_since_release END) OVER (PARTITION BY project, version) AS peak_days_$lens')
  FROM peaks
), milestones AS (
  SELECT
    project,
    version,
    @lenses('MIN(CASE WHEN share_$lens >= 0.25 THEN days_since_release END) AS days_to_25_$lens'),
    @lenses('MIN(CASE WHEN share_$lens >= 0.50 THEN days_since_release END) AS days_to_50_$lens'),
    @lenses('MIN(CASE WHEN share_$lens >= 0.90 THEN days_since_release END) AS days_to_90_$lens'),
    @lenses('MAX(peak_share_$lens) AS peak_share_$lens'),
    @lenses('MIN(CASE WHEN days_since_release > peak_days_$lens AND share_7d_$lens <= peak_share_$lens / 2 THEN days_since_release - peak_days_$lens END) AS half_life_$lens')
  FROM dated
  GROUP BY
    project,
    version
)
SELECT
  r.project,
  r.version,
  r.version_order,
  r.is_valid,
  r.is_prerelease,
  r.major,
  r.minor,
  r.previous_version,
  r.first_seen,
  r.last_seen,
  r.released_on,
  @lenses('r.$lens'),
  @lenses('m.days_to_25_$lens::INT AS days_to_25_$lens'),
  @lenses('m.days_to_50_$lens::INT AS days_to_50_$lens'),
  @lenses('m.days_to_90_$lens::INT AS days_to_90_$lens'),
  @lenses('m.peak_share_$lens::DOUBLE AS peak_share_$lens'),
  @lenses('m.half_life_$lens::INT AS half_life_$lens')
FROM staging.releases AS r
LEFT JOIN milestones AS m
  ON r.project = m.project AND r.version = m.version
