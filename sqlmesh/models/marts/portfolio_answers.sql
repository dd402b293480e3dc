MODEL (
  name marts.portfolio_answers,
  /* A view follows the settings' projects also when no day has changed. */
  kind VIEW,
  description 'Sentences about all tracked projects together, by lens: what moved in the last whole week, and whether the growth of a project is its own.',
  grain (page, project, lens),
  audits (
    unique_combination_of_columns(columns := (page, project, lens)),
    not_null(columns := (page, project, lens, sentence, projects)),
    accepted_values("column" := page, is_in := ('home', 'compare')),
    forall(criteria := ((page = 'home') = (project = '')))
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
), answered AS (
  SELECT
    'home' AS page,
    project,
    lens,
    projects,
    week,
    CASE
      WHEN week IS NULL
      THEN 'No week from Monday to Sunday is whole yet for ' || CASE WHEN projects = 1 THEN whose ELSE 'all ' || whose END || '.'
      WHEN move IS NULL OR move = 0 OR projects = 1
      THEN counted || COALESCE(changed, '') || COALESCE(', most of the change from ' || cause, '') || '.'
      ELSE counted || COALESCE(changed, '') || moved || COALESCE(moved_by, '') || COALESCE(', most of it from ' || cause, '') || COALESCE(others, '') || '.'
    END AS sentence,
    CAST(downloads AS DOUBLE) AS value,
    change AS compared
  FROM home_words
  UNION ALL
  SELECT
    'compare' AS page,
    project,
    lens,
    projects,
    week,
    CASE
      WHEN growth IS NULL
      THEN 'The growth of ' || project || ' by ' || words || ' is not known: it takes eight whole weeks in a row that are counted alike.'
      ELSE grew || COALESCE(', the other projects together are ' || others || ': ' || verdict, '') || '.'
    END AS sentence,
    growth AS value,
    others_growth AS compared
  FROM grown_words
)
SELECT
  page::TEXT AS page, /* Page that the sentence answers: home, or compare. */
  project::TEXT AS project, /* Normalised name of the project; empty on the page home, which is about all. */
  lens::TEXT AS lens, /* Lens of the downloads, as the name of its column in other marts. */
  projects::BIGINT AS projects, /* Number of tracked projects; on the page compare, those for which the week is whole. */
  week::DATE AS week, /* Monday of the last whole week; NULL where there is none. */
  sentence::TEXT AS sentence, /* The answer; or why it is not known. */
  value::DOUBLE AS value, /* First number of the sentence: downloads of the week, or the growth in four weeks. */
  compared::DOUBLE AS compared /* Second number: the change against the week before of the projects for which both are whole, or the growth of the other projects together. */
FROM answered
