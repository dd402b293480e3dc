MODEL (
  name marts.anomaly_causes,
  kind FULL,
  description 'What an unusual day consists of: the versions, countries, installers, Pythons and systems, and the downloads in CI, that have more or fewer downloads than their mean on the days to which it is compared. The five largest of each dimension.',
  grain (day, project, lens, dimension, value),
  audits (
    unique_combination_of_columns(columns := (day, project, lens, dimension, value)),
    not_null(columns := (day, project, lens, dimension, value, downloads, difference, place)),
    forall(criteria := (place BETWEEN 1 AND 5))
  )
);

WITH unusual AS (
  SELECT
    day,
    project,
    lens,
    downloads,
    usual,
    baseline_days
  FROM marts.anomalies
  WHERE
    NOT score IS NULL
), parts AS (
  @parts(version, country, installer, python, system, ci)
), compared AS (
  /* The day itself, and the days of the same weekday in the eight weeks before that have downloads of the project. */
  SELECT
    u.day,
    u.project,
    u.lens,
    u.downloads AS total,
    u.usual,
    u.baseline_days,
    p.dimension,
    p.value,
    SUM(CASE WHEN p.day = u.day THEN @by_lens(u.lens, 'p.$lens') ELSE 0 END) AS downloads,
    /* A day whose source does not record the lens would count as zero in the mean. */
    CASE WHEN COUNT(@by_lens(u.lens, 'p.$lens')) = COUNT(*) THEN SUM(CASE WHEN p.day < u.day THEN @by_lens(u.lens, 'p.$lens') ELSE 0 END) END AS past
  FROM unusual AS u
  INNER JOIN parts AS p
    ON u.project = p.project
    AND DATE_DIFF('DAY', p.day, u.day) IN (0, 7, 14, 21, 28, 35, 42, 49, 56)
  GROUP BY
    u.day,
    u.project,
    u.lens,
    u.downloads,
    u.usual,
    u.baseline_days,
    p.dimension,
    p.value
), measured AS (
  SELECT
    *,
    downloads - CAST(past AS DOUBLE) / NULLIF(baseline_days, 0) AS difference
  FROM compared
), ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY day, project, lens, dimension ORDER BY CASE WHEN total >= usual THEN -difference ELSE difference END, value) AS place
  FROM measured
  WHERE
    NOT difference IS NULL AND (difference > 0) = (total >= usual) AND difference <> 0
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  lens, /* Lens of the downloads, as the name of its column in other marts. */
  dimension::TEXT AS dimension, /* Name of the dimension: version, country, installer, python, system or ci. */
  value::TEXT AS value, /* Value of the dimension, or unknown; in CI for the dimension ci. */
  place::INT AS place, /* Rank among the values of the dimension, 1 for the one that differs most in the direction of the day. */
  downloads::BIGINT AS downloads, /* Downloads of the value on the day by the lens. */
  difference::DOUBLE AS difference, /* Downloads of the value less their mean on the days of the same weekday in the eight weeks before. */
  (difference / NULLIF(total - usual, 0))::DOUBLE AS share_of_change /* Share of difference in what the day has more or less than its usual; the shares of a dimension need not sum to 1, as a median is no mean. */
FROM ranked
WHERE
  place <= 5
