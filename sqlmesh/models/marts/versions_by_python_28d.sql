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

WITH counted AS (
  SELECT
    d.project,
    d.version,
    d.python_minor,
    p.first_day,
    p.last_day,
    p.days,
    p.days >= @minimum_days AS has_shares,
    @lenses('SUM(d.$lens) AS $lens')
  FROM staging.daily_downloads AS d
  INNER JOIN marts.downloads_periods AS p
    ON d.project = p.project AND p.period = '4w' AND d.day BETWEEN p.first_day AND p.last_day
  WHERE
    d.downloads > 0
  GROUP BY
    d.project,
    d.version,
    d.python_minor,
    p.first_day,
    p.last_day,
    p.days
)
SELECT
  project, /* Normalised name of the project. */
  version, /* Version of the downloaded file. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  first_day, /* First UTC day of the 28. */
  last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days, /* Number of the 28 days that are loaded and not missing, from the first download of the project on. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN has_shares THEN CAST($lens AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, python_minor), 0) END)::DOUBLE AS share_$lens'),
    'Share of the version in $downloads of the project by this Python; NULL where there are none, or with fewer days than the variable minimum_days.'
  )
FROM counted
