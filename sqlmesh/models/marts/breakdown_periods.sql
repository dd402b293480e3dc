MODEL (
  name marts.breakdown_periods,
  kind FULL,
  description 'Downloads of each project by each dimension in the 4, 13 and 52 weeks up to its last loaded day, and by five of the dimensions in each of its last 13 months, with shares and ranks.',
  grain (project, period, dimension, value),
  audits (
    unique_combination_of_columns(columns := (project, period, dimension, value)),
    not_null(columns := (project, period, dimension, label, first_day, last_day, downloads, place_downloads)),
    shares_sum_to_one(by := (project, period, dimension)),
    lenses_nest(),
    sums_to_period_total(),
    countries_are_listed(blocking := FALSE)
  )
);

WITH spans AS (
  SELECT
    project,
    period,
    length,
    first_day,
    last_day,
    days,
    days_wrong,
    days_provisional,
    log_change,
    @lenses('$lens AS total_$lens'),
    @lenses('previous_$lens AS previous_total_$lens')
  FROM marts.downloads_periods
), latest AS (
  SELECT
    project,
    last_day
  FROM spans
  WHERE
    period = '52w'
), months AS (
  SELECT
    m.project,
    SUBSTR(CAST(m.month AS TEXT), 1, 7) AS period,
    m.month AS first_day,
    CAST(m.month - INTERVAL 1 MONTH AS DATE) AS previous_month,
    @add_days(m.month, m.days - 1) AS last_day,
    m.days_counted AS days,
    m.days_wrong,
    m.days_provisional,
    m.log_change,
    @lenses('m.previous_$lens AS previous_total_$lens')
  FROM marts.downloads_monthly AS m
  INNER JOIN latest AS l
    ON m.project = l.project AND m.month > CAST(l.last_day - INTERVAL 13 MONTH AS DATE)
), parts AS (
  @parts(version, python, installer, installer_class, subcommand, system, country, file_type, wheel_kind, architecture, threading, cpu, distro, libc)
), weeks AS (
  /* Of seven days each, counted back from the last loaded one: each period is so many of them. */
  SELECT
    p.project,
    p.dimension,
    p.value,
    7 * CAST(FLOOR(DATE_DIFF('DAY', p.day, l.last_day) / 7) AS INT) AS age,
    @lenses('SUM(p.$lens) AS $lens')
  FROM parts AS p
  INNER JOIN latest AS l
    ON p.project = l.project AND DATE_DIFF('DAY', p.day, l.last_day) BETWEEN 0 AND 727
  GROUP BY
    p.project,
    p.dimension,
    p.value,
    7 * CAST(FLOOR(DATE_DIFF('DAY', p.day, l.last_day) / 7) AS INT)
), by_month AS (
  SELECT
    p.project,
    p.dimension,
    p.value,
    CAST(DATE_TRUNC('MONTH', p.day) AS DATE) AS month,
    @lenses('SUM(p.$lens) AS $lens')
  FROM parts AS p
  INNER JOIN latest AS l
    ON p.project = l.project AND p.day > CAST(l.last_day - INTERVAL 15 MONTH AS DATE)
  WHERE
    p.dimension IN ('version', 'python', 'installer', 'system', 'country')
  GROUP BY
    p.project,
    p.dimension,
    p.value,
    CAST(DATE_TRUNC('MONTH', p.day) AS DATE)
), counted AS (
  SELECT
    w.project,
    s.period,
    w.dimension,
    w.value,
    s.first_day,
    s.last_day,
    s.days,
    s.days_wrong,
    s.days_provisional,
    s.log_change,
    @lenses('s.previous_total_$lens'),
    @lenses('SUM(CASE WHEN w.age < s.length THEN w.$lens ELSE 0 END) AS $lens'),
    @lenses('SUM(CASE WHEN w.age >= s.length THEN w.$lens ELSE 0 END) AS earlier_$lens')
  FROM weeks AS w
  INNER JOIN spans AS s
    ON w.project = s.project AND w.age < 2 * s.length
  GROUP BY
    w.project,
    s.period,
    w.dimension,
    w.value,
    s.first_day,
    s.last_day,
    s.days,
    s.days_wrong,
    s.days_provisional,
    s.log_change,
    @lenses('s.previous_total_$lens')
  UNION ALL
  SELECT
    b.project,
    m.period,
    b.dimension,
    b.value,
    m.first_day,
    m.last_day,
    m.days,
    m.days_wrong,
    m.days_provisional,
    m.log_change,
    @lenses('m.previous_total_$lens'),
    @lenses('SUM(CASE WHEN b.month = m.first_day THEN b.$lens ELSE 0 END) AS $lens'),
    @lenses('SUM(CASE WHEN b.month < m.first_day THEN b.$lens ELSE 0 END) AS earlier_$lens')
  FROM by_month AS b
  INNER JOIN months AS m
    ON b.project = m.project AND (b.month = m.first_day OR b.month = m.previous_month)
  GROUP BY
    b.project,
    m.period,
    b.dimension,
    b.value,
    m.first_day,
    m.last_day,
    m.days,
    m.days_wrong,
    m.days_provisional,
    m.log_change,
    @lenses('m.previous_total_$lens')
), shares AS (
  SELECT
    *,
    days >= @minimum_days AS has_shares,
    @lenses('SUM(CASE WHEN value IS NULL THEN 0 ELSE earlier_$lens END) OVER (PARTITION BY project, period, dimension) AS previous_recorded_$lens'),
    @lenses('SUM(CASE WHEN value IS NULL THEN 0 ELSE $lens END) OVER (PARTITION BY project, period, dimension) AS recorded_$lens'),
    @lenses('CASE WHEN NOT value IS NULL THEN CAST($lens AS DOUBLE) / NULLIF(SUM(CASE WHEN value IS NULL THEN 0 ELSE $lens END) OVER (PARTITION BY project, period, dimension), 0) END AS share_$lens')
  FROM counted
)
SELECT
  s.project, /* Normalised name of the project. */
  s.period::TEXT AS period, /* Name of the period: 4w, 13w or 52w, or a month, such as 2026-06. */
  s.dimension::TEXT AS dimension, /* Name of the dimension: version, python, installer, installer_class, subcommand, system, country, file_type, wheel_kind, architecture, threading, cpu, distro or libc; of a month version, python, installer, system and country. */
  s.value::TEXT AS value, /* Value of the dimension, or unknown; NULL where the source does not record it. Values that only the period before had are there, too. */
  (
    CASE
      WHEN s.value IS NULL
      THEN 'not recorded by this source'
      WHEN s.dimension = 'system' AND s.value = 'Darwin'
      THEN 'macOS'
      WHEN s.dimension <> 'country' OR c.country IS NULL
      THEN s.value
      ELSE @country_words(s.value, c.country)
    END
  )::TEXT AS label, /* The value as pages name it: a country by its name in ISO 3166-1, without additions, and Darwin as macOS; not recorded by this source where the value is NULL. The country is that of the address, as the content delivery network locates it: proxies, VPNs and company networks count where they leave to the internet, and CI where its cloud is, mostly in the United States. */
  s.first_day::DATE AS first_day, /* First UTC day of the period. */
  s.last_day::DATE AS last_day, /* Last UTC day of the period: the last loaded one of the project, or the last one of the month. */
  s.days::INT AS days, /* Number of days of the period that are loaded and not missing, from the first download of the project on. */
  s.days_wrong::INT AS days_wrong, /* Number of days whose counts are known to be wrong, by reference.incidents. */
  s.days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling. */
  s.log_change::TEXT AS log_change, /* Change of what the log counts or records that falls into the period, by reference.incidents; NULL without one. */
  @described(@lenses('s.$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('(CASE WHEN s.has_shares THEN s.share_$lens END)::DOUBLE AS share_$lens'),
    'Share of the value in $downloads of the project, of those whose source records the dimension; NULL where it has none, or with fewer days than the variable minimum_days.'
  ),
  @described(
    @lenses('(CASE WHEN s.has_shares AND NOT s.previous_total_$lens IS NULL THEN s.share_$lens - CAST(s.earlier_$lens AS DOUBLE) / NULLIF(s.previous_recorded_$lens, 0) END)::DOUBLE AS change_share_$lens'),
    'Change of share_$lens against the period before, which is as many days or the month before, 0.01 being a percentage point; NULL unless both are whole and counted alike.'
  ),
  @described(
    @lenses('(ROW_NUMBER() OVER (PARTITION BY s.project, s.period, s.dimension ORDER BY CASE WHEN s.$lens IS NULL THEN -1 ELSE s.$lens END DESC, s.value))::INT AS place_$lens'),
    'Rank of the value by $downloads in the dimension, 1 for the most.'
  ),
  @described(
    @lenses('(CASE WHEN s.has_shares THEN CAST(COALESCE(SUM(CASE WHEN s.value IS NULL OR s.value = ''unknown'' THEN 0 ELSE s.$lens END) OVER (PARTITION BY s.project, s.period, s.dimension ORDER BY CASE WHEN s.$lens IS NULL THEN -1 ELSE s.$lens END DESC, s.value ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS DOUBLE) / NULLIF(s.recorded_$lens, 0) END)::DOUBLE AS rest_share_$lens'),
    'Share in $downloads of all values that rank below this one, without unknown; NULL where share_$lens is.'
  )
FROM shares AS s
LEFT JOIN reference.countries AS c
  ON s.dimension = 'country' AND s.value = c.country_code
