MODEL (
  name marts.downloads_monthly,
  kind FULL,
  description 'Downloads of each project and month, with the change against the month before and against the same month a year before, where both are whole. As months differ in length, a change compares daily means.',
  grain (month, project),
  audits (
    unique_combination_of_columns(columns := (month, project)),
    not_null(columns := (month, project, days, is_whole)),
    forall(
      criteria := (
        days BETWEEN 28 AND 31,
        previous_downloads IS NULL OR is_whole,
        previous_year_downloads IS NULL OR is_whole
      )
    )
  )
);

WITH days AS (
  SELECT
    CAST(DATE_TRUNC('MONTH', day) AS DATE) AS month,
    project,
    @lenses('$lens')
  FROM marts.downloads_trend
), counted AS (
  SELECT
    month,
    project,
    COUNT(downloads) AS counted_days,
    @lenses('SUM($lens) AS $lens')
  FROM days
  GROUP BY
    month,
    project
), measured AS (
  SELECT
    month,
    project,
    counted_days,
    DATE_DIFF('DAY', month, CAST(month + INTERVAL 1 MONTH AS DATE)) AS days,
    @lenses('$lens')
  FROM counted
), months AS (
  SELECT
    month,
    project,
    days,
    counted_days = days AS is_whole,
    @lenses('$lens')
  FROM measured
), compared AS (
  SELECT
    now.month,
    now.project,
    now.days,
    now.is_whole,
    before.days AS previous_days,
    year_before.days AS previous_year_days,
    @lenses('now.$lens'),
    @lenses('CASE WHEN now.is_whole THEN before.$lens END AS previous_$lens'),
    @lenses('CASE WHEN now.is_whole THEN year_before.$lens END AS previous_year_$lens')
  FROM months AS now
  LEFT JOIN months AS before
    ON now.project = before.project
    AND before.is_whole
    AND before.month = CAST(now.month - INTERVAL 1 MONTH AS DATE)
  LEFT JOIN months AS year_before
    ON now.project = year_before.project
    AND year_before.is_whole
    AND year_before.month = CAST(now.month - INTERVAL 12 MONTH AS DATE)
)
SELECT
  month::DATE AS month, /* First day of the month. */
  project, /* Normalised name of the project. */
  days::INT AS days, /* Number of days in the month. */
  is_whole::BOOLEAN AS is_whole, /* TRUE where all days of the month are loaded and none is missing upstream. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('previous_$lens::BIGINT AS previous_$lens'),
    '$downloads of the month before; NULL unless both months are whole.'
  ),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / days / NULLIF(CAST(previous_$lens AS DOUBLE) / previous_days, 0) - 1)::DOUBLE AS change_$lens'),
    'Change of the daily mean against the month before, as a fraction of it; NULL unless both months are whole.'
  ),
  @described(
    @lenses('previous_year_$lens::BIGINT AS previous_year_$lens'),
    '$downloads of the same month a year before; NULL unless both months are whole.'
  ),
  @described(
    @lenses('(CAST($lens AS DOUBLE) / days / NULLIF(CAST(previous_year_$lens AS DOUBLE) / previous_year_days, 0) - 1)::DOUBLE AS change_year_$lens'),
    'Change of the daily mean against the same month a year before, as a fraction of it; NULL unless both months are whole.'
  )
FROM compared
