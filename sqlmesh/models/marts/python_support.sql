MODEL (
  name marts.python_support,
  kind FULL,
  description 'Cost of dropping a Python: the share of each minor version in the 28 days up to the last loaded one, its change against the 28 days before, and its trend over the whole weeks among the 13 up to the last one. The last loaded day of the project counts, not the clock.',
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
    project,
    MAX(day) AS last_day
  FROM marts.downloads_trend
  GROUP BY
    project
), spans AS (
  SELECT
    l.project,
    l.last_day,
    COUNT(CASE WHEN DATE_DIFF('DAY', t.day, l.last_day) <= 27 THEN t.downloads END) AS days,
    COUNT(CASE WHEN DATE_DIFF('DAY', t.day, l.last_day) <= 27 THEN t.downloads END) >= @minimum_days AS has_shares,
    COUNT(CASE WHEN NOT COALESCE(t.is_wrong, FALSE) THEN t.downloads END) = 56 AS is_comparable,
    SUM(CASE WHEN t.is_provisional THEN 1 ELSE 0 END) AS days_provisional,
    @lenses('MAX(t.comparable_since_$lens) AS comparable_since_$lens')
  FROM latest AS l
  INNER JOIN marts.downloads_trend AS t
    ON l.project = t.project AND DATE_DIFF('DAY', t.day, l.last_day) BETWEEN 0 AND 55
  GROUP BY
    l.project,
    l.last_day
), whole_weeks AS (
  SELECT
    w.project,
    w.week,
    -DATE_DIFF('DAY', w.week, now.week) AS days,
    @comparable('w.$lens AS total_$lens', now, w.week)
  FROM marts.downloads_weekly AS now
  INNER JOIN marts.downloads_weekly AS w
    ON now.project = w.project AND w.is_whole AND DATE_DIFF('DAY', w.week, now.week) BETWEEN 0 AND 84
  WHERE
    now.is_last_whole
), population AS (
  /* Of the whole trend: a Python that has vanished since was part of it, and its fall belongs to it. */
  SELECT
    p.project,
    p.python_minor
  FROM marts.downloads_by_python AS p
  INNER JOIN latest AS l
    ON p.project = l.project AND DATE_DIFF('DAY', p.day, l.last_day) BETWEEN 0 AND 55
  UNION
  SELECT
    p.project,
    p.value AS python_minor
  FROM marts.breakdown_weekly AS p
  INNER JOIN whole_weeks AS w
    ON p.project = w.project AND p.week = w.week
  WHERE
    p.dimension = 'python'
), counted AS (
  SELECT
    n.project,
    n.python_minor,
    @lenses('SUM(CASE WHEN DATE_DIFF(''DAY'', p.day, l.last_day) <= 27 THEN p.$lens ELSE 0 END) AS $lens'),
    @lenses('SUM(CASE WHEN DATE_DIFF(''DAY'', p.day, l.last_day) > 27 THEN p.$lens ELSE 0 END) AS previous_$lens')
  FROM population AS n
  INNER JOIN latest AS l
    ON n.project = l.project
  LEFT JOIN marts.downloads_by_python AS p
    ON n.project = p.project
    AND n.python_minor = p.python_minor
    AND DATE_DIFF('DAY', p.day, l.last_day) BETWEEN 0 AND 55
  GROUP BY
    n.project,
    n.python_minor
), parsed AS (
  /* No backslash in the pattern: engines disagree on how to unescape it. */
  SELECT
    project,
    python_minor,
    CAST(NULLIF(REGEXP_EXTRACT(python_minor, '^([0-9]{1,3})[.][0-9]{1,3}$', 1), '') AS INT) AS major,
    CAST(NULLIF(REGEXP_EXTRACT(python_minor, '^[0-9]{1,3}[.]([0-9]{1,3})$', 1), '') AS INT) AS minor,
    @lenses('$lens'),
    @lenses('previous_$lens'),
    @lenses('SUM($lens) OVER (PARTITION BY project) AS total_$lens'),
    @lenses('SUM(previous_$lens) OVER (PARTITION BY project) AS previous_total_$lens')
  FROM counted
), ordered AS (
  SELECT
    p.project,
    p.python_minor,
    n.last_day,
    n.days,
    n.has_shares,
    n.days_provisional,
    p.major,
    p.minor,
    p.major * 1000 + p.minor AS python_order,
    @lenses('p.$lens'),
    @lenses('CASE WHEN n.has_shares THEN CAST(p.$lens AS DOUBLE) / NULLIF(p.total_$lens, 0) END AS share_$lens'),
    @comparable('CASE WHEN n.is_comparable THEN CAST(p.previous_$lens AS DOUBLE) / NULLIF(p.previous_total_$lens, 0) END AS previous_share_$lens', n, CAST(n.last_day - INTERVAL 55 DAY AS DATE))
  FROM parsed AS p
  INNER JOIN spans AS n
    ON p.project = n.project
), dropped AS (
  SELECT
    project,
    python_minor,
    @lenses('CASE WHEN has_shares THEN CAST(SUM($lens) OVER (PARTITION BY project ORDER BY python_order, python_minor ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM($lens) OVER (PARTITION BY project), 0) END AS drop_share_$lens')
  FROM ordered
  WHERE
    NOT python_order IS NULL
), grid AS (
  /* A week without a version has none of it: without its zero the line would be too flat. */
  SELECT
    o.project,
    o.python_minor,
    o.python_order,
    w.week,
    w.days,
    @lenses('w.total_$lens'),
    @lenses('CASE WHEN p.project IS NULL THEN 0 ELSE p.$lens END AS $lens')
  FROM ordered AS o
  INNER JOIN whole_weeks AS w
    ON o.project = w.project
  LEFT JOIN marts.breakdown_weekly AS p
    ON o.project = p.project AND p.dimension = 'python' AND o.python_minor = p.value AND w.week = p.week
), points AS (
  SELECT
    project,
    python_minor,
    days,
    @lenses('CAST($lens AS DOUBLE) / NULLIF(total_$lens, 0) AS share_$lens'),
    @lenses('CASE WHEN NOT python_order IS NULL THEN CAST(SUM($lens) OVER (PARTITION BY project, week, python_order IS NULL ORDER BY python_order, python_minor ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(CASE WHEN NOT total_$lens IS NULL THEN $lens END) OVER (PARTITION BY project, week, python_order IS NULL), 0) END AS drop_share_$lens')
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
), stable AS (
  SELECT
    project,
    version,
    version_order,
    requires_python,
    supported_pythons,
    MAX(version_order) OVER (PARTITION BY project) AS latest_order
  FROM staging.releases
  WHERE
    is_listed AND is_valid AND NOT is_prerelease AND NOT is_yanked
), installable AS (
  SELECT
    o.project,
    o.python_minor,
    MAX(s.latest_order) AS latest_order,
    MAX(CASE WHEN STRPOS(s.supported_pythons, ',' || o.python_minor || ',') > 0 THEN s.version_order END) AS newest_order
  FROM ordered AS o
  INNER JOIN reference.python_eol AS e
    ON o.major = e.major AND o.minor = e.minor
  INNER JOIN stable AS s
    ON o.project = s.project
  GROUP BY
    o.project,
    o.python_minor
), joined AS (
  SELECT
    o.project,
    o.python_minor,
    o.python_order,
    o.last_day,
    o.days,
    o.days_provisional,
    CAST(e.released AS DATE) AS released,
    CAST(e.end_of_life AS DATE) AS end_of_life,
    r.version AS latest_version,
    r.requires_python,
    n.version AS newest_version,
    COALESCE(i.newest_order = i.latest_order, FALSE) AS is_latest,
    @lenses('o.$lens'),
    @lenses('o.share_$lens'),
    @lenses('o.share_$lens - o.previous_share_$lens AS change_share_$lens'),
    @lenses('s.slope_share_$lens'),
    @lenses('s.slope_low_share_$lens'),
    @lenses('s.slope_high_share_$lens'),
    @lenses('d.drop_share_$lens'),
    @lenses('s.slope_drop_share_$lens'),
    @lenses('s.slope_low_drop_share_$lens'),
    @lenses('s.slope_high_drop_share_$lens')
  FROM ordered AS o
  LEFT JOIN dropped AS d
    ON o.project = d.project AND o.python_minor = d.python_minor
  LEFT JOIN slopes AS s
    ON o.project = s.project AND o.python_minor = s.python_minor
  LEFT JOIN reference.python_eol AS e
    ON o.major = e.major AND o.minor = e.minor
  LEFT JOIN installable AS i
    ON o.project = i.project AND o.python_minor = i.python_minor
  LEFT JOIN stable AS r
    ON i.project = r.project AND i.latest_order = r.version_order
  LEFT JOIN stable AS n
    ON i.project = n.project AND i.newest_order = n.version_order
)
SELECT
  project, /* Normalised name of the project. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  python_order::INT AS python_order, /* Number to sort by: 3012 for 3.12; NULL where python_minor is no version. */
  CAST(last_day - INTERVAL 27 DAY AS DATE) AS first_day, /* First UTC day of the 28. */
  last_day::DATE AS last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days::INT AS days, /* Number of the 28 days that are loaded and not missing. */
  days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling. */
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
  CAST(released + INTERVAL 36 MONTH AS DATE)::DATE AS spec0_drop_on, /* Day from which SPEC 0 lets a project drop the version: 36 months after its release; NULL where reference.python_eol does not list it. */
  latest_version::TEXT AS latest_version, /* Newest stable version on the index that is not yanked; NULL where the releases are not known or reference.python_eol does not list the Python. */
  requires_python::TEXT AS requires_python, /* Pythons that latest_version supports, by its metadata; NULL where it names none, or that is not known. */
  (CASE WHEN NOT latest_version IS NULL THEN is_latest END)::BOOLEAN AS is_supported, /* TRUE where requires_python of latest_version lets this Python install it, FALSE where not; NULL without latest_version. */
  newest_version::TEXT AS newest_version, /* Newest such version that this Python can install: where is_supported is FALSE, the last one before the Python was dropped. NULL where there is none, or it is not known. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('share_$lens::DOUBLE AS share_$lens'),
    'Share of this Python in $downloads of the project; the shares of all its Pythons, unknown included, sum to 1. NULL with fewer days than the variable minimum_days.'
  ),
  @described(
    @lenses('change_share_$lens::DOUBLE AS change_share_$lens'),
    'Change of share_$lens against the 28 days before, 0.01 being a percentage point; NULL unless all 56 days are loaded, right and counted alike.'
  ),
  @described(
    @lenses('slope_share_$lens'),
    'Gain of share_$lens in a month (30.4375 days), 0.01 being a percentage point: the line of least squares through the whole weeks among the 13 up to the last whole one; NULL with fewer than four that the log counts alike.'
  ),
  @described(@lenses('slope_low_share_$lens'), 'Lower end of the 95 % interval of slope_share_$lens, by the scatter of the weeks about the line.'),
  @described(
    @lenses('(CASE WHEN share_$lens > 0.05 AND slope_high_share_$lens < 0 AND (share_$lens - 0.05) / -slope_share_$lens <= 120 THEN CAST(last_day + INTERVAL ''1'' DAY * CAST(ROUND(30.4375 * (share_$lens - 0.05) / -slope_share_$lens) AS INT) AS DATE) END)::DATE AS below_5_on_$lens'),
    'Day on which share_$lens falls below 5 % if it goes on to fall by slope_share_$lens; NULL where it is below, where the interval of the slope does not exclude zero, and beyond ten years.'
  ),
  @described(
    @lenses('(CASE WHEN share_$lens > 0.05 AND slope_high_share_$lens < 0 AND (share_$lens - 0.05) / -slope_share_$lens <= 120 THEN CAST(last_day + INTERVAL ''1'' DAY * CAST(ROUND(30.4375 * (share_$lens - 0.05) / -slope_low_share_$lens) AS INT) AS DATE) END)::DATE AS below_5_from_$lens'),
    'Earliest day of below_5_on_$lens, by slope_low_share_$lens.'
  ),
  @described(
    @lenses('(CASE WHEN share_$lens > 0.05 AND slope_high_share_$lens < 0 AND (share_$lens - 0.05) / -slope_share_$lens <= 120 AND (share_$lens - 0.05) / -slope_high_share_$lens <= 1200 THEN CAST(last_day + INTERVAL ''1'' DAY * CAST(ROUND(30.4375 * (share_$lens - 0.05) / -slope_high_share_$lens) AS INT) AS DATE) END)::DATE AS below_5_until_$lens'),
    'Latest day of below_5_on_$lens, by slope_high_share_$lens; NULL beyond a century.'
  ),
  @described(@lenses('slope_high_share_$lens'), 'Upper end of the 95 % interval of slope_share_$lens, by the scatter of the weeks about the line.'),
  @described(
    @lenses('drop_share_$lens::DOUBLE AS drop_share_$lens'),
    'Cost of dropping this Python and all older ones: their share of $downloads by clients that report a Python version; NULL where python_minor is no version, or with fewer days than the variable minimum_days.'
  ),
  @described(@lenses('slope_drop_share_$lens'), 'Gain of drop_share_$lens in a month, by the same weeks.'),
  @described(@lenses('slope_low_drop_share_$lens'), 'Lower end of the 95 % interval of slope_drop_share_$lens, by the scatter of the weeks about the line.'),
  @described(@lenses('slope_high_drop_share_$lens'), 'Upper end of the 95 % interval of slope_drop_share_$lens, by the scatter of the weeks about the line.')
FROM joined
