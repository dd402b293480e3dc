MODEL (
  name marts.python_support,
  kind FULL,
  description 'Cost of dropping a Python: the share of each minor version in the 28 days up to the last loaded one, its change against the 28 days before, and its trend over the last 13 whole weeks. The last loaded day counts, not the clock.',
  grain (project, python_minor),
  audits (
    unique_combination_of_columns(columns := (project, python_minor)),
    not_null(columns := (project, python_minor, status, first_day, last_day, downloads)),
    shares_sum_to_one(by := (project)),
    accepted_values("column" := status, is_in := ('end of life', 'supported', 'prerelease', 'unknown')),
    lenses_nest(),
    forall(criteria := (drop_share_downloads IS NULL OR drop_share_downloads BETWEEN 0 AND 1.000001))
  )
);

WITH latest AS (
  SELECT
    MAX(day) AS last_day
  FROM staging.loaded_days
), started AS (
  SELECT
    project,
    MIN(day) AS first_day
  FROM marts.downloads_trend
  GROUP BY
    project
), counted AS (
  SELECT
    p.project,
    p.python_minor,
    l.last_day,
    DATE_DIFF('DAY', s.first_day, l.last_day) >= 55 AS is_comparable,
    @lenses('SUM(CASE WHEN DATE_DIFF(''DAY'', p.day, l.last_day) <= 27 THEN p.$lens ELSE 0 END) AS $lens'),
    @lenses('SUM(CASE WHEN DATE_DIFF(''DAY'', p.day, l.last_day) > 27 THEN p.$lens ELSE 0 END) AS previous_$lens')
  FROM marts.downloads_by_python AS p
  CROSS JOIN latest AS l
  INNER JOIN started AS s
    ON p.project = s.project
  WHERE
    DATE_DIFF('DAY', p.day, l.last_day) BETWEEN 0 AND 55
  GROUP BY
    p.project,
    p.python_minor,
    l.last_day,
    DATE_DIFF('DAY', s.first_day, l.last_day) >= 55
), parsed AS (
  /* No backslash in the pattern: engines disagree on how to unescape it. */
  SELECT
    project,
    python_minor,
    last_day,
    is_comparable,
    CAST(NULLIF(REGEXP_EXTRACT(python_minor, '^([0-9]{1,3})[.][0-9]{1,3}$', 1), '') AS INT) AS major,
    CAST(NULLIF(REGEXP_EXTRACT(python_minor, '^[0-9]{1,3}[.]([0-9]{1,3})$', 1), '') AS INT) AS minor,
    @lenses('$lens'),
    @lenses('previous_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project) AS total_$lens'),
    @lenses('SUM(previous_$lens) OVER (PARTITION BY project) AS previous_total_$lens')
  FROM counted
), ordered AS (
  SELECT
    project,
    python_minor,
    last_day,
    major,
    minor,
    major * 1000 + minor AS python_order,
    @lenses('$lens'),
    @lenses('CAST($lens AS DOUBLE) / NULLIF(total_$lens, 0) AS share_$lens'),
    @lenses('CASE WHEN is_comparable THEN CAST(previous_$lens AS DOUBLE) / NULLIF(previous_total_$lens, 0) END AS previous_share_$lens')
  FROM parsed
), dropped AS (
  SELECT
    project,
    python_minor,
    @lenses('CAST(SUM($lens) OVER (PARTITION BY project ORDER BY python_order, python_minor ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project), 0) AS drop_share_$lens')
  FROM ordered
  WHERE
    NOT python_order IS NULL
), whole_weeks AS (
  SELECT
    project,
    week,
    @lenses('$lens'),
    ROW_NUMBER() OVER (PARTITION BY project ORDER BY week DESC) AS age
  FROM marts.downloads_weekly
  WHERE
    is_whole
), grid AS (
  /* A week without a version has none of it: without its zero the line would be too flat. */
  SELECT
    o.project,
    o.python_minor,
    o.python_order,
    w.week,
    -DATE_DIFF('DAY', w.week, o.last_day) AS days,
    @lenses('w.$lens AS total_$lens'),
    @lenses('COALESCE(p.$lens, 0) AS $lens')
  FROM ordered AS o
  INNER JOIN whole_weeks AS w
    ON o.project = w.project AND w.age <= 13
  LEFT JOIN marts.python_weekly AS p
    ON o.project = p.project AND o.python_minor = p.python_minor AND w.week = p.week
), points AS (
  SELECT
    project,
    python_minor,
    days,
    @lenses('CAST($lens AS DOUBLE) / NULLIF(total_$lens, 0) AS share_$lens'),
    @lenses('CASE WHEN NOT python_order IS NULL THEN CAST(SUM($lens) OVER (PARTITION BY project, week, python_order IS NULL ORDER BY python_order, python_minor ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project, week, python_order IS NULL), 0) END AS drop_share_$lens')
  FROM grid
), slopes AS (
  SELECT
    project,
    python_minor,
    @slopes(days, @lenses('share_$lens')),
    @slopes(days, @lenses('drop_share_$lens'))
  FROM points
  GROUP BY
    project,
    python_minor
), joined AS (
  SELECT
    o.project,
    o.python_minor,
    o.python_order,
    o.last_day,
    CAST(e.released AS DATE) AS released,
    CAST(e.end_of_life AS DATE) AS end_of_life,
    @lenses('o.$lens'),
    @lenses('o.share_$lens'),
    @lenses('o.share_$lens - o.previous_share_$lens AS change_share_$lens'),
    @lenses('s.slope_share_$lens'),
    @lenses('d.drop_share_$lens'),
    @lenses('s.slope_drop_share_$lens')
  FROM ordered AS o
  LEFT JOIN dropped AS d
    ON o.project = d.project AND o.python_minor = d.python_minor
  LEFT JOIN slopes AS s
    ON o.project = s.project AND o.python_minor = s.python_minor
  LEFT JOIN reference.python_eol AS e
    ON o.major = e.major AND o.minor = e.minor
)
SELECT
  project, /* Normalised name of the project. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  python_order::INT AS python_order, /* Number to sort by: 3012 for 3.12; NULL where python_minor is no version. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the 28. */
  last_day::DATE AS last_day, /* Last UTC day of the 28. */
  end_of_life::DATE AS end_of_life, /* Last day of support, by reference.python_eol; NULL where it does not list the version. */
  (CASE
    WHEN end_of_life IS NULL
    THEN 'unknown'
    WHEN last_day > end_of_life
    THEN 'end of life'
    WHEN last_day < released
    THEN 'prerelease'
    ELSE 'supported'
  END)::TEXT AS status, /* Status on the last day: end of life, supported, prerelease or unknown. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('share_$lens::DOUBLE AS share_$lens'),
    'Share of this Python in $downloads of the project; the shares of all its Pythons, unknown included, sum to 1.'
  ),
  @described(
    @lenses('change_share_$lens::DOUBLE AS change_share_$lens'),
    'Change of share_$lens against the 28 days before, 0.01 being a percentage point; NULL unless the data covers both.'
  ),
  @described(
    @lenses('slope_share_$lens'),
    'Gain of share_$lens in a month (30.4375 days), 0.01 being a percentage point: the line of least squares through the last 13 whole weeks; NULL with fewer than four.'
  ),
  @described(
    @lenses('drop_share_$lens::DOUBLE AS drop_share_$lens'),
    'Cost of dropping this Python and all older ones: their share of $downloads by clients that report a Python version; NULL where python_minor is no version.'
  ),
  @described(@lenses('slope_drop_share_$lens'), 'Gain of drop_share_$lens in a month, by the same line.'),
  (
    'Dropping Python ' || python_minor || ' and older costs ' || CAST(CAST(drop_share_downloads_outside_ci * 100 AS DECIMAL(9, 1)) AS TEXT) || ' % of installer downloads outside CI'
    || CASE
      WHEN slope_drop_share_downloads_outside_ci >= 0.0005
      THEN ', rising ' || CAST(CAST(slope_drop_share_downloads_outside_ci * 100 AS DECIMAL(9, 1)) AS TEXT) || ' points a month.'
      WHEN slope_drop_share_downloads_outside_ci <= -0.0005
      THEN ', falling ' || CAST(CAST(slope_drop_share_downloads_outside_ci * -100 AS DECIMAL(9, 1)) AS TEXT) || ' points a month.'
      WHEN slope_drop_share_downloads_outside_ci IS NULL
      THEN '.'
      ELSE ', steady.'
    END
  )::TEXT AS statement /* Cost of dropping this Python outside CI as a sentence; NULL where that cost is not known. */
FROM joined
