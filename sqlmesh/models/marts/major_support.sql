MODEL (
  name marts.major_support,
  kind FULL,
  description 'Downloads of each project and week in majors older than its newest stable one so far. This assumes that only the newest major is supported, which does not hold for calendar versions, nor where older majors get fixes.',
  grain (week, project),
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
  now.week, /* Monday of the week. */
  now.project, /* Normalised name of the project. */
  now.is_whole, /* TRUE where all seven days are loaded and none is missing upstream. */
  now.newest_major::TEXT AS newest_major, /* First number of the newest stable version seen up to the end of the week; NULL before there is one. */
  @described(
    @lenses('now.older_$lens::BIGINT AS older_$lens'),
    '$downloads of versions below newest_major, without invalid versions and without prereleases of the next major; NULL without newest_major.'
  ),
  @described(
    @lenses('now.share_older_$lens::DOUBLE AS share_older_$lens'),
    'Share of older_$lens in $downloads of the project.'
  ),
  @described(
    @lenses('(CASE WHEN now.is_whole THEN now.share_older_$lens - before.share_older_$lens END)::DOUBLE AS change_share_older_$lens'),
    'Change of share_older_$lens against the week before, 0.01 being a percentage point; NULL unless both weeks are whole.'
  )
FROM shares AS now
LEFT JOIN shares AS before
  ON now.project = before.project
  AND before.is_whole
  AND DATE_DIFF('DAY', before.week, now.week) = 7
