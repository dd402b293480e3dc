MODEL (
  name marts.downloads_monthly,
  kind FULL,
  description 'Downloads of each project and month, with the change against the month before and against the same month a year before, where both are whole and the log counts them alike. As months differ in length and in weekends, a change compares the mean of a day, to which each weekday contributes a seventh.',
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

WITH weekdays AS (
  SELECT
    CAST(DATE_TRUNC('MONTH', day) AS DATE) AS month,
    project,
    weekday,
    COUNT(downloads) AS counted_days,
    COUNT(CASE WHEN NOT COALESCE(is_wrong, FALSE) THEN downloads END) AS right_days,
    SUM(CASE WHEN is_wrong THEN 1 ELSE 0 END) AS days_wrong,
    SUM(CASE WHEN is_provisional THEN 1 ELSE 0 END) AS days_provisional,
    MIN(log_change) AS log_change,
    @lenses('MAX(comparable_since_$lens) AS comparable_since_$lens'),
    @lenses('SUM($lens) AS $lens'),
    @lenses('AVG($lens) AS mean_$lens')
  FROM marts.downloads_trend
  GROUP BY
    CAST(DATE_TRUNC('MONTH', day) AS DATE),
    project,
    weekday
), counted AS (
  SELECT
    month,
    project,
    SUM(counted_days) AS counted_days,
    SUM(right_days) AS right_days,
    SUM(days_wrong) AS days_wrong,
    SUM(days_provisional) AS days_provisional,
    MIN(log_change) AS log_change,
    DATE_DIFF('DAY', month, CAST(month + INTERVAL 1 MONTH AS DATE)) AS days,
    @lenses('MAX(comparable_since_$lens) AS comparable_since_$lens'),
    @lenses('SUM($lens) AS $lens'),
    @lenses('AVG(mean_$lens) AS mean_$lens')
  FROM weekdays
  GROUP BY
    month,
    project
), months AS (
  SELECT
    *,
    right_days = days AS is_whole
  FROM counted
), compared AS (
  SELECT
    now.month,
    now.project,
    now.days,
    now.is_whole,
    now.counted_days,
    now.days_wrong,
    now.days_provisional,
    now.log_change,
    @lenses('now.comparable_since_$lens'),
    @lenses('now.$lens'),
    @lenses('CASE WHEN now.is_whole THEN now.mean_$lens END AS mean_$lens'),
    @comparable('before.$lens AS previous_$lens', now, before.month),
    @comparable('before.mean_$lens AS previous_mean_$lens', now, before.month),
    @comparable('year_before.$lens AS previous_year_$lens', now, year_before.month),
    @comparable('year_before.mean_$lens AS previous_year_mean_$lens', now, year_before.month)
  FROM months AS now
  LEFT JOIN months AS before
    ON now.project = before.project
    AND now.is_whole
    AND before.is_whole
    AND before.month = CAST(now.month - INTERVAL 1 MONTH AS DATE)
  LEFT JOIN months AS year_before
    ON now.project = year_before.project
    AND now.is_whole
    AND year_before.is_whole
    AND year_before.month = CAST(now.month - INTERVAL 12 MONTH AS DATE)
)
SELECT
  month::DATE AS month, /* First day of the month. */
  project, /* Normalised name of the project. */
  days::INT AS days, /* Number of days in the month. */
  is_whole::BOOLEAN AS is_whole, /* TRUE where all days of the month are loaded, and none is missing upstream or known to be wrong. */
  counted_days::INT AS days_counted, /* Number of days of the month that are loaded and not missing. */
  days_wrong::INT AS days_wrong, /* Number of days whose counts are known to be wrong, by reference.incidents. */
  days_provisional::INT AS days_provisional, /* Number of days that upstream may still be filling: downloads and changes of the month are then too low. */
  log_change::TEXT AS log_change, /* Change of what the log counts or records that falls into the month, by reference.incidents; NULL without one. */
  @described(
    @lenses('comparable_since_$lens::DATE AS comparable_since_$lens'),
    'First day from which on the log counts $downloads as it does at the end of the month; NULL where no change is known before it. With an earlier month nothing is compared.'
  ),
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.'),
  @described(
    @lenses('previous_$lens::BIGINT AS previous_$lens'),
    '$downloads of the month before; NULL unless both months are whole and counted alike.'
  ),
  @described(
    @lenses('ROUND(mean_$lens / NULLIF(previous_mean_$lens, 0) - 1, 12)::DOUBLE AS change_$lens'),
    'Change of the mean of a day against the month before, as a fraction of it, each weekday counting a seventh; NULL unless both months are whole and counted alike.'
  ),
  @described(
    @lenses('previous_year_$lens::BIGINT AS previous_year_$lens'),
    '$downloads of the same month a year before; NULL unless both months are whole and counted alike.'
  ),
  @described(
    @lenses('ROUND(mean_$lens / NULLIF(previous_year_mean_$lens, 0) - 1, 12)::DOUBLE AS change_year_$lens'),
    'Change of the mean of a day against the same month a year before, as a fraction of it, each weekday counting a seventh; NULL unless both months are whole and counted alike.'
  )
FROM compared
