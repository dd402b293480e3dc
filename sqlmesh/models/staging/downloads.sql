MODEL (
  name staging.downloads,
  kind VIEW,
  description 'One row for each download, with the dimensions of the KPIs; none of them is NULL.',
  grain (),
  -- Nothing audits a view again when days are restated: the two aggregates audit what they read from this one.
  ignored_rules ['nomissingaudits', 'toofewaudits']
);

/*
Patterns have no backslash: engines disagree on how to unescape it.
Of the name of a wheel, the last three parts are its tag: none of them can have a dash (PEP 427).
*/
SELECT
  d.day::DATE AS day, /* UTC day of the download. */
  d.project::TEXT AS project, /* Normalised name of the project. */
  COALESCE(d.file__version, 'unknown')::TEXT AS version, /* Version of the downloaded file. */
  COALESCE(NULLIF(REGEXP_EXTRACT(d.details__python, '^([^.]+[.][^.]+)', 1), ''), 'unknown')::TEXT AS python_minor, /* Python version of the client, such as 3.12; unknown where it did not report one. */
  COALESCE(d.details__installer__name, 'unknown')::TEXT AS installer, /* Tool that downloaded, as Linehaul names it; unknown where Linehaul did not recognise it. */
  COALESCE(i.installer_class, 'unknown')::TEXT AS installer_class, /* Class of the tool; unknown where reference.installers does not list it. */
  COALESCE(d.details__system__name, 'unknown')::TEXT AS system, /* Operating system of the client; unknown where it did not report one. */
  COALESCE(d.country_code, 'unknown')::TEXT AS country_code, /* Country of the client by its address, ISO 3166-1 alpha-2; unknown where the address has none. */
  COALESCE(d.file__type, 'unknown')::TEXT AS file_type, /* Type of the file, such as bdist_wheel or sdist. */
  COALESCE(NULLIF(REGEXP_EXTRACT(LOWER(d.file__filename), '-([^-]+-[^-]+-[^-]+)[.]whl$', 1), ''), 'none')::TEXT AS wheel_tag, /* Interpreter, ABI and platform of a wheel, by the end of its file name: cp312-cp312-win_amd64; none for other files. */
  COALESCE(d.details__cpu, 'unknown')::TEXT AS cpu, /* Processor of the client; unknown where it did not report one. */
  COALESCE(d.details__distro__name, 'unknown')::TEXT AS distro, /* Distribution of the client, macOS included; unknown where it did not report one. */
  COALESCE(d.details__distro__version, 'unknown')::TEXT AS distro_version, /* Version of the distribution; unknown where the client did not report one. */
  COALESCE(d.details__distro__libc__lib, 'unknown')::TEXT AS libc, /* C library of the client; unknown where it did not report one. */
  COALESCE(NULLIF(REGEXP_EXTRACT(d.details__distro__libc__version, '^([^.]+[.][^.]+)', 1), ''), 'unknown')::TEXT AS libc_version, /* Version of the C library, such as 2.39; unknown where the client did not report one. */
  COALESCE(d.details__ci, FALSE)::BOOLEAN AS is_ci /* TRUE where the client reported continuous integration; FALSE where it reported nothing. */
FROM raw.file_downloads AS d
LEFT JOIN reference.installers AS i
  ON d.details__installer__name = i.installer
