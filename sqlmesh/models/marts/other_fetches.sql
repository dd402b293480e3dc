MODEL (
  name marts.other_fetches,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  description 'Rows of PyPI''s log that are no downloads of a file of a release, by what they fetch and by class of client. They count in no lens. PyPI logged fetches of metadata (PEP 658) as downloads from 2023-05-11 to 2026-08-23.',
  grain (day, project, kind, installer_class),
  audits (
    unique_combination_of_columns(columns := (day, project, kind, installer_class)),
    not_null(columns := (day, project, kind, installer_class, fetches)),
    accepted_values("column" := kind, is_in := ('metadata', 'signature', 'provenance', 'sidecar'))
  )
);

SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  file_type::TEXT AS kind, /* What is fetched, by the end of its name: metadata, signature, provenance, or sidecar for any other file beside a file of a release. */
  installer_class, /* Class of the tool: installer, build, mirror, script, browser or unknown. */
  SUM(other_fetches)::BIGINT AS fetches /* Number of such rows. */
FROM staging.daily_downloads
WHERE
  other_fetches > 0 AND day BETWEEN @start_date AND @end_date
GROUP BY
  day,
  project,
  file_type,
  installer_class
