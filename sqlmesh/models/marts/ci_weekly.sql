MODEL (
  name marts.ci_weekly,
  kind FULL,
  description 'Share of continuous integration (CI) in the downloads of each project and week. A lower bound: only pip and uv report CI, only for the services that they know, and none reports its absence.',
  grain (week, project),
  audits (
    unique_combination_of_columns(columns := (week, project)),
    not_null(columns := (week, project, is_whole)),
    forall(criteria := (downloads_in_ci IS NULL OR downloads_in_ci BETWEEN 0 AND downloads_by_installers))
  )
);

SELECT
  week, /* Monday of the week. */
  project, /* Normalised name of the project. */
  is_whole, /* TRUE where all seven days are loaded, and none is missing upstream or known to be wrong. */
  @described(@lenses('$lens'), '$downloads.'),
  (CASE WHEN is_ci_recorded THEN downloads_by_installers - downloads_outside_ci END)::BIGINT AS downloads_in_ci, /* Downloads by installers that reported continuous integration; NULL where the log does not record it on each day of the week. */
  (CASE WHEN is_ci_recorded THEN CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads, 0) END)::DOUBLE AS ci_share_downloads, /* Share of downloads_in_ci in all downloads, a lower bound. */
  (CASE WHEN is_ci_recorded THEN CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads_without_mirrors, 0) END)::DOUBLE AS ci_share_downloads_without_mirrors, /* Share of downloads_in_ci in downloads without mirrors, a lower bound. */
  (CASE WHEN is_ci_recorded THEN CAST(downloads_by_installers - downloads_outside_ci AS DOUBLE) / NULLIF(downloads_by_installers, 0) END)::DOUBLE AS ci_share_downloads_by_installers /* Share of downloads_in_ci in downloads by installers, a lower bound. Outside CI the share would be 0 by definition. */
FROM marts.downloads_weekly
