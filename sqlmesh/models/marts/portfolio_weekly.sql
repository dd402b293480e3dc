MODEL (
  name marts.portfolio_weekly,
  kind FULL,
  description 'Downloads of all projects together in each week, and their change like for like: of the projects for which both weeks are whole.',
  grain week,
  audits (
    unique_values(columns := week),
    not_null(columns := (week, is_whole, projects))
  )
);

SELECT
  week, /* Monday of the week. */
  (MIN(CASE WHEN is_whole THEN 1 ELSE 0 END) = 1)::BOOLEAN AS is_whole, /* TRUE where the week is whole for each project that has it. */
  COUNT(*)::BIGINT AS projects, /* Number of projects that have the week. */
  @described(@lenses('SUM($lens)::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CAST(SUM(CASE WHEN previous_$lens IS NOT NULL THEN $lens END) AS DOUBLE) / NULLIF(SUM(previous_$lens), 0) - 1)::DOUBLE AS change_$lens'),
    'Change against the week before, as a fraction of it, of the projects for which both weeks are whole.'
  )
FROM marts.downloads_weekly
GROUP BY
  week
