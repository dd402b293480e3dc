AUDIT (
  name installers_are_listed
);

/* A new tool counts as unknown until somebody classifies it in seeds/installers.csv. */
SELECT DISTINCT
  installer
FROM @this_model
WHERE
  installer_class = 'unknown' AND installer <> 'unknown'
