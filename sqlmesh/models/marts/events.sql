MODEL (
  name marts.events,
  kind FULL,
  description 'What happened to each project: runs of unusual days, with what most of the change consists of; releases; and what is known of the log itself. A day that a release, the other projects or the same day of the month before explains is no event.',
  grain (project, lens, kind, first_day, what),
  audits (
    unique_combination_of_columns(columns := (project, lens, kind, first_day, what)),
    not_null(columns := (project, lens, kind, first_day, last_day, days, what, sentence)),
    accepted_values("column" := kind, is_in := ('rise', 'fall', 'gap', 'release', 'log')),
    forall(criteria := (first_day <= last_day, days >= 1, (kind IN ('rise', 'fall')) = (NOT change IS NULL)))
  )
);

WITH unusual AS (
  SELECT
    day,
    project,
    lens,
    severity,
    CASE WHEN score > 0 THEN 'rise' ELSE 'fall' END AS kind,
    downloads,
    usual,
    change,
    score
  FROM marts.anomalies
  WHERE
    NOT score IS NULL AND (
      severity <> 'info' OR reason = 'shift'
    )
), numbered AS (
  /* Days in a row have their number and their date in step. */
  SELECT
    *,
    DATE_DIFF('DAY', CAST('2016-01-01' AS DATE), day) - ROW_NUMBER() OVER (PARTITION BY project, lens, kind ORDER BY day) AS run
  FROM unusual
), runs AS (
  SELECT
    *,
    MIN(day) OVER (PARTITION BY project, lens, kind, run) AS first_day,
    MAX(day) OVER (PARTITION BY project, lens, kind, run) AS last_day,
    MAX(CASE severity WHEN 'critical' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END) OVER (PARTITION BY project, lens, kind, run) AS worst,
    ROW_NUMBER() OVER (PARTITION BY project, lens, kind, run ORDER BY ABS(score) DESC, day) AS place
  FROM numbered
), causes AS (
  /* What has half of the downloads has half of each change: a cause has clearly more of the change than it has usually. */
  SELECT
    c.day,
    c.project,
    c.lens,
    COALESCE(@country_words(k.country_code, k.country), CASE WHEN c.dimension = 'ci' THEN 'CI' ELSE c.dimension || ' ' || c.value END) AS cause,
    c.share_of_change,
    ROW_NUMBER() OVER (
      PARTITION BY c.day, c.project, c.lens
      ORDER BY c.share_of_change - (c.downloads - c.difference) / NULLIF(a.usual, 0) DESC, c.dimension, c.value
    ) AS place
  FROM marts.anomaly_causes AS c
  INNER JOIN marts.anomalies AS a
    ON c.day = a.day AND c.project = a.project AND c.lens = a.lens
  LEFT JOIN reference.countries AS k
    ON c.dimension = 'country' AND c.value = k.country_code
  WHERE
    c.place = 1 AND c.share_of_change >= 0.5 AND c.share_of_change >= 1.5 * (c.downloads - c.difference) / NULLIF(a.usual, 0)
), spans AS (
  SELECT
    project,
    MIN(log) AS log,
    MIN(day) AS first_day,
    MAX(day) AS last_day
  FROM staging.loaded_days
  GROUP BY
    project
), told AS (
  SELECT
    r.project,
    r.lens,
    r.kind,
    r.first_day,
    r.last_day,
    r.day,
    r.kind AS what,
    CASE r.worst WHEN 3 THEN 'critical' WHEN 2 THEN 'warning' ELSE 'info' END AS severity,
    r.downloads,
    r.usual,
    r.change,
    c.cause,
    c.share_of_change,
    CAST(NULL AS TEXT) AS source,
    CAST(NULL AS BOOLEAN) AS is_prerelease,
    CASE
      WHEN r.kind = 'rise'
      THEN @count_words(r.downloads) || ' downloads' || COALESCE(', ' || CAST(CAST(r.downloads / NULLIF(r.usual, 0) AS DECIMAL(18, 1)) AS TEXT) || ' times the usual ' || @count_words(CAST(ROUND(r.usual) AS BIGINT)), '')
      ELSE @count_words(r.downloads) || ' downloads, ' || @change_words(r.change) || ' on the usual ' || @count_words(CAST(ROUND(r.usual) AS BIGINT))
    END AS counted
  FROM runs AS r
  LEFT JOIN causes AS c
    ON r.day = c.day AND r.project = c.project AND r.lens = c.lens AND c.place = 1
  WHERE
    r.place = 1
  UNION ALL
  SELECT
    v.project,
    '' AS lens,
    'release' AS kind,
    v.released_on AS first_day,
    v.released_on AS last_day,
    v.released_on AS day,
    v.version AS what,
    'info' AS severity,
    CAST(NULL AS BIGINT) AS downloads,
    CAST(NULL AS DOUBLE) AS usual,
    CAST(NULL AS DOUBLE) AS change,
    CAST(NULL AS TEXT) AS cause,
    CAST(NULL AS DOUBLE) AS share_of_change,
    CAST(NULL AS TEXT) AS source,
    v.is_prerelease,
    'Release of ' || v.version || CASE WHEN v.is_prerelease THEN ', a prerelease' ELSE '' END || CASE WHEN v.is_yanked THEN ', yanked since' ELSE '' END AS counted
  FROM marts.versions AS v
  INNER JOIN spans AS s
    ON v.project = s.project AND v.released_on BETWEEN s.first_day AND s.last_day
  UNION ALL
  SELECT
    s.project,
    '' AS lens,
    CASE WHEN i.effect = 'missing' THEN 'gap' ELSE 'log' END AS kind,
    CAST(i.first_day AS DATE) AS first_day,
    COALESCE(CAST(i.last_day AS DATE), CAST(i.first_day AS DATE)) AS last_day,
    CAST(i.first_day AS DATE) AS day,
    i.what,
    'info' AS severity,
    CAST(NULL AS BIGINT) AS downloads,
    CAST(NULL AS DOUBLE) AS usual,
    CAST(NULL AS DOUBLE) AS change,
    CAST(NULL AS TEXT) AS cause,
    CAST(NULL AS DOUBLE) AS share_of_change,
    i.source,
    CAST(NULL AS BOOLEAN) AS is_prerelease,
    i.what AS counted
  FROM reference.incidents AS i
  INNER JOIN spans AS s
    ON i.log = s.log
    AND CAST(i.first_day AS DATE) <= s.last_day
    AND COALESCE(CAST(i.last_day AS DATE), CAST(i.first_day AS DATE)) >= s.first_day
)
SELECT
  project, /* Normalised name of the project. */
  lens::TEXT AS lens, /* Lens by which the days are unusual, as the name of its column in other marts; empty where the event has none. */
  kind::TEXT AS kind, /* rise or fall: days in a row that are unusual in that direction. gap: days that the log lacks, by reference.incidents. release: of a version. log: days that it has wrong, and days from which on it counts otherwise. */
  first_day::DATE AS first_day, /* First UTC day. */
  last_day::DATE AS last_day, /* Last UTC day; of a change of the log, its first one. */
  (DATE_DIFF('DAY', first_day, last_day) + 1)::INT AS days, /* Number of days. */
  day::DATE AS day, /* The most unusual of the days, of which the numbers are; the first one where there are none. */
  what::TEXT AS what, /* The version, what happened to the log, or the kind. */
  is_prerelease::BOOLEAN AS is_prerelease, /* TRUE for the release of a prerelease; NULL for what is no release. */
  severity::TEXT AS severity, /* Highest severity of the days in marts.anomalies; info for others. */
  downloads::BIGINT AS downloads, /* Downloads of the day by the lens; NULL where it is missing, or none is concerned. */
  usual::DOUBLE AS usual, /* Downloads that are usual on such a day, as in marts.anomalies. */
  change::DOUBLE AS change, /* Change against usual, as a fraction of it. */
  cause::TEXT AS cause, /* Dimension and value, of a country its name, that make up at least half of the change, and 1.5 times as much of it as they usually have of the downloads; NULL where there is no such value. */
  share_of_change::DOUBLE AS share_of_change, /* Share of the cause in the change. */
  source::TEXT AS source, /* Report of what happened to the log. */
  (counted || COALESCE(', most of it from ' || cause, '') || CASE WHEN kind IN ('gap', 'log') THEN '' ELSE '.' END)::TEXT AS sentence /* What happened, as a sentence. */
FROM told
