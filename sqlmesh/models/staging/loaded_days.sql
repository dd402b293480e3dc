MODEL (
  name staging.loaded_days,
  kind VIEW,
  description 'The days of each project that a committed load covers, with or without downloads.',
  grain (day, project),
  -- Nothing audits a view again when days are restated: marts.downloads_trend audits what it reads from this one.
  ignored_rules ['nomissingaudits', 'toofewaudits']
);

SELECT
  day, /* UTC day. */
  @monday(day)::DATE AS week, /* Monday of the week of the day. */
  project /* Normalised name of the project. */
FROM raw.committed_days
