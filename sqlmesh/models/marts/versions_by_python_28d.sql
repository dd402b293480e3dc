MODEL (
  name marts.versions_by_python_28d,
  kind FULL,
  description 'Downloads of each version by minor version of Python in the 28 days up to the last loaded one of the project: who is held back at an old version by an old Python.',
  grain (project, version, python_minor),
  audits (
    unique_combination_of_columns(columns := (project, version, python_minor)),
    not_null(columns := (project, version, python_minor, downloads)),
    lenses_nest(),
    shares_sum_to_one(by := (project, python_minor))
  )
);

WITH latest AS (
  SELECT
    project,
    MAX(day) AS last_day
  FROM staging.loaded_days
  GROUP BY
    project
), counted AS (
  SELECT
    d.project,
    d.version,
    d.python_minor,
    l.last_day,
    @lenses('SUM(d.$lens) AS $lens')
  FROM staging.daily_downloads AS d
  INNER JOIN latest AS l
    ON d.project = l.project AND DATE_DIFF('DAY', d.day, l.last_day) BETWEEN 0 AND 27
  WHERE
    d.downloads > 0
  GROUP BY
    d.project,
    d.version,
    d.python_minor,
    l.last_day
)
SELECT
  project, /* Normalised name of the project. */
  version, /* Version of the downloaded file. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the 28. */
  last_day::DATE AS last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, python_minor), 0))::DOUBLE AS share_$lens'),
    'Share of the version in $downloads of the project by this Python; NULL where there are none.'
  )
FROM counted
