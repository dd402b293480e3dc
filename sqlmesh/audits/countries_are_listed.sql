AUDIT (
  name countries_are_listed
);

/* Some codes are the network's own: a country without a name may also be one that seeds/countries.csv lacks. */
SELECT DISTINCT
  country_code
FROM @this_model
WHERE
  country = country_code AND NOT country_code IN ('unknown', 'A1', 'A2', 'AP', 'EU', 'T1')
