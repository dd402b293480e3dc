MODEL (
  name marts.uv_shift,
  kind FULL,
  description 'How fast the users of each project move from pip to uv. Both are installers, so the first three lenses are equal; the last leaves out continuous integration.',
  grain (week, project),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    is_whole = 'TRUE where all seven days are loaded and none is missing upstream.',
    pip_downloads = 'Of the all downloads in the week, those by pip.',
    pip_downloads_without_mirrors = 'Of the downloads by anything but a mirror in the week, those by pip.',
    pip_downloads_by_installers = 'Of the downloads by installers in the week, those by pip.',
    pip_downloads_outside_ci = 'Of the downloads by installers outside continuous integration in the week, those by pip.',
    uv_downloads = 'Of the all downloads in the week, those by uv.',
    uv_downloads_without_mirrors = 'Of the downloads by anything but a mirror in the week, those by uv.',
    uv_downloads_by_installers = 'Of the downloads by installers in the week, those by uv.',
    uv_downloads_outside_ci = 'Of the downloads by installers outside continuous integration in the week, those by uv.',
    uv_share_downloads = 'Share of uv in the all downloads by pip or uv; NULL where there are none.',
    uv_share_downloads_without_mirrors = 'Share of uv in the downloads by anything but a mirror by pip or uv; NULL where there are none.',
    uv_share_downloads_by_installers = 'Share of uv in the downloads by installers by pip or uv; NULL where there are none.',
    uv_share_downloads_outside_ci = 'Share of uv in the downloads by installers outside continuous integration by pip or uv; NULL where there are none.',
    slope_uv_share_downloads = 'What the share of uv in all downloads gains in a month, 0.01 being a percentage point: the line of least squares through the whole weeks of the 13 that end with this one; NULL with less than four.',
    slope_uv_share_downloads_without_mirrors = 'What the share of uv in downloads by anything but a mirror gains in a month, 0.01 being a percentage point: the line of least squares through the whole weeks of the 13 that end with this one; NULL with less than four.',
    slope_uv_share_downloads_by_installers = 'What the share of uv in downloads by installers gains in a month, 0.01 being a percentage point: the line of least squares through the whole weeks of the 13 that end with this one; NULL with less than four.',
    slope_uv_share_downloads_outside_ci = 'What the share of uv in downloads by installers outside continuous integration gains in a month, 0.01 being a percentage point: the line of least squares through the whole weeks of the 13 that end with this one; NULL with less than four.'
  ),
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
  w.week,
  w.project,
  w.is_whole,
  @lenses('w.pip_$lens::BIGINT AS pip_$lens'),
  @lenses('w.uv_$lens::BIGINT AS uv_$lens'),
  @lenses('w.uv_share_$lens::DOUBLE AS uv_share_$lens'),
  @lenses('s.slope_uv_share_$lens')
FROM shares AS w
LEFT JOIN slopes AS s
  ON w.week = s.week AND w.project = s.project
