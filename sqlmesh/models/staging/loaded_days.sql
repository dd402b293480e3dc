MODEL (
  name staging.loaded_days,
  kind VIEW,
  description 'The days of each project that a complete load has covered, whether or not they had downloads.',
  grain (day, project),
  column_descriptions (
    day = 'UTC day.',
    week = 'Monday of the day.',
    project = 'Project, by its normalised name.'
  ),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, week, project))
  )
);

SELECT DISTINCT
  d.day::DATE AS day,
  @monday(d.day)::DATE AS week,
  d.project::TEXT AS project
FROM raw.loaded_days AS d
INNER JOIN raw._dlt_loads AS l
  ON d._dlt_load_id = l.load_id AND l.status = 0
