MODEL (
  name marts.answers,
  kind FULL,
  description 'Sentences that answer what each page of a project asks, by each lens and period, with the numbers that they give. A sentence says why where its number is not known, and names the days that are not there.',
  grain (project, page, subject, lens, period),
  audits (
    unique_combination_of_columns(columns := (project, page, subject, lens, period)),
    not_null(columns := (project, page, subject, lens, period, is_first, sentence, note, last_day)),
    accepted_values(
      "column" := page,
      is_in := ('project', 'report', 'versions', 'python', 'installers', 'platforms', 'countries', 'events', 'quality')
    ),
    forall(criteria := (slope_low <= slope OR slope IS NULL, slope <= slope_high OR slope IS NULL)),
    answers_repeat_marts()
  )
);

WITH lenses AS (
  SELECT
    column_name AS lens,
    @lens_words(words) AS words
  FROM reference.lenses
), basis AS (
  SELECT
    p.project,
    p.period,
    l.lens,
    l.words,
    p.first_day,
    p.last_day,
    p.length,
    p.days,
    p.is_whole,
    p.days_missing,
    p.days_wrong,
    p.days_provisional,
    p.days >= @minimum_days AS has_shares,
    l.lens <> 'downloads_outside_ci' OR p.is_ci_recorded AS is_recorded,
    CAST(CAST(p.length / 7 AS INT) AS TEXT) || ' weeks' AS weeks,
    @by_lens(l.lens, 'p.$lens') AS downloads,
    @by_lens(l.lens, 'p.change_$lens') AS change,
    @by_lens(l.lens, 'p.ci_share_$lens') AS ci_share
  FROM marts.downloads_periods AS p
  CROSS JOIN lenses AS l
), asked AS (
  SELECT
    *,
    ' in the ' || weeks || ' to ' || @day_words(last_day) AS in_period,
    CASE
      WHEN NOT is_recorded
      THEN 'What was downloaded outside CI is not known: the source does not record CI on each day of these ' || weeks || '.'
      WHEN COALESCE(downloads, 0) = 0
      THEN 'There are no ' || words || ' in the ' || weeks || ' to ' || @day_words(last_day) || '.'
    END AS refusal,
    'From ' || @day_words(first_day) || ' to ' || @day_words(last_day) || ', in UTC.'
    || CASE WHEN days < length THEN ' ' || CAST(days AS TEXT) || ' of ' || CAST(length AS TEXT) || ' days are there' || CASE WHEN days_missing > 0 THEN ', ' || CAST(days_missing AS TEXT) || ' missing in the log' ELSE '' END || '.' ELSE '' END
    || CASE WHEN days_wrong > 0 THEN ' Days whose counts are known to be wrong: ' || CAST(days_wrong AS TEXT) || '.' ELSE '' END
    || CASE WHEN days_provisional > 0 THEN ' Provisional: ' || CASE WHEN days_provisional = 1 THEN 'the last day' ELSE 'the last ' || CAST(days_provisional AS TEXT) || ' days' END || ' may still grow.' ELSE '' END AS note
  FROM basis
), shared AS (
  /* A share of a few days says nothing. */
  SELECT
    *,
    COALESCE(
      refusal,
      CASE
        WHEN NOT has_shares
        THEN 'Shares are not known yet: only ' || CAST(days AS TEXT) || ' of the ' || CAST(length AS TEXT) || ' days to ' || @day_words(last_day) || ' are there.'
      END
    ) AS no_shares
  FROM asked
), ranked AS (
  SELECT
    b.project,
    b.period,
    b.dimension,
    b.value,
    b.label,
    l.lens,
    @by_lens(l.lens, 'b.share_$lens') AS share,
    @by_lens(l.lens, 'b.change_share_$lens') AS change,
    ROW_NUMBER() OVER (PARTITION BY b.project, b.period, b.dimension, l.lens ORDER BY @by_lens(l.lens, 'b.place_$lens')) AS place,
    ROW_NUMBER() OVER (
      PARTITION BY b.project, b.period, b.dimension, l.lens
      ORDER BY ABS(COALESCE(@by_lens(l.lens, 'b.change_share_$lens'), 0)) DESC, @by_lens(l.lens, 'b.place_$lens')
    ) AS move_place
  FROM marts.breakdown_periods AS b
  CROSS JOIN lenses AS l
  WHERE
    /* What the source does not record has a rank of its own. */
    NOT b.value IS NULL AND b.period IN ('4w', '13w', '52w') AND b.dimension IN ('version', 'installer', 'system', 'country')
), tops AS (
  SELECT
    project,
    period,
    dimension,
    lens,
    MAX(CASE WHEN place = 1 THEN label END) AS label,
    MAX(CASE WHEN place = 1 THEN share END) AS share,
    MAX(CASE WHEN place = 2 AND share > 0 THEN ', ' || label || ' ' || @percent_words(share) END) AS second,
    MAX(CASE WHEN place = 3 AND share > 0 THEN ', ' || label || ' ' || @percent_words(share) END) AS third,
    MAX(CASE WHEN move_place = 1 THEN CASE WHEN ABS(change) >= 0.005 THEN label || ' moved most, ' || @points_words(change) WHEN NOT change IS NULL THEN 'none moved by half a point' END END) AS moved
  FROM ranked
  GROUP BY
    project,
    period,
    dimension,
    lens
), told_moves AS (
  /* Where the period before is not whole, that of four weeks may be. */
  SELECT
    t.project,
    t.period,
    t.dimension,
    t.lens,
    COALESCE('; ' || t.moved || ' on the ' || CASE t.period WHEN '4w' THEN '4' WHEN '13w' THEN '13' ELSE '52' END || ' weeks before', '; in the last 4 weeks ' || f.moved || ' on the 4 before', '') AS moved
  FROM tops AS t
  LEFT JOIN tops AS f
    ON t.project = f.project AND t.dimension = f.dimension AND t.lens = f.lens AND f.period = '4w'
), ordered_versions AS (
  SELECT
    project,
    version,
    previous_version,
    released_on,
    ROW_NUMBER() OVER (PARTITION BY project ORDER BY version_order DESC) AS place,
    @lenses('days_to_50_$lens'),
    @lenses('status_50_$lens')
  FROM marts.versions
  WHERE
    is_valid
    AND NOT is_prerelease
    AND NOT COALESCE(is_stray, FALSE)
    AND NOT COALESCE(is_yanked, FALSE)
    AND NOT first_seen IS NULL
), releases AS (
  SELECT
    v.project,
    l.lens,
    v.version,
    v.released_on,
    p.version AS previous_version,
    @by_lens(l.lens, 'v.days_to_50_$lens') AS days_to_50,
    @by_lens(l.lens, 'v.status_50_$lens') AS status_50,
    @by_lens(l.lens, 'p.days_to_50_$lens') AS previous_days_to_50,
    @by_lens(l.lens, 'p.status_50_$lens') AS previous_status_50
  FROM ordered_versions AS v
  CROSS JOIN lenses AS l
  LEFT JOIN ordered_versions AS p
    ON v.project = p.project AND v.previous_version = p.version
  WHERE
    v.place = 1
), yanked AS (
  SELECT
    y.project,
    l.lens,
    y.versions,
    @by_lens(l.lens, 'y.share_$lens') AS share,
    @by_lens(l.lens, 'y.slope_share_$lens') AS slope,
    @by_lens(l.lens, 'y.slope_low_share_$lens') AS slope_low,
    @by_lens(l.lens, 'y.slope_high_share_$lens') AS slope_high
  FROM marts.yanked_28d AS y
  CROSS JOIN lenses AS l
  WHERE
    y.version = 'all'
), pythons AS (
  SELECT
    p.project,
    l.lens,
    p.python_minor,
    p.python_order,
    p.status,
    @by_lens(l.lens, 'p.share_$lens') AS own_share,
    @by_lens(l.lens, 'p.drop_share_$lens') AS share,
    @by_lens(l.lens, 'p.slope_drop_share_$lens') AS slope,
    @by_lens(l.lens, 'p.slope_low_drop_share_$lens') AS slope_low,
    @by_lens(l.lens, 'p.slope_high_drop_share_$lens') AS slope_high,
    @by_lens(l.lens, 'p.below_5_on_$lens') AS below_5_on
  FROM marts.python_support AS p
  CROSS JOIN lenses AS l
  WHERE
    NOT p.python_order IS NULL
), asked_pythons AS (
  /* The page starts with the newest that is out of support and still used, or else with the one whose support ends next. */
  SELECT
    *,
    CASE WHEN slope_low > 0 OR slope_high < 0 THEN LEAST(GREATEST(share + 3 * slope, 0), 1) END AS later,
    ROW_NUMBER() OVER (
      PARTITION BY project, lens
      ORDER BY
        CASE WHEN status = 'end of life' AND share >= 0.001 THEN 1 WHEN status = 'supported' THEN 2 ELSE 3 END,
        CASE WHEN status = 'end of life' THEN -python_order ELSE python_order END,
        python_minor
    ) AS place
  FROM pythons
), used_pythons AS (
  /* No backslash in the pattern: engines disagree on how to unescape it. */
  SELECT
    b.project,
    b.period,
    l.lens,
    b.value AS python_minor,
    1000 * CAST(NULLIF(REGEXP_EXTRACT(b.value, '^([0-9]{1,3})[.][0-9]{1,3}$', 1), '') AS INT) + CAST(NULLIF(REGEXP_EXTRACT(b.value, '^[0-9]{1,3}[.]([0-9]{1,3})$', 1), '') AS INT) AS python_order,
    @by_lens(l.lens, 'b.$lens') AS downloads
  FROM marts.breakdown_periods AS b
  CROSS JOIN lenses AS l
  WHERE
    b.dimension = 'python' AND b.period IN ('13w', '52w')
), dropped AS (
  SELECT
    project,
    period,
    lens,
    python_minor,
    CAST(SUM(downloads) OVER (PARTITION BY project, period, lens ORDER BY python_order, python_minor ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS DOUBLE) / NULLIF(SUM(downloads) OVER (PARTITION BY project, period, lens), 0) AS share
  FROM used_pythons
  WHERE
    NOT python_order IS NULL
), uv AS (
  SELECT
    u.project,
    l.lens,
    @by_lens(l.lens, 'u.uv_share_$lens') AS share,
    @by_lens(l.lens, 'u.slope_uv_share_$lens') AS slope,
    @by_lens(l.lens, 'u.slope_low_uv_share_$lens') AS slope_low,
    @by_lens(l.lens, 'u.slope_high_uv_share_$lens') AS slope_high,
    ROW_NUMBER() OVER (PARTITION BY u.project, l.lens ORDER BY u.week DESC) AS place
  FROM marts.uv_shift AS u
  CROSS JOIN lenses AS l
  WHERE
    u.is_whole
), built AS (
  SELECT
    project,
    system,
    python_minor,
    sdist_downloads_by_installers AS sdists,
    CAST(SUM(sdist_downloads_by_installers) OVER (PARTITION BY project) AS DOUBLE) / SUM(sdist_downloads_by_installers + wheel_downloads_by_installers) OVER (PARTITION BY project) AS share,
    ROW_NUMBER() OVER (PARTITION BY project ORDER BY sdist_downloads_by_installers DESC, system, cpu, python_minor) AS place
  FROM marts.sdist_fallback_28d
), unusual AS (
  SELECT
    e.project,
    p.period,
    l.lens,
    e.day,
    e.kind,
    e.change,
    e.cause,
    SUM(e.days) OVER (PARTITION BY e.project, p.period, l.lens) AS days,
    ROW_NUMBER() OVER (PARTITION BY e.project, p.period, l.lens ORDER BY e.day DESC, e.kind) AS place
  FROM marts.events AS e
  INNER JOIN lenses AS l
    ON e.lens = l.lens OR e.lens = ''
  INNER JOIN marts.downloads_periods AS p
    ON e.project = p.project AND e.day BETWEEN p.first_day AND p.last_day
  WHERE
    e.kind IN ('rise', 'fall', 'gap')
), refused AS (
  SELECT
    p.project,
    p.period,
    SUM(c.quarantined) AS quarantined
  FROM marts.downloads_periods AS p
  INNER JOIN raw.committed_days AS c
    ON p.project = c.project AND c.day BETWEEN p.first_day AND p.last_day
  GROUP BY
    p.project,
    p.period
), latest AS (
  SELECT
    project,
    MAX(last_day) AS last_day
  FROM basis
  GROUP BY
    project
), months AS (
  /* A change of months compares the mean of a day. */
  SELECT
    m.project,
    SUBSTR(CAST(m.month AS TEXT), 1, 7) AS period,
    l.lens,
    l.words,
    @month_words(m.month) AS in_words,
    @month_words(CAST(m.month - INTERVAL 1 MONTH AS DATE)) AS month_before,
    @month_words(CAST(m.month - INTERVAL 12 MONTH AS DATE)) AS year_before,
    @add_days(m.month, m.days - 1) AS last_day,
    m.days,
    m.days_counted,
    m.days_wrong,
    m.days_provisional,
    @by_lens(l.lens, 'm.$lens') AS downloads,
    @by_lens(l.lens, 'm.change_$lens') AS change,
    @by_lens(l.lens, 'm.change_year_$lens') AS change_year
  FROM marts.downloads_monthly AS m
  INNER JOIN latest AS p
    ON m.project = p.project AND m.month > CAST(p.last_day - INTERVAL 13 MONTH AS DATE)
  CROSS JOIN lenses AS l
), python_answers AS (
  SELECT
    a.project,
    'python' AS page,
    p.python_minor AS subject,
    a.lens,
    a.period,
    p.place = 1 AS is_first,
    COALESCE(
      a.no_shares,
      CASE WHEN p.share IS NULL OR (a.period <> '4w' AND d.share IS NULL) THEN 'What dropping Python ' || p.python_minor || ' costs is not known: no client named its Python.' END,
      'Python ' || p.python_minor || ' and older are ' || @percent_words(CASE WHEN a.period = '4w' THEN p.share ELSE d.share END) || ' of ' || a.words || ' that name a Python'
      || CASE WHEN a.period = '4w' THEN '' ELSE a.in_period || ', and ' || @percent_words(p.share) || ' in the last 4 weeks' END
      || COALESCE(', ' || @trend_words(p.slope, p.slope_low, p.slope_high), '')
      || COALESCE(': dropping them in ' || @month_words(CAST(a.last_day + INTERVAL 3 MONTH AS DATE)) || ' costs ' || @roughly_words(p.later), '') || '.'
      || COALESCE(
        ' Python ' || p.python_minor || ' by itself has ' || @percent_words(p.own_share)
        || CASE WHEN p.own_share <= 0.05 THEN '' ELSE COALESCE(' and falls below 5% in ' || @month_words(p.below_5_on), ', with no fall below 5% in sight') END || '.',
        ''
      )
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL THEN CASE WHEN a.period = '4w' THEN p.share ELSE d.share END END AS value,
    CASE WHEN a.no_shares IS NULL THEN p.later END AS compared,
    CASE WHEN a.no_shares IS NULL THEN p.slope END AS slope,
    CASE WHEN a.no_shares IS NULL THEN p.slope_low END AS slope_low,
    CASE WHEN a.no_shares IS NULL THEN p.slope_high END AS slope_high,
    CASE WHEN a.no_shares IS NULL THEN p.below_5_on END AS day,
    a.last_day
  FROM shared AS a
  INNER JOIN asked_pythons AS p
    ON a.project = p.project AND a.lens = p.lens
  LEFT JOIN dropped AS d
    ON a.project = d.project AND a.period = d.period AND a.lens = d.lens AND p.python_minor = d.python_minor
), answered AS (
  SELECT
    project,
    'report' AS page,
    '' AS subject,
    lens,
    period,
    TRUE AS is_first,
    CASE
      WHEN downloads IS NULL
      THEN 'What was downloaded in ' || in_words || ' is not known by this lens: the source does not record it on each day.'
      ELSE CASE WHEN days_wrong > 0 THEN 'About ' WHEN days_counted < days THEN 'At least ' ELSE '' END
      || @count_words(downloads) || ' ' || words || ' in ' || in_words
      || CASE
        WHEN days_counted < days
        THEN ': ' || CAST(days_counted AS TEXT) || ' of ' || CAST(days AS TEXT) || ' days are there'
        ELSE COALESCE(', ' || @change_words(change) || ' a day on ' || month_before, '') || COALESCE(CASE WHEN change IS NULL THEN ', ' ELSE ' and ' END || @change_words(change_year) || ' a day on ' || year_before, '')
      END || '.'
    END AS sentence,
    CASE WHEN days_counted < days THEN CAST(days_counted AS TEXT) || ' of ' || CAST(days AS TEXT) || ' days are there; the others are missing or not loaded.' ELSE 'All days are there.' END
    || CASE WHEN days_wrong > 0 THEN ' Days whose counts are known to be wrong: ' || CAST(days_wrong AS TEXT) || '.' ELSE '' END
    || CASE WHEN days_provisional > 0 THEN ' Days that may still grow: ' || CAST(days_provisional AS TEXT) || '.' ELSE '' END AS note,
    CAST(downloads AS DOUBLE) AS value,
    change AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CAST(NULL AS DATE) AS day,
    last_day
  FROM months
  UNION ALL
  SELECT
    a.project,
    'project' AS page,
    '' AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    COALESCE(
      a.refusal,
      CASE WHEN a.days_wrong > 0 THEN 'About ' WHEN a.days < a.length THEN 'At least ' ELSE '' END
      || @count_words(a.downloads) || ' ' || a.words || a.in_period
      || CASE
        WHEN a.days < a.length
        THEN ': ' || CAST(a.days AS TEXT) || ' of ' || CAST(a.length AS TEXT) || ' days are there'
        WHEN @change_words(a.change) = 'unchanged'
        THEN ', as many as in the ' || a.weeks || ' before'
        ELSE COALESCE(', ' || @change_words(a.change) || ' on the ' || a.weeks || ' before', '')
      END || '.'
    ) AS sentence,
    a.note,
    CASE WHEN a.refusal IS NULL THEN CAST(a.downloads AS DOUBLE) END AS value,
    CASE WHEN a.refusal IS NULL THEN a.change END AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM asked AS a
  UNION ALL
  SELECT
    a.project,
    'versions' AS page,
    COALESCE(r.version, '') AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    COALESCE(
      a.no_shares,
      r.version || ' has ' || @percent_words(COALESCE(b.share, 0)) || ' of ' || a.words || a.in_period
      || CASE
        WHEN r.released_on IS NULL
        THEN '; the day of its release is not known'
        WHEN r.status_50 = 'reached'
        THEN '; it had half of them ' || CAST(r.days_to_50 AS TEXT) || ' days after its release' || COALESCE(', ' || r.previous_version || ' after ' || CAST(r.previous_days_to_50 AS TEXT), CASE WHEN r.previous_status_50 = 'never' THEN ', which ' || r.previous_version || ' never had' END, ', of ' || r.previous_version || ' that is not known', '')
        WHEN r.status_50 = 'not yet'
        THEN '; released on ' || @day_words(r.released_on) || ', it has not had half of them yet' || COALESCE(', which took ' || r.previous_version || ' ' || CAST(r.previous_days_to_50 AS TEXT) || ' days', '')
        WHEN r.status_50 = 'never'
        THEN '; released on ' || @day_words(r.released_on) || ', it never had half of them'
        ELSE '; released on ' || @day_words(r.released_on)
      END || COALESCE(m.moved, '') || '.',
      'No stable version was downloaded.'
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL AND NOT r.version IS NULL THEN COALESCE(b.share, 0) END AS value,
    CAST(CASE WHEN a.no_shares IS NULL THEN r.days_to_50 END AS DOUBLE) AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    r.released_on AS day,
    a.last_day
  FROM shared AS a
  LEFT JOIN releases AS r
    ON a.project = r.project AND a.lens = r.lens
  LEFT JOIN ranked AS b
    ON a.project = b.project AND a.period = b.period AND a.lens = b.lens AND b.dimension = 'version' AND b.value = r.version
  LEFT JOIN told_moves AS m
    ON a.project = m.project AND a.period = m.period AND a.lens = m.lens AND m.dimension = 'version'
  UNION ALL
  /* The mart has one window, that of four weeks. */
  SELECT
    a.project,
    'versions' AS page,
    'yanked' AS subject,
    a.lens,
    a.period,
    FALSE AS is_first,
    COALESCE(
      a.no_shares,
      CASE
        WHEN y.project IS NULL
        THEN 'Which versions are yanked is not known: no index has listed them.'
        WHEN y.versions = 0
        THEN 'No version is yanked.'
        WHEN NOT y.share IS NULL
        THEN CASE WHEN y.versions = 1 THEN '1 version is yanked, and has ' ELSE CAST(y.versions AS TEXT) || ' versions are yanked, and have ' END
        || @percent_words(y.share) || ' of ' || a.words || a.in_period
        || COALESCE(', ' || @trend_words(y.slope, y.slope_low, y.slope_high), '') || '.'
      END,
      'The share of yanked versions is not known.'
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL THEN y.share END AS value,
    CAST(NULL AS DOUBLE) AS compared,
    CASE WHEN a.no_shares IS NULL THEN y.slope END AS slope,
    CASE WHEN a.no_shares IS NULL THEN y.slope_low END AS slope_low,
    CASE WHEN a.no_shares IS NULL THEN y.slope_high END AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM shared AS a
  LEFT JOIN yanked AS y
    ON a.project = y.project AND a.lens = y.lens
  WHERE
    a.period = '4w'
  UNION ALL
  SELECT
    *
  FROM python_answers
  UNION ALL
  /* What dropping a Python costs is known of the last days: of a month that ended at most a month before. */
  SELECT
    p.project,
    'report' AS page,
    'python' AS subject,
    p.lens,
    m.period,
    FALSE AS is_first,
    p.sentence,
    p.note,
    p.value,
    p.compared,
    p.slope,
    p.slope_low,
    p.slope_high,
    p.day,
    p.last_day
  FROM python_answers AS p
  INNER JOIN months AS m
    ON p.project = m.project AND p.lens = m.lens AND DATE_DIFF('DAY', m.last_day, p.last_day) <= 31
  WHERE
    p.is_first AND p.period = '4w'
  UNION ALL
  SELECT
    a.project,
    'installers' AS page,
    COALESCE(t.label, '') AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    COALESCE(
      a.no_shares,
      t.label || ' made ' || @percent_words(t.share) || ' of ' || a.words || a.in_period || COALESCE(t.second, '')
      || COALESCE('; of pip and uv together, uv made ' || @percent_words(u.share) || ' in the last whole week' || COALESCE(', ' || @trend_words(u.slope, u.slope_low, u.slope_high), ''), '')
      || COALESCE('; at least ' || @percent_words(a.ci_share) || ' ran in CI', '') || '.',
      'The source records no installer' || a.in_period || '.'
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL THEN t.share END AS value,
    CASE WHEN a.no_shares IS NULL THEN a.ci_share END AS compared,
    CASE WHEN a.no_shares IS NULL THEN u.slope END AS slope,
    CASE WHEN a.no_shares IS NULL THEN u.slope_low END AS slope_low,
    CASE WHEN a.no_shares IS NULL THEN u.slope_high END AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM shared AS a
  LEFT JOIN tops AS t
    ON a.project = t.project AND a.period = t.period AND a.lens = t.lens AND t.dimension = 'installer'
  LEFT JOIN uv AS u
    ON a.project = u.project AND a.lens = u.lens AND u.place = 1
  UNION ALL
  SELECT
    a.project,
    'platforms' AS page,
    COALESCE(t.label, '') AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    COALESCE(
      a.no_shares,
      CASE WHEN t.label = 'unknown' THEN 'Clients that do not name their system' ELSE t.label END || ' made ' || @percent_words(t.share) || ' of ' || a.words || a.in_period || COALESCE(t.second, '') || COALESCE(t.third, '')
      || COALESCE('; ' || @percent_words(s.share) || ' of the downloads by installers in the last 28 days were source archives' || CASE WHEN s.sdists > 0 THEN ', above all on ' || CASE WHEN s.system = 'Darwin' THEN 'macOS' WHEN s.system = 'unknown' THEN 'an unknown system' ELSE s.system END || ' with ' || CASE WHEN s.python_minor = 'unknown' THEN 'an unknown Python' ELSE 'Python ' || s.python_minor END ELSE '' END, '') || '.',
      'The source records no system' || a.in_period || '.'
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL THEN t.share END AS value,
    CASE WHEN a.no_shares IS NULL THEN s.share END AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM shared AS a
  LEFT JOIN tops AS t
    ON a.project = t.project AND a.period = t.period AND a.lens = t.lens AND t.dimension = 'system'
  LEFT JOIN built AS s
    ON a.project = s.project AND s.place = 1
  UNION ALL
  SELECT
    a.project,
    'countries' AS page,
    COALESCE(t.label, '') AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    COALESCE(
      a.no_shares,
      CASE WHEN t.label = 'unknown' THEN 'Addresses without a country' ELSE t.label END || ' made ' || @percent_words(t.share) || ' of ' || a.words || a.in_period || COALESCE(t.second, '') || COALESCE(t.third, '') || COALESCE(m.moved, '') || '.',
      'The source records no country' || a.in_period || '.'
    ) AS sentence,
    a.note,
    CASE WHEN a.no_shares IS NULL THEN t.share END AS value,
    CAST(NULL AS DOUBLE) AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM shared AS a
  LEFT JOIN tops AS t
    ON a.project = t.project AND a.period = t.period AND a.lens = t.lens AND t.dimension = 'country'
  LEFT JOIN told_moves AS m
    ON t.project = m.project AND t.period = m.period AND t.lens = m.lens AND t.dimension = m.dimension
  UNION ALL
  SELECT
    a.project,
    'events' AS page,
    '' AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    CASE
      WHEN NOT a.is_recorded
      THEN a.refusal
      WHEN u.days IS NULL
      THEN 'No unusual day is known' || a.in_period || '.'
      ELSE CASE WHEN u.days = 1 THEN 'One unusual day' ELSE CAST(u.days AS TEXT) || ' unusual days' END || a.in_period || CASE WHEN u.days = 1 THEN ', ' ELSE '; the last was ' END || @day_words(u.day)
      || CASE WHEN u.kind = 'gap' THEN ', which the log lacks' ELSE COALESCE(', ' || @change_words(u.change) || ' on its usual', '') || COALESCE(', most of it from ' || u.cause, '') END || '.'
    END AS sentence,
    a.note,
    CAST(CASE WHEN a.is_recorded THEN COALESCE(u.days, 0) END AS DOUBLE) AS value,
    CASE WHEN a.is_recorded THEN u.change END AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CASE WHEN a.is_recorded THEN u.day END AS day,
    a.last_day
  FROM asked AS a
  LEFT JOIN unusual AS u
    ON a.project = u.project AND a.period = u.period AND a.lens = u.lens AND u.place = 1
  UNION ALL
  SELECT
    a.project,
    'quality' AS page,
    '' AS subject,
    a.lens,
    a.period,
    TRUE AS is_first,
    CASE
      WHEN a.is_whole
      THEN 'All ' || CAST(a.length AS TEXT) || ' days to ' || @day_words(a.last_day) || ' are there, and none is known to be wrong'
      ELSE 'Of the ' || CAST(a.length AS TEXT) || ' days to ' || @day_words(a.last_day) || ', ' || CAST(a.days AS TEXT) || ' are there'
      || CASE WHEN a.days_missing > 0 THEN ', ' || CAST(a.days_missing AS TEXT) || ' missing in the log' ELSE '' END
      || CASE WHEN a.length > a.days + a.days_missing THEN ', ' || CAST(a.length - a.days - a.days_missing AS TEXT) || ' not loaded or before the first download' ELSE '' END
      || CASE WHEN a.days_wrong > 0 THEN ', ' || CAST(a.days_wrong AS TEXT) || ' known to be wrong' ELSE '' END
    END
    || CASE WHEN a.days_provisional > 0 THEN '; ' || CASE WHEN a.days_provisional = 1 THEN 'the last one' ELSE 'the last ' || CAST(a.days_provisional AS TEXT) END || ' may still grow' ELSE '' END
    || CASE WHEN COALESCE(q.quarantined, 0) > 0 THEN '; ' || @count_words(q.quarantined) || CASE WHEN q.quarantined = 1 THEN ' row is' ELSE ' rows are' END || ' in quarantine' ELSE '' END || '.' AS sentence,
    a.note,
    CAST(a.days AS DOUBLE) AS value,
    CAST(COALESCE(q.quarantined, 0) AS DOUBLE) AS compared,
    CAST(NULL AS DOUBLE) AS slope,
    CAST(NULL AS DOUBLE) AS slope_low,
    CAST(NULL AS DOUBLE) AS slope_high,
    CAST(NULL AS DATE) AS day,
    a.last_day
  FROM asked AS a
  LEFT JOIN refused AS q
    ON a.project = q.project AND a.period = q.period
)
SELECT
  project, /* Normalised name of the project. */
  page::TEXT AS page, /* Page that the sentence answers: project, report, versions, python, installers, platforms, countries, events or quality. */
  subject::TEXT AS subject, /* What the sentence is about: the newest stable version, each Python, the first installer, system or country; of the page report python for what dropping one costs; empty where it is about the project. */
  lens::TEXT AS lens, /* Lens of the downloads, as the name of its column in other marts. Data quality is the same by each of them. */
  period::TEXT AS period, /* Name of the period, as in marts.downloads_periods; of the page report a month, such as 2026-06; the trend of a Python is that of marts.python_support whatever the period. */
  is_first::BOOLEAN AS is_first, /* TRUE for the one sentence with which the page starts. Of Pythons, that is the newest out of support that still has 0.1 %, or else the one whose support ends next. */
  sentence::TEXT AS sentence, /* The answer; or why it is not known. */
  note::TEXT AS note, /* The days that it is about, and those of them that are not there, wrong, or provisional. */
  value::DOUBLE AS value, /* First number of the sentence: downloads, the share of the subject (of Pythons drop_share), the number of unusual days, or of days that are there. NULL where it is not known. */
  compared::DOUBLE AS compared, /* Second number: the change of downloads, days to half of the downloads, drop_share in three months, the share of CI, the share of source archives, the change of the unusual day, rows in quarantine. NULL where the sentence has none. */
  slope::DOUBLE AS slope, /* Trend in a month of the share: of drop_share, or of uv in pip and uv. NULL where the sentence has none. */
  slope_low::DOUBLE AS slope_low, /* Lower end of its interval of 95 %. */
  slope_high::DOUBLE AS slope_high, /* Upper end of its interval of 95 %. */
  day::DATE AS day, /* Day of the sentence: of the release, of the unusual day, or the one on which a Python falls below 5%. */
  last_day::DATE AS last_day /* Last UTC day of the period: the last loaded one of the project, or the last one of the month. */
FROM answered
