MODEL (
  name reference.incidents,
  kind SEED (
    path '$root/seeds/incidents.csv'
  ),
  -- As dates SQLMesh would warn on the terminal.
  columns (
    first_day TEXT,
    last_day TEXT,
    log TEXT,
    effect TEXT,
    lens TEXT,
    concerns TEXT,
    what TEXT,
    source TEXT
  ),
  description 'Days that the log is known to lack or to have wrong, and days from which on it counts otherwise: for every project.',
  column_descriptions (
    first_day = 'First UTC day.',
    last_day = 'Last UTC day; NULL where the log has changed for good.',
    log = 'Log of which this is known: pypi, or demo for the generated one.',
    effect = 'missing: the log lacks the days. wrong: it has them, with wrong counts. changed: it counts or records otherwise from first_day on.',
    lens = 'Widest lens whose counts are concerned, and with it all narrower ones; none where only other columns are.',
    concerns = 'What is concerned: all, or a column: installer, ci, other_fetches or subcommand.',
    what = 'What happened.',
    source = 'Report of it.'
  ),
  grain (first_day, what),
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_combination_of_columns(columns := (first_day, what)),
    not_null(columns := (first_day, log, effect, lens, concerns, what, source)),
    accepted_values("column" := effect, is_in := ('missing', 'wrong', 'changed')),
    accepted_values("column" := log, is_in := ('pypi', 'demo')),
    accepted_values("column" := concerns, is_in := ('all', 'installer', 'ci', 'other_fetches', 'subcommand')),
    accepted_values(
      "column" := lens,
      is_in := ('none', 'downloads', 'downloads_without_mirrors', 'downloads_by_installers', 'downloads_outside_ci')
    ),
    forall(
      criteria := (
        (effect = 'changed') = (last_day IS NULL),
        last_day IS NULL OR CAST(first_day AS DATE) <= CAST(last_day AS DATE)
      )
    )
  )
);
