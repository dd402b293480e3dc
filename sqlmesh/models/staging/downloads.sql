MODEL (
  name staging.downloads,
  kind VIEW,
  description 'One row for each download, with the values that KPIs are grouped by; none of them is NULL.',
  grain (),
  column_descriptions (
    day = 'UTC day of the download.',
    project = 'Project, by its normalised name.',
    version = 'Version of the downloaded file.',
    python_minor = 'Python of the client, as 3.12; unknown where it did not say.',
    installer = 'Tool that downloaded, as Linehaul names it; unknown where it was not understood.',
    installer_class = 'What kind of tool that is; unknown for a tool that reference.installers does not list.',
    system = 'Operating system of the client; unknown where it did not say.',
    country_code = 'Country of the client by its address, ISO 3166-1 alpha-2; unknown where it could not be told.',
    file_type = 'Kind of the file, as bdist_wheel or sdist.',
    wheel_tag = 'Interpreter, ABI and platform that a wheel is for, as its file name ends: cp312-cp312-win_amd64; none for other files.',
    cpu = 'Processor of the client; unknown where it did not say.',
    distro = 'Distribution of the client, or macOS; unknown where it did not say.',
    distro_version = 'Version of the distribution; unknown where it did not say.',
    libc = 'C library of the client; unknown where it did not say.',
    libc_version = 'Version of the C library, as 2.39; unknown where it did not say.',
    is_ci = 'TRUE where the client said that it ran in continuous integration; FALSE where it did not say.'
  ),
  audits (
    not_null(
      columns := (day, project, version, python_minor, installer, installer_class, system, country_code,
        wheel_tag, cpu, distro, distro_version, libc, libc_version)
    ),
    accepted_values(
      "column" := file_type,
      is_in := ('bdist_wheel', 'sdist', 'bdist_egg', 'bdist_wininst', 'bdist_msi', 'bdist_rpm', 'bdist_dumb', 'bdist_dmg')
    )
  )
);

SELECT
  d.day::DATE AS day,
  d.project::TEXT AS project,
  COALESCE(d.file__version, 'unknown')::TEXT AS version,
  /* No backslash in the pattern: engines disagree on how to unescape it. */
  COALESCE(NULLIF(REGEXP_EXTRACT(d.details__python, '^([^.]+[.][^.]+)', 1), ''), 'unknown')::TEXT AS python_minor,
  COALESCE(d.details__installer__name, 'unknown')::TEXT AS installer,
  COALESCE(i.installer_class, 'unknown')::TEXT AS installer_class,
  COALESCE(d.details__system__name, 'unknown')::TEXT AS system,
  COALESCE(d.country_code, 'unknown')::TEXT AS country_code,
  COALESCE(d.file__type, 'unknown')::TEXT AS file_type,
  /* The last three parts of the name: none of them can have a dash (PEP 427). */
  COALESCE(NULLIF(REGEXP_EXTRACT(LOWER(d.file__filename), '-([^-]+-[^-]+-[^-]+)[.]whl$', 1), ''), 'none')::TEXT AS wheel_tag,
  COALESCE(d.details__cpu, 'unknown')::TEXT AS cpu,
  COALESCE(d.details__distro__name, 'unknown')::TEXT AS distro,
  COALESCE(d.details__distro__version, 'unknown')::TEXT AS distro_version,
  COALESCE(d.details__distro__libc__lib, 'unknown')::TEXT AS libc,
  COALESCE(NULLIF(REGEXP_EXTRACT(d.details__distro__libc__version, '^([^.]+[.][^.]+)', 1), ''), 'unknown')::TEXT AS libc_version,
  COALESCE(d.details__ci, FALSE)::BOOLEAN AS is_ci
FROM raw.file_downloads AS d
LEFT JOIN reference.installers AS i
  ON d.details__installer__name = i.installer
