MODEL (
  name staging.daily_downloads,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  signals (
    raw_loaded()
  ),
  description 'Downloads of each day by the dimensions of most KPIs, and the other rows of the log; one of the three models that read rows.',
  grain (day, project, version, python_minor, installer, system, country_code, file_type),
  audits (
    counts_every_row(),
    not_null(columns := (day, project, version, python_minor, installer, installer_class, system, country_code, file_type)),
    accepted_values(
      "column" := file_type,
      is_in := ('bdist_wheel', 'sdist', 'bdist_egg', 'bdist_wininst', 'bdist_msi', 'bdist_rpm', 'bdist_dumb', 'bdist_dmg',
        'metadata', 'signature', 'provenance', 'sidecar', 'unknown')
    ),
    unique_combination_of_columns(
      columns := (day, project, version, python_minor, installer, system, country_code, file_type)
    ),
    lenses_nest(),
    installers_are_listed(blocking := FALSE)
  )
);

/* An alias, as BigQuery would take downloads.day in GROUP BY for a field of the sum. */
WITH counted AS (
  SELECT
    d.day,
    d.project,
    d.version,
    d.python_minor,
    d.installer,
    d.installer_class,
    d.system,
    d.country_code,
    d.file_type,
    @sum_lenses(d),
    SUM(CASE WHEN d.is_download THEN 0 ELSE d.log_rows END) AS other_fetches
  FROM staging.downloads AS d
  WHERE
    d.day BETWEEN @start_date AND @end_date
  GROUP BY
    d.day,
    d.project,
    d.version,
    d.python_minor,
    d.installer,
    d.installer_class,
    d.system,
    d.country_code,
    d.file_type
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  version, /* Version of the downloaded file. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  installer, /* Tool that downloaded, or unknown. */
  installer_class, /* Class of the tool: installer, build, mirror, script, browser or unknown. */
  system, /* Operating system of the client, or unknown. */
  country_code, /* Country of the client, ISO 3166-1 alpha-2, or unknown. */
  file_type, /* Type of the file, such as bdist_wheel or sdist, or unknown; for other_fetches metadata, signature, provenance or sidecar. */
  @described(@summed_lenses(), '$downloads.'),
  other_fetches::BIGINT AS other_fetches /* Log rows that are no download of a file of a release; they count in no lens. */
FROM counted
