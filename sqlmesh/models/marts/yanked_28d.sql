MODEL (
  name marts.yanked_28d,
  kind FULL,
  description 'Who is still on a yanked version: the downloads of each version that is yanked now, and of all of them together, in the 28 days up to the last loaded one of the project, and the trend over the whole weeks among the 13 up to the last one. Only of projects whose releases are known; since when a version is yanked the index does not say.',
  grain (project, version),
  audits (
    unique_combination_of_columns(columns := (project, version)),
    not_null(columns := (project, version, versions, last_day, downloads)),
    lenses_nest(),
    forall(
      criteria := (share_downloads IS NULL OR share_downloads BETWEEN 0 AND 1, version = 'all' OR versions = 1, slope_low_share_downloads <= slope_high_share_downloads OR slope_low_share_downloads IS NULL)
    )
  )
);

WITH known AS (
  SELECT
    project,
    SUM(CASE WHEN is_yanked THEN 1 ELSE 0 END) AS versions
  FROM staging.releases
  WHERE
    is_listed
  GROUP BY
    project
), spans AS (
  SELECT
    k.project,
    k.versions,
    l.last_day,
    COUNT(t.downloads) AS days,
    COUNT(t.downloads) >= @minimum_days AS has_shares,
    @lenses('SUM(t.$lens) AS total_$lens')
  FROM known AS k
  INNER JOIN (
    SELECT
      project,
      MAX(day) AS last_day
    FROM marts.downloads_trend
    GROUP BY
      project
  ) AS l
    ON k.project = l.project
  INNER JOIN marts.downloads_trend AS t
    ON l.project = t.project AND DATE_DIFF('DAY', t.day, l.last_day) BETWEEN 0 AND 27
  GROUP BY
    k.project,
    k.versions,
    l.last_day
), yanked AS (
  SELECT
    project,
    version,
    version AS counted_as
  FROM staging.releases
  WHERE
    is_yanked
  UNION ALL
  SELECT
    project,
    version,
    'all' AS counted_as
  FROM staging.releases
  WHERE
    is_yanked
), by_day AS (
  SELECT
    y.project,
    y.counted_as AS version,
    v.day,
    @lenses('SUM(v.$lens) AS $lens')
  FROM yanked AS y
  INNER JOIN marts.downloads_by_version AS v
    ON y.project = v.project AND y.version = v.version
  GROUP BY
    y.project,
    y.counted_as,
    v.day
), listed AS (
  SELECT DISTINCT
    project,
    counted_as AS version
  FROM yanked
  UNION DISTINCT
  SELECT
    project,
    'all' AS version
  FROM known
), counted AS (
  SELECT
    l.project,
    l.version,
    s.versions,
    s.last_day,
    s.days,
    s.has_shares,
    @lenses('CASE WHEN COUNT(d.downloads) = 0 THEN 0 ELSE SUM(d.$lens) END AS $lens'),
    @lenses('s.total_$lens')
  FROM listed AS l
  INNER JOIN spans AS s
    ON l.project = s.project
  LEFT JOIN by_day AS d
    ON l.project = d.project AND l.version = d.version AND DATE_DIFF('DAY', d.day, s.last_day) BETWEEN 0 AND 27
  GROUP BY
    l.project,
    l.version,
    s.versions,
    s.last_day,
    s.days,
    s.has_shares,
    @lenses('s.total_$lens')
), weekly AS (
  /* A week without such a download has none of it: without its zero the line would be too flat. */
  SELECT
    c.project,
    c.version,
    w.week,
    -DATE_DIFF('DAY', w.week, n.week) AS days,
    @lenses('n.comparable_since_$lens'),
    @lenses('w.$lens AS total_$lens'),
    @lenses('CASE WHEN COUNT(d.downloads) = 0 THEN 0 ELSE SUM(d.$lens) END AS $lens')
  FROM counted AS c
  INNER JOIN marts.downloads_weekly AS n
    ON c.project = n.project AND n.is_last_whole
  INNER JOIN marts.downloads_weekly AS w
    ON c.project = w.project AND w.is_whole AND DATE_DIFF('DAY', w.week, n.week) BETWEEN 0 AND 84
  LEFT JOIN by_day AS d
    ON c.project = d.project AND c.version = d.version AND DATE_DIFF('DAY', w.week, d.day) BETWEEN 0 AND 6
  GROUP BY
    c.project,
    c.version,
    w.week,
    n.week,
    @lenses('n.comparable_since_$lens'),
    @lenses('w.$lens')
), points AS (
  SELECT
    now.project,
    now.version,
    now.days,
    @comparable('CAST(now.$lens AS DOUBLE) / NULLIF(now.total_$lens, 0) AS share_$lens', now, now.week)
  FROM weekly AS now
), slopes AS (
  SELECT
    project,
    version,
    @slopes(days, @lenses('share_$lens'))
  FROM points
  GROUP BY
    project,
    version
)
SELECT
  c.project, /* Normalised name of the project. */
  c.version, /* Version that is yanked now, or all for all of them together. */
  (CASE WHEN c.version = 'all' THEN c.versions ELSE 1 END)::INT AS versions, /* Number of yanked versions that the row counts; 0 where the project has none. */
  r.yanked_reason, /* Reason of the maintainers for yanking the version; NULL without one, and for all. */
  r.released_on, /* UTC day of the release, as in marts.versions; NULL for all. */
  CAST(c.last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the 28. */
  c.last_day::DATE AS last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  c.days::INT AS days, /* Number of the 28 days that are loaded and not missing. */
  @described(@lenses('c.$lens::BIGINT AS $lens'), '$downloads of the version.'),
  @described(
    @lenses('(CASE WHEN c.has_shares THEN CAST(c.$lens AS DOUBLE) / NULLIF(c.total_$lens, 0) END)::DOUBLE AS share_$lens'),
    'Share of the version in $downloads of the project; NULL with fewer days than the variable minimum_days.'
  ),
  @described(
    @lenses('s.slope_share_$lens'),
    'Gain of the weekly share of $lens in a month (30.4375 days), 0.01 being a percentage point: the line of least squares through the whole weeks among the 13 up to the last whole one; NULL with fewer than four that the log counts alike.'
  ),
  @described(@lenses('s.slope_low_share_$lens'), 'Lower end of the 95 % interval of slope_share_$lens, by the scatter of the weeks about the line.'),
  @described(@lenses('s.slope_high_share_$lens'), 'Upper end of the 95 % interval of slope_share_$lens, by the scatter of the weeks about the line.')
FROM counted AS c
LEFT JOIN slopes AS s
  ON c.project = s.project AND c.version = s.version
LEFT JOIN staging.releases AS r
  ON c.project = r.project AND c.version = r.version
