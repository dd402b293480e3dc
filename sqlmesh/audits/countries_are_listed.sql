AUDIT (
  name countries_are_listed
);

/* Some codes are the network's own: a country without a name may also be one that seeds/countries.csv lacks. */
SELECT DISTINCT
  value
FROM @this_model
WHERE
  dimension = 'country' AND label = value AND NOT value IN ('unknown', 'A1', 'A2', 'AP', 'EU', 'T1')
