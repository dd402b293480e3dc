MODEL (
  name reference.recorded,
  kind SEED (
    path '$root/seeds/recorded.csv'
  ),
  -- As dates SQLMesh would warn on the terminal.
  columns (
    origin TEXT,
    dimension TEXT,
    first_day TEXT,
    null_means TEXT,
    source TEXT
  ),
  description 'What each source of the downloads records, and from which day on. What it does not is NULL in the marts, and never unknown, which is what a client did not say.',
  column_descriptions (
    origin = 'Source of the downloads: bigquery, parquet, demo or clickpy.',
    dimension = 'What is recorded: a dimension of the marts, or wheel for file names, and ci for continuous integration, which a lens needs.',
    first_day = 'First UTC day that records it: 2016-01-01 for all days; NULL where the source never does.',
    null_means = 'What no value means: not said by the client, or not recorded, where the source tells the two apart.',
    source = 'Where this is known from.'
  ),
  grain (origin, dimension),
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_combination_of_columns(columns := (origin, dimension)),
    not_null(columns := (origin, dimension, null_means, source)),
    accepted_values("column" := origin, is_in := ('bigquery', 'parquet', 'demo', 'clickpy')),
    accepted_values("column" := null_means, is_in := ('not said', 'not recorded'))
  )
);
