MODEL (
  name staging.downloads,
  kind VIEW,
  description 'The rows of the log with the dimensions of the KPIs, which are NULL only where the source does not record them: each by itself, or the equal ones of a day together, whichever was loaded.',
  grain (),
  -- Nothing audits a view again when days are restated: the aggregates audit what they read from this one.
  ignored_rules ['nomissingaudits', 'toofewaudits']
);

/*
A file of a release ends as one of the formats that PyPI takes; what has one more ending stands beside such a file.
Of the name of a wheel, the last three parts are its tag: none of them can have a dash (PEP 427).
*/
WITH loaded AS (
  SELECT
    day,
    project,
    country_code,
    file__filename,
    file__version,
    file__type,
    details__installer__name,
    details__installer__version,
    details__installer__subcommand,
    details__python,
    details__distro__name,
    details__distro__version,
    details__distro__libc__lib,
    details__distro__libc__version,
    details__system__name,
    details__cpu,
    details__ci,
    1 AS log_rows
  FROM raw.file_downloads
  UNION ALL
  SELECT
    day,
    project,
    country_code,
    file__filename,
    file__version,
    file__type,
    details__installer__name,
    details__installer__version,
    details__installer__subcommand,
    details__python,
    details__distro__name,
    details__distro__version,
    details__distro__libc__lib,
    details__distro__libc__version,
    details__system__name,
    details__cpu,
    details__ci,
    log_rows
  FROM raw.daily_counts
), named AS (
  SELECT
    *,
    LOWER(file__filename) AS file_name
  FROM loaded
), fetched AS (
  SELECT
    *,
    CASE
      WHEN REGEXP_MATCHES(file_name, '[.](whl|tar[.]gz|tar[.]bz2|tar[.]xz|tar[.]z|tar|tgz|tbz|zip|egg|exe|msi|rpm|deb|dmg)$')
      THEN 'file'
      WHEN REGEXP_MATCHES(file_name, '[.]metadata$')
      THEN 'metadata'
      WHEN REGEXP_MATCHES(file_name, '[.](asc|sig)$')
      THEN 'signature'
      WHEN REGEXP_MATCHES(file_name, '[.](provenance|attestation|sigstore)([.]json)?$')
      THEN 'provenance'
      WHEN REGEXP_MATCHES(file_name, '[.](whl|tar[.]gz|tar[.]bz2|tar[.]xz|tar[.]z|tgz|tbz|zip|egg|exe|msi|rpm|deb|dmg)[.][^.]')
      THEN 'sidecar'
      ELSE 'unknown'
    END AS fetch
  FROM named
)
SELECT
  d.day::DATE AS day, /* UTC day of the download. */
  d.project::TEXT AS project, /* Normalised name of the project. */
  (d.fetch IN ('file', 'unknown'))::BOOLEAN AS is_download, /* FALSE where the log row is no download of a file of a release, but of metadata, a signature, a provenance or another file beside one, by the end of its name. Such a row counts in no lens. */
  @known(d.file__version)::TEXT AS version, /* Version of the downloaded file. */
  @read(d.details__python, '^([0-9]+[.][0-9]+)')::TEXT AS python_minor, /* Python version of the client, such as 3.12; unknown where it did not report one. */
  @known(d.details__installer__name)::TEXT AS installer, /* Tool that downloaded, as Linehaul names it; unknown where Linehaul did not recognise it. */
  @recorded(installer_version, c.origin, d.day, CASE
    WHEN d.details__installer__name NOT IN ('pip', 'uv') OR d.details__installer__name IS NULL
    THEN 'none'
    WHEN d.details__installer__version IS NULL
    THEN 'not recorded'
    ELSE @read(d.details__installer__version, '^([0-9]+[.][0-9]+)')
  END)::TEXT AS installer_version, /* Minor version of pip or uv, such as 26.1; NULL where the source does not record it, not recorded where the upstream or an earlier load has none, and none for other tools. */
  @recorded(subcommand, c.origin, d.day, COALESCE(NULLIF(TRIM(d.details__installer__subcommand), ''), 'not recorded'))::TEXT AS subcommand, /* Command that the tool was called with, such as pip install; NULL where the source does not record it, not recorded where the log, the upstream or an earlier load has none. */
  COALESCE(i.installer_class, 'unknown')::TEXT AS installer_class, /* Class of the tool; unknown where reference.installers does not list it. */
  @known(d.details__system__name)::TEXT AS system, /* Operating system of the client; unknown where it did not report one. */
  @read(d.country_code, '^([A-Z][A-Z0-9])$')::TEXT AS country_code, /* Country of the client by its address, ISO 3166-1 alpha-2; unknown where the address has none. */
  (CASE WHEN d.fetch IN ('file', 'unknown') THEN @known(d.file__type) ELSE d.fetch END)::TEXT AS file_type, /* Type of the file, such as bdist_wheel or sdist, or unknown; where is_download is FALSE metadata, signature, provenance or sidecar. */
  (CASE
    WHEN d.fetch IN ('file', 'unknown') AND d.file__type = 'bdist_wheel'
    THEN @read(d.file_name, '-([^-]+-[^-]+-[^-]+)[.]whl$')
    ELSE 'none'
  END)::TEXT AS wheel_tag, /* Interpreter, ABI and platform of a wheel, by the end of its file name: cp312-cp312-win_amd64; unknown where the name has none, and none for other files. */
  @recorded(cpu, c.origin, d.day, @known(d.details__cpu))::TEXT AS cpu, /* Processor of the client; unknown where it did not report one, NULL where the source does not record it. */
  @recorded(distro, c.origin, d.day, @known(d.details__distro__name))::TEXT AS distro, /* Distribution of the client, macOS included; unknown where it did not report one, NULL where the source does not record it. */
  @recorded(distro, c.origin, d.day, @known(d.details__distro__version))::TEXT AS distro_version, /* Version of the distribution; unknown where the client did not report one, NULL where the source does not record it. */
  @recorded(libc, c.origin, d.day, @known(d.details__distro__libc__lib))::TEXT AS libc, /* C library of the client; unknown where it did not report one. */
  @recorded(libc, c.origin, d.day, @read(d.details__distro__libc__version, '^([0-9]+[.][0-9]+)'))::TEXT AS libc_version, /* Version of the C library, such as 2.39; unknown where the client did not report one. */
  @recorded(ci, c.origin, d.day, COALESCE(d.details__ci, @unsaid(ci, c.origin, FALSE)))::BOOLEAN AS is_ci, /* TRUE where the client reported continuous integration; FALSE where it reported nothing; NULL where the source does not record it. */
  d.log_rows::BIGINT AS log_rows /* Rows of the log that the row stands for: 1 where each was loaded by itself. */
FROM fetched AS d
LEFT JOIN reference.installers AS i
  ON d.details__installer__name = i.installer
LEFT JOIN raw.committed_days AS c
  ON d.day = c.day AND d.project = c.project
