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

SELECT
  day,
  @monday(day)::DATE AS week,
  project
FROM raw.committed_days
