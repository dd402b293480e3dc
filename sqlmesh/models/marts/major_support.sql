MODEL (
  name marts.major_support,
  kind FULL,
  description 'How much of each project, week by week, is still downloaded in older majors than the newest stable one seen until then. The assumption: only that one is supported. It does not hold for calendar versions, or where older majors get fixes.',
  grain (week, project),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    is_whole = 'TRUE where all seven days are loaded and none is missing upstream.',
    newest_major = 'First number of the newest stable version seen until the end of the week; NULL before there is any.',
    older_downloads = 'Of all downloads, those of versions below the newest major; versions that PEP 440 does not know and prereleases of the next major are not among them.',
    older_downloads_without_mirrors = 'Of downloads by anything but a mirror, those of versions below the newest major; versions that PEP 440 does not know and prereleases of the next major are not among them.',
    older_downloads_by_installers = 'Of downloads by installers, those of versions below the newest major; versions that PEP 440 does not know and prereleases of the next major are not among them.',
    older_downloads_outside_ci = 'Of downloads by installers outside continuous integration, those of versions below the newest major; versions that PEP 440 does not know and prereleases of the next major are not among them.',
    share_older_downloads = 'Their share of all downloads of the project.',
    share_older_downloads_without_mirrors = 'Their share of downloads by anything but a mirror of the project.',
    share_older_downloads_by_installers = 'Their share of downloads by installers of the project.',
    share_older_downloads_outside_ci = 'Their share of downloads by installers outside continuous integration of the project.',
    change_share_older_downloads = 'Change of that share against the week before, in points, 0.01 being one per cent of the downloads; NULL unless both weeks are whole.',
    change_share_older_downloads_without_mirrors = 'Change of that share against the week before, in points, 0.01 being one per cent of the downloads; NULL unless both weeks are whole.',
    change_share_older_downloads_by_installers = 'Change of that share against the week before, in points, 0.01 being one per cent of the downloads; NULL unless both weeks are whole.',
    change_share_older_downloads_outside_ci = 'Change of that share against the week before, in points, 0.01 being one per cent of the downloads; NULL unless both weeks are whole.'
  ),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole)),
    forall(
      criteria := (
        older_downloads >= older_downloads_without_mirrors,
        older_downloads_without_mirrors >= older_downloads_by_installers,
        older_downloads_by_installers >= older_downloads_outside_ci,
        share_older_downloads IS NULL OR share_older_downloads BETWEEN 0 AND 1
      )
    )
  )
);

WITH newest AS (
  SELECT
    w.week,
    w.project,
    MAX(r.version_order) AS version_order
  FROM marts.downloads_weekly AS w
  INNER JOIN staging.releases AS r
    ON w.project = r.project AND DATE_DIFF('DAY', w.week, r.first_seen) < 7
  WHERE
    r.is_valid AND NOT r.is_prerelease
  GROUP BY
    w.week,
    w.project
), majors AS (
  SELECT
    n.week,
    n.project,
    n.version_order,
    r.major
  FROM newest AS n
  INNER JOIN staging.releases AS r
    ON n.project = r.project AND n.version_order = r.version_order
), older AS (
  SELECT
    t.week,
    t.project,
    @lenses('SUM(v.$lens) AS older_$lens')
  FROM marts.downloads_by_version AS v
  INNER JOIN marts.downloads_trend AS t
    ON v.day = t.day AND v.project = t.project
  INNER JOIN staging.releases AS r
    ON v.project = r.project AND v.version = r.version
  INNER JOIN majors AS m
    ON t.week = m.week AND t.project = m.project
  WHERE
    r.is_valid AND r.version_order < m.version_order AND r.major <> m.major
  GROUP BY
    t.week,
    t.project
), shares AS (
  SELECT
    w.week,
    w.project,
    w.is_whole,
    m.major AS newest_major,
    @lenses('CASE WHEN NOT m.major IS NULL THEN COALESCE(o.older_$lens, 0) END AS older_$lens'),
    @lenses('CASE WHEN NOT m.major IS NULL THEN CAST(COALESCE(o.older_$lens, 0) AS DOUBLE) / NULLIF(w.$lens, 0) END AS share_older_$lens')
  FROM marts.downloads_weekly AS w
  LEFT JOIN majors AS m
    ON w.week = m.week AND w.project = m.project
  LEFT JOIN older AS o
    ON w.week = o.week AND w.project = o.project
)
SELECT
  now.week,
  now.project,
  now.is_whole,
  now.newest_major::TEXT AS newest_major,
  @lenses('now.older_$lens::BIGINT AS older_$lens'),
  @lenses('now.share_older_$lens::DOUBLE AS share_older_$lens'),
  @lenses('(CASE WHEN now.is_whole THEN now.share_older_$lens - before.share_older_$lens END)::DOUBLE AS change_share_older_$lens')
FROM shares AS now
LEFT JOIN shares AS before
  ON now.project = before.project
  AND before.is_whole
  AND DATE_DIFF('DAY', before.week, now.week) = 7
