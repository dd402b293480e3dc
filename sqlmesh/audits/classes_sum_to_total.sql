AUDIT (
  name classes_sum_to_total
);

SELECT
  *
FROM @this_model
WHERE
  downloads <> downloads_by_installers + downloads_by_build_tools + downloads_by_mirrors + downloads_by_scripts + downloads_by_browsers + downloads_by_unknown
  OR downloads_without_mirrors <> downloads - downloads_by_mirrors
