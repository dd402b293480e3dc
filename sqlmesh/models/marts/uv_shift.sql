MODEL (
  name marts.uv_shift,
  kind FULL,
  description 'How fast the downloads of each project move from pip to uv: downloads, not users, as the two cache differently. Both are installers, so the first three lenses are equal; the last one leaves out CI.',
  grain (week, project),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole, pip_downloads, uv_downloads)),
    accepted_range("column" := uv_share_downloads, min_v := 0, max_v := 1),
    forall(criteria := (slope_uv_share_downloads IS NULL OR is_whole))
  )
);

WITH weeks AS (
  SELECT
    i.week,
    i.project,
    i.is_whole,
    @lenses('w.comparable_since_$lens'),
    @lenses('SUM(CASE WHEN i.value = ''pip'' THEN i.$lens ELSE 0 END) AS pip_$lens'),
    @lenses('SUM(CASE WHEN i.value = ''uv'' THEN i.$lens ELSE 0 END) AS uv_$lens')
  FROM marts.breakdown_weekly AS i
  LEFT JOIN marts.downloads_weekly AS w
    ON i.week = w.week AND i.project = w.project
  WHERE
    i.dimension = 'installer'
  GROUP BY
    i.week,
    i.project,
    i.is_whole,
    @lenses('w.comparable_since_$lens')
), shares AS (
  SELECT
    *,
    @lenses('CAST(uv_$lens AS DOUBLE) / NULLIF(pip_$lens + uv_$lens, 0) AS uv_share_$lens')
  FROM weeks
), points AS (
  SELECT
    now.week,
    now.project,
    DATE_DIFF('DAY', now.week, past.week) AS days,
    @comparable('past.uv_share_$lens AS uv_share_$lens', now, past.week)
  FROM shares AS now
  INNER JOIN shares AS past
    ON now.project = past.project
    AND past.is_whole
    AND DATE_DIFF('DAY', past.week, now.week) BETWEEN 0 AND 84
  WHERE
    now.is_whole
), slopes AS (
  SELECT
    week,
    project,
    @slopes(days, @lenses('uv_share_$lens'))
  FROM points
  GROUP BY
    week,
    project
)
SELECT
  w.week, /* Monday of the week. */
  w.project, /* Normalised name of the project. */
  w.is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  @described(@lenses('w.pip_$lens::BIGINT AS pip_$lens'), '$downloads that pip made.'),
  @described(@lenses('w.uv_$lens::BIGINT AS uv_$lens'), '$downloads that uv made.'),
  @described(
    @lenses('w.uv_share_$lens::DOUBLE AS uv_share_$lens'),
    'Share of uv_$lens in pip_$lens and uv_$lens together; NULL where both are 0.'
  ),
  @described(
    @lenses('s.slope_uv_share_$lens'),
    'Gain of uv_share_$lens in a month (30.4375 days), 0.01 being a percentage point: the line of least squares through the whole weeks among the 13 up to this one; NULL with fewer than four that the log counts alike.'
  ),
  @described(@lenses('s.slope_low_uv_share_$lens'), 'Lower end of the 95 % interval of slope_uv_share_$lens, by the scatter of the weeks about the line.'),
  @described(@lenses('s.slope_high_uv_share_$lens'), 'Upper end of the 95 % interval of slope_uv_share_$lens, by the scatter of the weeks about the line.')
FROM shares AS w
LEFT JOIN slopes AS s
  ON w.week = s.week AND w.project = s.project
