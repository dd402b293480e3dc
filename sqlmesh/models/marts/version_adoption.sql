MODEL (
  name marts.version_adoption,
  kind FULL,
  description 'How each release was taken up, day by day since it, beside the release before it. Only releases whose day the data can tell (released_on of marts.versions), for as many days as the variable adoption_days says.',
  grain (project, version, day),
  column_descriptions (
    project = 'Project, by its normalised name.',
    version = 'Version, as it was uploaded.',
    version_order = '1 for the oldest version of the project by PEP 440.',
    is_prerelease = 'TRUE for alphas, betas, candidates and development releases.',
    day = 'UTC day.',
    days_since_release = '0 on the first day with a download; a lower bound, as the release may have been before it.',
    previous_version = 'The next older version of the project that was downloaded; of a prerelease, the next older prerelease.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    share_downloads = 'Share of all downloads of the project on that day; NULL where the day is missing or has none.',
    share_downloads_without_mirrors = 'Share of downloads by anything but a mirror of the project on that day; NULL where the day is missing or has none.',
    share_downloads_by_installers = 'Share of downloads by installers of the project on that day; NULL where the day is missing or has none.',
    share_downloads_outside_ci = 'Share of downloads by installers outside continuous integration of the project on that day; NULL where the day is missing or has none.',
    share_7d_downloads = 'Share of all downloads of the project on the last seven days in the data, not before the release.',
    share_7d_downloads_without_mirrors = 'Share of downloads by anything but a mirror of the project on the last seven days in the data, not before the release.',
    share_7d_downloads_by_installers = 'Share of downloads by installers of the project on the last seven days in the data, not before the release.',
    share_7d_downloads_outside_ci = 'Share of downloads by installers outside continuous integration of the project on the last seven days in the data, not before the release.',
    cumulative_share_downloads = 'Share of all downloads of the project since the release.',
    cumulative_share_downloads_without_mirrors = 'Share of downloads by anything but a mirror of the project since the release.',
    cumulative_share_downloads_by_installers = 'Share of downloads by installers of the project since the release.',
    cumulative_share_downloads_outside_ci = 'Share of downloads by installers outside continuous integration of the project since the release.',
    previous_share_7d_downloads = 'share_7d_$lens of the previous version as many days after its own release; NULL where the data cannot tell that day.',
    previous_share_7d_downloads_without_mirrors = 'share_7d_$lens of the previous version as many days after its own release; NULL where the data cannot tell that day.',
    previous_share_7d_downloads_by_installers = 'share_7d_$lens of the previous version as many days after its own release; NULL where the data cannot tell that day.',
    previous_share_7d_downloads_outside_ci = 'share_7d_$lens of the previous version as many days after its own release; NULL where the data cannot tell that day.'
  ),
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

WITH counted AS (
  SELECT
    r.project,
    r.version,
    r.version_order,
    r.is_prerelease,
    r.previous_version,
    t.day,
    DATE_DIFF('DAY', r.released_on, t.day) AS days_since_release,
    @lenses('CASE WHEN NOT t.is_missing THEN COALESCE(v.$lens, 0) END AS $lens'),
    @lenses('t.$lens AS total_$lens')
  FROM staging.releases AS r
  INNER JOIN marts.downloads_trend AS t
    ON r.project = t.project AND t.day >= r.released_on
  LEFT JOIN marts.downloads_by_version AS v
    ON t.day = v.day AND t.project = v.project AND r.version = v.version
  WHERE
    NOT r.released_on IS NULL AND DATE_DIFF('DAY', r.released_on, t.day) <= @adoption_days
), shares AS (
  SELECT
    project,
    version,
    version_order,
    is_prerelease,
    previous_version,
    day,
    days_since_release,
    @lenses('$lens'),
    @lenses('CAST($lens AS DOUBLE) / NULLIF(total_$lens, 0) AS share_$lens'),
    @lenses('CAST(SUM($lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(total_$lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 0) AS share_7d_$lens'),
    @lenses('CAST(SUM($lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(total_$lens) OVER (PARTITION BY project, version ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS cumulative_share_$lens')
  FROM counted
)
SELECT
  s.project,
  s.version,
  s.version_order,
  s.is_prerelease,
  s.day,
  s.days_since_release::INT AS days_since_release,
  s.previous_version,
  @lenses('s.$lens::BIGINT AS $lens'),
  @lenses('s.share_$lens::DOUBLE AS share_$lens'),
  @lenses('s.share_7d_$lens::DOUBLE AS share_7d_$lens'),
  @lenses('s.cumulative_share_$lens::DOUBLE AS cumulative_share_$lens'),
  @lenses('p.share_7d_$lens::DOUBLE AS previous_share_7d_$lens')
FROM shares AS s
LEFT JOIN shares AS p
  ON s.project = p.project AND s.previous_version = p.version AND s.days_since_release = p.days_since_release
