MODEL (
  name reference.python_eol,
  kind SEED (
    path '$root/seeds/python_eol.csv'
  ),
  columns (
    python_minor TEXT,
    released DATE,
    end_of_life DATE,
    source TEXT
  ),
  description 'When each minor version of Python was released, and until when it gets security fixes, by its release schedule.',
  column_descriptions (
    python_minor = 'Python, as 3.12.',
    released = 'Day of the first final release, or the planned one.',
    end_of_life = 'Last day of support. Where only a month is announced, the last day of that month.',
    source = 'The release schedule that says so.'
  ),
  grain python_minor,
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_values(columns := python_minor),
    not_null(columns := (python_minor, released, end_of_life, source)),
    forall(criteria := (released < end_of_life))
  )
);
