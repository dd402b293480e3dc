MODEL (
  name reference.incidents,
  kind SEED (
    path '$root/seeds/incidents.csv'
  ),
  -- As dates SQLMesh would warn on the terminal.
  columns (
    first_day TEXT,
    last_day TEXT,
    what TEXT,
    source TEXT
  ),
  description 'Days on which the public log is known to be wrong for every project.',
  column_descriptions (
    first_day = 'First UTC day.',
    last_day = 'Last UTC day.',
    what = 'Error of the log.',
    source = 'Report of the error.'
  ),
  grain (first_day, what),
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_combination_of_columns(columns := (first_day, what)),
    not_null(columns := (first_day, last_day, what, source)),
    forall(criteria := (CAST(first_day AS DATE) <= CAST(last_day AS DATE)))
  )
);
