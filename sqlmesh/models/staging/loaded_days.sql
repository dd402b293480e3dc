MODEL (
  name staging.loaded_days,
  kind VIEW,
  description 'The days of each project that a committed load covers, with or without downloads.',
  grain (day, project),
  audits (
    unique_combination_of_columns(columns := (day, project)),
    not_null(columns := (day, week, project))
  )
);

SELECT
  day, /* UTC day. */
  @monday(day)::DATE AS week, /* Monday of the week of the day. */
  project /* Normalised name of the project. */
FROM raw.committed_days
