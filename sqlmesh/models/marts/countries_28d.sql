MODEL (
  name marts.countries_28d,
  kind FULL,
  description 'Downloads of each project by country in the 28 days that end with the last loaded one. By the address that the download came from, as the content delivery network places it: proxies, VPNs and company networks count where they leave, and continuous integration where its cloud is, mostly in the United States.',
  grain (project, country_code),
  column_descriptions (
    project = 'Project, by its normalised name.',
    country_code = 'ISO 3166-1 alpha-2, a code of the network such as EU, or unknown.',
    country = 'Name of the country; the code itself where ISO 3166-1 has none.',
    first_day = 'First UTC day of the window.',
    last_day = 'Last UTC day of the window.',
    downloads = 'All downloads.',
    downloads_without_mirrors = 'Downloads by anything but a mirror.',
    downloads_by_installers = 'Downloads by installers such as pip and uv.',
    downloads_outside_ci = 'Downloads by installers that did not say that they ran in continuous integration.',
    share_downloads = 'Share of the all downloads of the project; NULL where it has none.',
    share_downloads_without_mirrors = 'Share of the downloads by anything but a mirror of the project; NULL where it has none.',
    share_downloads_by_installers = 'Share of the downloads by installers of the project; NULL where it has none.',
    share_downloads_outside_ci = 'Share of the downloads by installers outside continuous integration of the project; NULL where it has none.'
  ),
  audits (
    unique_combination_of_columns(columns := (project, country_code)),
    not_null(columns := (project, country_code, country, downloads)),
    shares_sum_to_one(by := project),
    countries_are_listed(blocking := FALSE)
  )
);

SELECT
  b.project,
  b.value::TEXT AS country_code,
  COALESCE(c.country, b.value)::TEXT AS country,
  b.first_day,
  b.last_day,
  @lenses('b.$lens'),
  @lenses('b.share_$lens')
FROM marts.breakdown_28d AS b
LEFT JOIN reference.countries AS c
  ON b.value = c.country_code
WHERE
  b.dimension = 'country'
