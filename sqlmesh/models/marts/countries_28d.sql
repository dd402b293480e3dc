MODEL (
  name marts.countries_28d,
  kind FULL,
  description 'Downloads of each project by country in the 28 days up to its last loaded one. The country is that of the address, as the content delivery network locates it: proxies, VPNs and company networks count where they leave to the internet, and CI where its cloud is, mostly in the United States.',
  grain (project, country_code),
  audits (
    unique_combination_of_columns(columns := (project, country_code)),
    not_null(columns := (project, country_code, country, downloads)),
    shares_sum_to_one(by := project),
    countries_are_listed(blocking := FALSE)
  )
);

SELECT
  b.project, /* Normalised name of the project. */
  b.value::TEXT AS country_code, /* ISO 3166-1 alpha-2 code, a code of the network such as EU, or unknown. */
  COALESCE(c.country, b.value)::TEXT AS country, /* Name of the country; the code where ISO 3166-1 has no name for it. */
  b.first_day, /* First UTC day of the window. */
  b.last_day, /* Last UTC day of the window: the last loaded one of the project. */
  b.days, /* Number of days of the window that are loaded and not missing, from the first download of the project on. */
  @described(@lenses('b.$lens'), '$downloads.'),
  @described(@lenses('b.share_$lens'), 'Share of the country in $downloads of the project; NULL where it has none, or with fewer days than the variable minimum_days.')
FROM marts.breakdown_28d AS b
LEFT JOIN reference.countries AS c
  ON b.value = c.country_code
WHERE
  b.dimension = 'country'
