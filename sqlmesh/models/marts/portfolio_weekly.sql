MODEL (
  name marts.portfolio_weekly,
  kind FULL,
  description 'Downloads of all tracked projects together in each week, and their change, like for like: only projects with both weeks whole.',
  grain week,
  column_descriptions (
    week = 'Monday of the week.',
    is_whole = 'TRUE where the week is whole for each project that has it.',
    projects = 'Projects that have the week.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    change_downloads = 'Change against the week before, as a fraction of it.',
    change_downloads_without_mirrors = 'Change against the week before, as a fraction of it.',
    change_downloads_by_installers = 'Change against the week before, as a fraction of it.',
    change_downloads_outside_ci = 'Change against the week before, as a fraction of it.'
  ),
  audits (
    unique_values(columns := week),
    not_null(columns := (week, is_whole, projects))
  )
);

SELECT
  week,
  (MIN(CASE WHEN is_whole THEN 1 ELSE 0 END) = 1)::BOOLEAN AS is_whole,
  COUNT(*)::BIGINT AS projects,
  @lenses('SUM($lens)::BIGINT AS $lens'),
  @lenses('(CAST(SUM(CASE WHEN previous_$lens IS NOT NULL THEN $lens END) AS DOUBLE) / NULLIF(SUM(previous_$lens), 0) - 1)::DOUBLE AS change_$lens')
FROM marts.downloads_weekly
GROUP BY
  week
