MODEL (
  name reference.python_eol,
  kind SEED (
    path '$root/seeds/python_eol.csv'
  ),
  -- As text SQLMesh would read 3.10 as a float, 3.1; as dates it would warn on the terminal.
  columns (
    major INT,
    minor INT,
    released TEXT,
    end_of_life TEXT,
    source TEXT
  ),
  description 'Day of release and end of support of each minor version of Python, by its release schedule.',
  column_descriptions (
    major = 'Major version, 3 of 3.12.',
    minor = 'Minor version, 12 of 3.12.',
    released = 'Day of the first final release, planned or past.',
    end_of_life = 'Last day of support; the last day of the month where only a month is announced.',
    source = 'Release schedule with these days.'
  ),
  grain (major, minor),
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_combination_of_columns(columns := (major, minor)),
    not_null(columns := (major, minor, released, end_of_life, source)),
    forall(criteria := (CAST(released AS DATE) < CAST(end_of_life AS DATE)))
  )
);
