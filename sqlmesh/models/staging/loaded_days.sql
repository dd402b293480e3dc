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
  project, /* Normalised name of the project. */
  origin, /* Source of the day: bigquery, parquet, demo or clickpy. */
  (NOT @recorded(ci, origin, day, TRUE) IS NULL)::BOOLEAN AS is_ci_recorded, /* TRUE where the source records continuous integration (CI) on the day, by reference.recorded. */
  (CASE WHEN origin = 'demo' THEN 'demo' ELSE 'pypi' END)::TEXT AS log /* Log that the day comes from, as reference.incidents names it: pypi, or demo for the generated one. */
FROM raw.committed_days
