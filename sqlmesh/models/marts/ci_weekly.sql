MODEL (
  name marts.ci_weekly,
  kind FULL,
  description 'Share of continuous integration in the downloads of each project in each week. A lower bound: only pip and uv say that they run in it, only for the services that they know, and never that they do not.',
  grain (week, project),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    is_whole = 'TRUE where all seven days are loaded and none is missing upstream.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    downloads_in_ci = 'Downloads by installers that said that they ran in continuous integration.',
    ci_share_downloads = 'Share of downloads_in_ci in all downloads; at least so many.',
    ci_share_downloads_without_mirrors = 'Share of downloads_in_ci in the downloads by anything but a mirror; at least so many.',
    ci_share_downloads_by_installers = 'Share of downloads_in_ci in the downloads by installers; at least so many. It is zero by definition outside continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole)),
    forall(criteria := (downloads_in_ci IS NULL OR downloads_in_ci BETWEEN 0 AND downloads_by_installers))
  )
);

SELECT
  week,
  project,
  is_whole,
  @lenses('$lens'),
  (downloads_by_installers - downloads_outside_ci)::BIGINT AS downloads_in_ci,
  (CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads, 0))::DOUBLE AS ci_share_downloads,
  (CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads_without_mirrors, 0))::DOUBLE AS ci_share_downloads_without_mirrors,
  (CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads_by_installers, 0))::DOUBLE AS ci_share_downloads_by_installers
FROM marts.downloads_weekly
