MODEL (
  name marts.uv_shift,
  kind FULL,
  description 'How fast the users of each project move from pip to uv. Both are installers, so the first three lenses are equal; the last one leaves out CI.',
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
    week,
    project,
    is_whole,
    @lenses('SUM(CASE WHEN installer = ''pip'' THEN $lens ELSE 0 END) AS pip_$lens'),
    @lenses('SUM(CASE WHEN installer = ''uv'' THEN $lens ELSE 0 END) AS uv_$lens')
  FROM marts.weekly_by_installer
  GROUP BY
    week,
    project,
    is_whole
), shares AS (
  SELECT
    *,
    @lenses('CAST(uv_$lens AS DOUBLE) / NULLIF(pip_$lens + uv_$lens, 0) AS uv_share_$lens')
  FROM weeks
), slopes AS (
  SELECT
    now.week,
    now.project,
    @slopes(DATE_DIFF('DAY', now.week, past.week), @lenses('past.uv_share_$lens'))
  FROM shares AS now
  INNER JOIN shares AS past
    ON now.project = past.project
    AND past.is_whole
    AND DATE_DIFF('DAY', past.week, now.week) BETWEEN 0 AND 84
  WHERE
    now.is_whole
  GROUP BY
    now.week,
    now.project
)
SELECT
  w.week, /* Monday of the week. */
  w.project, /* Normalised name of the project. */
  w.is_whole, /* TRUE where all seven days are loaded and none is missing upstream. */
  @described(@lenses('w.pip_$lens::BIGINT AS pip_$lens'), '$downloads that pip made.'),
  @described(@lenses('w.uv_$lens::BIGINT AS uv_$lens'), '$downloads that uv made.'),
  @described(
    @lenses('w.uv_share_$lens::DOUBLE AS uv_share_$lens'),
    'Share of uv_$lens in pip_$lens and uv_$lens together; NULL where both are 0.'
  ),
  @described(
    @lenses('s.slope_uv_share_$lens'),
    'Gain of uv_share_$lens in a month (30.4375 days), 0.01 being a percentage point: the line of least squares through the whole weeks among the 13 up to this one; NULL with fewer than four.'
  )
FROM shares AS w
LEFT JOIN slopes AS s
  ON w.week = s.week AND w.project = s.project
