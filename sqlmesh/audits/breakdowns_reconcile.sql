AUDIT (
  name breakdowns_reconcile
);

/* A standalone audit would say the same: the model is computed whole, so this sees each day. */
SELECT
  *
FROM @this_model
WHERE
  difference_downloads <> 0
  OR difference_downloads_without_mirrors <> 0
  OR difference_downloads_by_installers <> 0
  OR difference_downloads_outside_ci <> 0
