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

WITH named AS (
  /* Before 1.0 the second number breaks what the first one breaks later. */
  SELECT
    project,
    version,
    version_order,
    first_seen,
    is_valid AND NOT is_prerelease AND NOT COALESCE(is_stray, FALSE) AS is_candidate,
    CASE WHEN major = '0' OR major LIKE '%!0' THEN minor ELSE major END AS major
  FROM staging.releases
), lines AS (
  SELECT
    *,
    MIN(version_order) OVER (PARTITION BY project, major) AS major_start
  FROM named
), newest AS (
  SELECT
    t.day,
    t.week,
    t.project,
    MAX(r.version_order) AS version_order
  FROM marts.downloads_trend AS t
  INNER JOIN lines AS r
    ON t.project = r.project AND r.is_candidate AND r.first_seen <= t.day
  GROUP BY
    t.day,
    t.week,
    t.project
), majors AS (
  SELECT
    n.week,
    n.project,
    n.day,
    r.major,
    r.major_start
  FROM newest AS n
  INNER JOIN lines AS r
    ON n.project = r.project AND n.version_order = r.version_order
), last_majors AS (
  SELECT
    m.week,
    m.project,
    m.major
  FROM majors AS m
  INNER JOIN (
    SELECT
      week,
      project,
      MAX(day) AS day
    FROM majors
    GROUP BY
      week,
      project
  ) AS l
    ON m.week = l.week AND m.project = l.project AND m.day = l.day
), older AS (
  SELECT
    m.week,
    m.project,
    @lenses('SUM(v.$lens) AS older_$lens')
  FROM majors AS m
  INNER JOIN marts.downloads_by_version AS v
    ON m.day = v.day AND m.project = v.project
  INNER JOIN lines AS r
    ON v.project = r.project AND v.version = r.version
  WHERE
    r.version_order < m.major_start
  GROUP BY
    m.week,
    m.project
), shares AS (
  SELECT
    w.week,
    w.project,
    w.is_whole,
    @lenses('w.comparable_since_$lens'),
    m.major AS newest_major,
    @lenses('CASE WHEN m.major IS NULL THEN NULL WHEN o.project IS NULL THEN 0 ELSE o.older_$lens END AS older_$lens'),
    @lenses('CASE WHEN NOT m.major IS NULL THEN CAST(CASE WHEN o.project IS NULL THEN 0 ELSE o.older_$lens END AS DOUBLE) / NULLIF(w.$lens, 0) END AS share_older_$lens')
  FROM marts.downloads_weekly AS w
  LEFT JOIN last_majors AS m
    ON w.week = m.week AND w.project = m.project
  LEFT JOIN older AS o
    ON w.week = o.week AND w.project = o.project
), compared AS (
  SELECT
    now.week,
    now.project,
    now.is_whole,
    now.newest_major,
    @lenses('now.older_$lens'),
    @lenses('now.share_older_$lens'),
    @comparable('CASE WHEN now.is_whole THEN now.share_older_$lens - before.share_older_$lens END AS change_$lens', now, before.week)
  FROM shares AS now
  LEFT JOIN shares AS before
    ON now.project = before.project
    AND before.is_whole
    AND DATE_DIFF('DAY', before.week, now.week) = 7
)
SELECT
  now.week, /* Monday of the week. */
  now.project, /* Normalised name of the project. */
  now.is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  now.newest_major::TEXT AS newest_major, /* First number of the newest stable version seen up to the end of the week, with the second one before 1.0: 0.7 of 0.7.2; NULL before there is one. */
  @described(
    @lenses('now.older_$lens::BIGINT AS older_$lens'),
    '$downloads of versions below the newest major of their day, without invalid versions and without prereleases of the next major; NULL without newest_major.'
  ),
  @described(
    @lenses('now.share_older_$lens::DOUBLE AS share_older_$lens'),
    'Share of older_$lens in $downloads of the project.'
  ),
  @described(
    @lenses('now.change_$lens::DOUBLE AS change_share_older_$lens'),
    'Change of share_older_$lens against the week before, 0.01 being a percentage point; NULL unless both weeks are whole and counted alike.'
  )
FROM compared AS now
