MODEL (
  name marts.portfolio_answers,
  /* A view follows the settings' projects also when no day has changed. */
  kind VIEW,
  description 'Sentences about all tracked projects together, by lens and period where a page has them: what moved in the last whole week, whether the growth of a project is its own, what happened last, which days are not to be trusted, and what the data cost.',
  grain (page, project, lens, period),
  audits (
    unique_combination_of_columns(columns := (page, project, lens, period)),
    not_null(columns := (page, project, lens, period, sentence, note, projects)),
    accepted_values("column" := page, is_in := ('home', 'compare', 'events', 'quality', 'costs')),
    forall(criteria := ((page = 'compare') = (project <> '')))
  )
);

WITH lenses AS (
  SELECT
    column_name AS lens,
    @lens_words(words) AS words
  FROM reference.lenses
), weeks AS (
  SELECT
    *,
    ROW_NUMBER() OVER (ORDER BY week DESC) AS place
  FROM marts.portfolio_weekly
  WHERE
    is_whole
), last_week AS (
  SELECT
    *
  FROM weeks
  WHERE
    place = 1
), tracked AS (
  SELECT
    COUNT(*) AS projects,
    MIN(project) AS project
  FROM raw.tracked_projects
), moves AS (
  SELECT
    o.project,
    l.lens,
    @by_lens(l.lens, 'o.change_$lens') AS change,
    @by_lens(l.lens, 'o.cause_$lens') AS cause,
    @by_lens(l.lens, 'o.$lens - o.previous_$lens') AS move
  FROM marts.project_overview AS o
  INNER JOIN last_week AS w
    ON o.week = w.week
  INNER JOIN raw.tracked_projects AS t
    ON o.project = t.project
  CROSS JOIN lenses AS l
), ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY lens ORDER BY ABS(move) DESC, project) AS place,
    FIRST_VALUE(move) OVER (PARTITION BY lens ORDER BY ABS(move) DESC, project) AS first_move
  FROM moves
  WHERE
    NOT move IS NULL
), against AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY lens ORDER BY ABS(move) DESC, project) AS rank
  FROM ranked
  WHERE
    move * first_move < 0 AND 4 * ABS(move) >= ABS(first_move)
), home AS (
  SELECT
    '' AS project,
    l.lens,
    l.words,
    t.projects,
    CASE WHEN t.projects = 1 THEN t.project ELSE CAST(t.projects AS TEXT) || ' projects' END AS whose,
    w.week,
    @by_lens(l.lens, 'w.$lens') AS downloads,
    @by_lens(l.lens, 'w.change_$lens') AS change,
    m.project AS mover,
    m.move,
    m.change AS mover_change,
    m.cause,
    a.project AS other,
    a.change AS other_change
  FROM lenses AS l
  CROSS JOIN tracked AS t
  LEFT JOIN last_week AS w
    ON TRUE
  LEFT JOIN ranked AS m
    ON l.lens = m.lens AND m.place = 1
  LEFT JOIN against AS a
    ON l.lens = a.lens AND a.rank = 1
), home_words AS (
  /* In parts: an analyzer takes only so many texts in one expression. */
  SELECT
    *,
    @count_words(COALESCE(downloads, 0)) || ' ' || words || ' of ' || whose || ' in the week of ' || @day_words(week) AS counted,
    CASE WHEN @change_words(change) = 'unchanged' THEN ', as many as in the week before' ELSE ', ' || @change_words(change) || ' on the week before' END AS changed,
    '. ' || mover || ' moved most: ' || CASE WHEN move > 0 THEN '+' ELSE '−' END || @count_words(ABS(move)) AS moved,
    ' (' || @change_words(mover_change) || ')' AS moved_by,
    '; ' || other || ' went the other way (' || @change_words(other_change) || ')' AS others
  FROM home
), compared AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY project ORDER BY week DESC) AS place
  FROM marts.portfolio_compare
), grown AS (
  SELECT
    c.project,
    c.week,
    c.projects,
    l.lens,
    l.words,
    @by_lens(l.lens, 'c.growth_4w_$lens') AS growth,
    @by_lens(l.lens, 'c.others_growth_4w_$lens') AS others_growth
  FROM compared AS c
  CROSS JOIN lenses AS l
  WHERE
    c.place = 1
), grown_words AS (
  SELECT
    *,
    project || ' is ' || @change_words(growth) || ' by ' || words || ' in the 4 weeks to ' || @day_words(@add_days(week, 6))
    || CASE WHEN @change_words(growth) = 'unchanged' THEN '' ELSE ' on the 4 before' END AS grew,
    @change_words(others_growth) AS others,
    CASE
      WHEN ABS(growth) < 0.01
      THEN 'it holds its level'
      WHEN growth * others_growth > 0 AND 2 * ABS(others_growth) >= ABS(growth)
      THEN 'they move together'
      ELSE 'it moves by itself'
    END AS verdict
  FROM grown
), periods AS (
  SELECT
    p.period,
    CAST(CAST(p.length / 7 AS INT) AS TEXT) || ' weeks to ' || @day_words(s.last_day) AS in_words,
    @add_days(s.last_day, 1 - p.length) AS first_day,
    s.last_day
  FROM (
    SELECT DISTINCT
      period,
      length
    FROM marts.downloads_periods
  ) AS p
  CROSS JOIN marts.load_status AS s
), doubtful AS (
  SELECT
    p.period,
    p.in_words,
    h.day,
    h.status,
    COUNT(*) AS projects,
    ROW_NUMBER() OVER (PARTITION BY p.period ORDER BY h.day DESC, COUNT(*) DESC, h.status) AS place
  FROM periods AS p
  LEFT JOIN marts.health AS h
    ON h.is_tracked AND h.day BETWEEN p.first_day AND p.last_day AND NOT h.status IN ('whole', 'provisional')
  GROUP BY
    p.period,
    p.in_words,
    h.day,
    h.status
), doubts AS (
  SELECT
    period,
    in_words,
    COUNT(DISTINCT day) AS days,
    MAX(CASE WHEN place = 1 THEN day END) AS day,
    MAX(CASE WHEN place = 1 THEN status END) AS status,
    MAX(CASE WHEN place = 1 THEN projects END) AS projects
  FROM doubtful
  GROUP BY
    period,
    in_words
), refused AS (
  SELECT
    COALESCE(SUM(rows_quarantined), 0) AS quarantined
  FROM marts.health
), happened AS (
  SELECT
    p.period,
    p.in_words,
    l.lens,
    l.words,
    e.project,
    e.day,
    e.sentence,
    e.change,
    e.kind IN ('rise', 'fall') AS is_unusual,
    ROW_NUMBER() OVER (
      PARTITION BY p.period, l.lens
      ORDER BY CASE WHEN e.kind IN ('rise', 'fall') THEN 0 ELSE 1 END, e.first_day DESC, ABS(COALESCE(e.change, 0)) DESC, e.project, e.kind, e.what
    ) AS place
  FROM periods AS p
  CROSS JOIN lenses AS l
  LEFT JOIN marts.events AS e
    ON e.lens IN ('', l.lens) AND e.last_day BETWEEN p.first_day AND p.last_day
), billed AS (
  SELECT
    month,
    SUM(queries) AS queries,
    SUM(bytes_billed) AS bytes_billed,
    SUM(cost) AS cost,
    ROW_NUMBER() OVER (ORDER BY month DESC) AS place
  FROM marts.costs_monthly
  GROUP BY
    month
), answered AS (
  SELECT
    'costs' AS page,
    '' AS project,
    '' AS lens,
    '' AS period,
    t.projects,
    CAST(NULL AS DATE) AS week,
    CASE
      WHEN b.month IS NULL
      THEN 'Nothing was billed: no query was sent to BigQuery.'
      ELSE @count_words(b.queries) || CASE WHEN b.queries = 1 THEN ' query in ' ELSE ' queries in ' END || @month_words(b.month) || CASE WHEN b.queries = 1 THEN ' was' ELSE ' were' END || ' billed ' || @gibibytes_words(COALESCE(b.bytes_billed, 0)) || ', at most $' || CAST(CAST(b.cost AS DECIMAL(18, 2)) AS TEXT) || '.'
    END AS sentence,
    CASE WHEN b.month IS NULL THEN '' ELSE 'The free bytes of a month are not deducted. No lens and no period: a query reads all rows of its days.' END AS note,
    b.cost AS value,
    CAST(b.bytes_billed AS DOUBLE) AS compared
  FROM tracked AS t
  LEFT JOIN billed AS b
    ON b.place = 1
  UNION ALL
  SELECT
    'quality' AS page,
    '' AS project,
    '' AS lens,
    d.period,
    t.projects,
    CAST(NULL AS DATE) AS week,
    CASE
      WHEN d.days = 0
      THEN 'Every day of the ' || d.in_words || ' is whole.'
      ELSE CASE WHEN d.days = 1 THEN 'One day of the ' || d.in_words || ' is not to be trusted fully: ' ELSE CAST(d.days AS TEXT) || ' days of the ' || d.in_words || ' are not to be trusted fully, the last one ' END || @day_words(d.day)
      || CASE d.status WHEN 'not loaded' THEN ', which is not loaded' WHEN 'missing' THEN ', which the log lacks' WHEN 'wrong' THEN ', whose counts are known to be wrong' ELSE ', of which rows failed the contract' END
      || CASE WHEN d.projects = t.projects THEN '' WHEN d.projects = 1 THEN ' for one project' ELSE ' for ' || CAST(d.projects AS TEXT) || ' projects' END || '.'
    END AS sentence,
    @count_words(r.quarantined) || CASE WHEN r.quarantined = 1 THEN ' row' ELSE ' rows' END || ' failed the contract and ' || CASE WHEN r.quarantined = 1 THEN 'is' ELSE 'are' END || ' in quarantine, of all loaded days.' AS note,
    CAST(d.days AS DOUBLE) AS value,
    CAST(r.quarantined AS DOUBLE) AS compared
  FROM doubts AS d
  CROSS JOIN refused AS r
  CROSS JOIN tracked AS t
  UNION ALL
  SELECT
    'events' AS page,
    '' AS project,
    h.lens,
    h.period,
    t.projects,
    CAST(NULL AS DATE) AS week,
    CASE
      WHEN h.project IS NULL
      THEN 'Nothing unusual is known of the ' || h.in_words || '.'
      WHEN h.is_unusual
      THEN @day_words(h.day) || ', ' || h.project || ': ' || h.sentence
      ELSE 'No unusual day of ' || h.words || ' in the ' || h.in_words || '. The last of what else happened, to ' || h.project || ': ' || h.sentence
    END AS sentence,
    '' AS note,
    CAST(NULL AS DOUBLE) AS value,
    h.change AS compared
  FROM happened AS h
  CROSS JOIN tracked AS t
  WHERE
    h.place = 1
  UNION ALL
  SELECT
    'home' AS page,
    project,
    lens,
    '' AS period,
    projects,
    week,
    CASE
      WHEN week IS NULL
      THEN 'No week from Monday to Sunday is whole yet for ' || CASE WHEN projects = 1 THEN whose ELSE 'all ' || whose END || '.'
      WHEN move IS NULL OR move = 0 OR projects = 1
      THEN counted || COALESCE(changed, '') || COALESCE(', most of the change from ' || cause, '') || '.'
      ELSE counted || COALESCE(changed, '') || moved || COALESCE(moved_by, '') || COALESCE(', most of it from ' || cause, '') || COALESCE(others, '') || '.'
    END AS sentence,
    '' AS note,
    CAST(downloads AS DOUBLE) AS value,
    change AS compared
  FROM home_words
  UNION ALL
  SELECT
    'compare' AS page,
    project,
    lens,
    '' AS period,
    projects,
    week,
    CASE
      WHEN growth IS NULL
      THEN 'The growth of ' || project || ' by ' || words || ' is not known: it takes eight whole weeks in a row that are counted alike.'
      ELSE grew || COALESCE(', the other projects together are ' || others || ': ' || verdict, '') || '.'
    END AS sentence,
    '' AS note,
    growth AS value,
    others_growth AS compared
  FROM grown_words
)
SELECT
  page::TEXT AS page, /* Page that the sentence answers: home, compare, events, quality or costs. */
  project::TEXT AS project, /* Normalised name of the project on the page compare; empty on others, which are about all. */
  lens::TEXT AS lens, /* Lens of the downloads, as the name of its column in other marts; empty where none acts. */
  period::TEXT AS period, /* Name of the period up to the last loaded day, as in marts.downloads_periods; empty where none acts. */
  projects::BIGINT AS projects, /* Number of tracked projects; on the page compare, those for which the week is whole. */
  week::DATE AS week, /* Monday of the last whole week; NULL where there is none. */
  sentence::TEXT AS sentence, /* The answer; or why it is not known. */
  note::TEXT AS note, /* What must be known with it; empty where there is nothing. */
  value::DOUBLE AS value, /* First number of the sentence: downloads of the week, the growth in four weeks, the number of days not to be trusted, or the cost in US dollars. */
  compared::DOUBLE AS compared /* Second number: the change against the week before of the projects for which both are whole, or the growth of the other projects together, the change of the unusual day, the rows in quarantine, or the bytes billed. */
FROM answered
