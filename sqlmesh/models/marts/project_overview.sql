MODEL (
  name marts.project_overview,
  kind FULL,
  description 'Each project in its last whole week, with what most of its change consists of, its share of CI, and its newest stable version: the rows of the first page.',
  grain project,
  audits (
    unique_values(columns := project),
    not_null(columns := (project, first_day)),
    forall(criteria := (
      latest_share_downloads IS NULL OR latest_share_downloads BETWEEN 0 AND 1,
      cause_downloads IS NULL OR NOT previous_downloads IS NULL
    ))
  )
);

WITH started AS (
  SELECT
    project,
    MIN(day) AS first_day
  FROM marts.downloads_trend
  GROUP BY
    project
), weeks AS (
  SELECT
    s.project,
    s.first_day,
    w.week,
    w.days_provisional,
    w.is_ci_recorded,
    w.log_change,
    @lenses('w.$lens'),
    @lenses('w.previous_$lens'),
    @lenses('w.change_$lens')
  FROM started AS s
  LEFT JOIN marts.downloads_weekly AS w
    ON s.project = w.project AND w.is_last_whole
), changes AS (
  SELECT
    c.project,
    l.column_name AS lens,
    c.dimension,
    c.value,
    @by_lens(l.column_name, 'c.difference_$lens') AS difference,
    @by_lens(l.column_name, 'c.share_of_change_$lens') AS share_of_change,
    CAST(@by_lens(l.column_name, 'c.previous_$lens') AS DOUBLE) / NULLIF(@by_lens(l.column_name, 's.previous_$lens'), 0) AS previous_share
  FROM marts.weekly_causes AS c
  INNER JOIN weeks AS s
    ON c.project = s.project
  CROSS JOIN reference.lenses AS l
), causes AS (
  /* What has half of the downloads has half of each change: a cause has clearly more of the change than it had of the downloads. */
  SELECT
    c.project,
    c.lens,
    COALESCE(@country_words(k.country_code, k.country), CASE WHEN c.dimension = 'ci' THEN 'CI' ELSE c.dimension || ' ' || c.value END) AS cause,
    ROW_NUMBER() OVER (PARTITION BY c.project, c.lens ORDER BY c.share_of_change - c.previous_share DESC, c.dimension, c.value) AS place
  FROM changes AS c
  LEFT JOIN reference.countries AS k
    ON c.dimension = 'country' AND c.value = k.country_code
  WHERE
    c.share_of_change >= 0.5 AND c.share_of_change >= 1.5 * c.previous_share AND c.value <> 'unknown'
), causes_by_lens AS (
  SELECT
    project,
    @lenses('MAX(CASE WHEN lens = ''$lens'' THEN cause END) AS cause_$lens')
  FROM causes
  WHERE
    place = 1
  GROUP BY
    project
), stable AS (
  SELECT
    project,
    MAX(version_order) AS version_order
  FROM marts.versions
  WHERE
    is_valid
    AND NOT is_prerelease
    AND NOT COALESCE(is_stray, FALSE)
    AND NOT COALESCE(is_yanked, FALSE)
    AND NOT first_seen IS NULL
  GROUP BY
    project
)
SELECT
  s.project, /* Normalised name of the project. */
  s.first_day::DATE AS first_day, /* First loaded UTC day with a download. */
  s.week, /* Monday of the last whole week; NULL where there is none. */
  s.days_provisional, /* Number of days of the week that upstream may still be filling: downloads and change are then too low. */
  s.log_change, /* Change of what the log counts or records that falls into the week, by reference.incidents; NULL without one. */
  @described(@lenses('s.$lens'), '$downloads of the week.'),
  @described(@lenses('s.previous_$lens'), '$downloads of the week before; NULL unless it is whole and counted alike.'),
  @described(@lenses('s.change_$lens'), 'Change against the week before, as a fraction of it; NULL unless that is whole and counted alike.'),
  @described(
    @lenses('c.cause_$lens::TEXT AS cause_$lens'),
    'Dimension and value, of a country its name, that make up at least half of the change of $downloads, and 1.5 times as much of it as they had of the week before; NULL where there is no such value.'
  ),
  @described(
    @lenses('(CASE WHEN s.is_ci_recorded AND ''$lens'' <> ''downloads_outside_ci'' THEN CAST(s.downloads_by_installers - s.downloads_outside_ci AS DOUBLE) / NULLIF(s.$lens, 0) END)::DOUBLE AS ci_share_$lens'),
    'Share of downloads in CI in $downloads of the week, a lower bound; NULL where the log does not record CI on each day, and outside CI.'
  ),
  v.version AS latest_version, /* Newest stable version by PEP 440 that was downloaded and is not yanked, strays apart. */
  v.released_on AS latest_released_on, /* Day of its release; NULL where that is not known. */
  @described(
    @lenses('(CASE WHEN NOT v.version IS NULL AND p.$lens > 0 THEN COALESCE(b.share_$lens, 0) END)::DOUBLE AS latest_share_$lens'),
    'Share of this version in $downloads of the 28 days up to the last loaded one; NULL where there are none, or with fewer days than the variable minimum_days.'
  )
FROM weeks AS s
LEFT JOIN causes_by_lens AS c
  ON s.project = c.project
LEFT JOIN stable AS n
  ON s.project = n.project
LEFT JOIN marts.versions AS v
  ON n.project = v.project AND n.version_order = v.version_order
LEFT JOIN marts.downloads_periods AS p
  ON s.project = p.project AND p.period = '4w' AND p.days >= @minimum_days
LEFT JOIN marts.breakdown_periods AS b
  ON s.project = b.project AND b.period = '4w' AND b.dimension = 'version' AND b.value = v.version
