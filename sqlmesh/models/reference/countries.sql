MODEL (
  name reference.countries,
  kind SEED (
    path '$root/seeds/countries.csv',
    -- NA is Namibia.
    csv_settings (keep_default_na = FALSE)
  ),
  columns (
    country_code TEXT,
    country TEXT
  ),
  description 'Names of countries by ISO 3166-1, and Kosovo (XK); from the package iso3166 3.0.0 (MIT), with its apolitical names.',
  column_descriptions (
    country_code = 'ISO 3166-1 alpha-2.',
    country = 'Name of the country.'
  ),
  grain country_code,
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_values(columns := country_code),
    not_null(columns := (country_code, country)),
    forall(criteria := (LENGTH(country_code) = 2))
  )
);
