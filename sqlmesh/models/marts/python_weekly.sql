MODEL (
  name marts.python_weekly,
  kind FULL,
  description 'Downloads of each project in each whole week by the minor version of Python, with shares; the rows of a week are all its downloads.',
  grain (week, project, python_minor),
  column_descriptions (
    week = 'Monday of the week.',
    project = 'Project, by its normalised name.',
    python_minor = 'Python of the client, as 3.12; unknown where it did not say.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    share_downloads = 'Share of all downloads of the project in that week.',
    share_downloads_without_mirrors = 'Share of downloads by anything but a mirror of the project in that week.',
    share_downloads_by_installers = 'Share of downloads by installers of the project in that week.',
    share_downloads_outside_ci = 'Share of downloads by installers outside continuous integration of the project in that week.'
  ),
  audits (
    unique_combination_of_columns(columns := (week, project, python_minor)),
    not_null(columns := (week, project, python_minor, downloads)),
    shares_sum_to_one(by := (week, project)),
    lenses_nest()
  )
);

WITH counted AS (
  SELECT
    t.week,
    t.project,
    p.python_minor,
    @lenses('SUM(p.$lens) AS $lens')
  FROM marts.downloads_by_python AS p
  INNER JOIN marts.downloads_trend AS t
    ON p.day = t.day AND p.project = t.project
  INNER JOIN marts.downloads_weekly AS w
    ON t.week = w.week AND t.project = w.project
  WHERE
    w.is_whole
  GROUP BY
    t.week,
    t.project,
    p.python_minor
)
SELECT
  week,
  project,
  python_minor,
  @lenses('$lens::BIGINT AS $lens'),
  @lenses('(CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY week, project), 0))::DOUBLE AS share_$lens')
FROM counted
