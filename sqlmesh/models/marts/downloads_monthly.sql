MODEL (
  name marts.downloads_monthly,
  kind FULL,
  description 'Downloads of each project in each calendar month.',
  grain (month, project),
  column_descriptions (
    month = 'First day of the month.',
    project = 'Project, by its normalised name.',
    is_whole = 'TRUE where all days of the month are loaded and none is missing upstream.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.'
  ),
  audits (
    unique_combination_of_columns(columns := (month, project)),
    not_null(columns := (month, project, is_whole))
  )
);

WITH days AS (
  SELECT
    CAST(DATE_TRUNC('MONTH', day) AS DATE) AS month,
    project,
    @lenses('$lens')
  FROM marts.downloads_trend
)
SELECT
  month::DATE AS month,
  project::TEXT AS project,
  (COUNT(downloads) = DATE_DIFF('DAY', month, CAST(month + INTERVAL '1' MONTH AS DATE)))::BOOLEAN AS is_whole,
  @lenses('SUM($lens)::BIGINT AS $lens')
FROM days
GROUP BY
  month,
  project
