AUDIT (
  name lenses_nest
);

/* Each lens counts a part of what the one before it counts. */
SELECT
  *
FROM @this_model
WHERE
  downloads < downloads_without_mirrors
  OR downloads_without_mirrors < downloads_by_installers
  OR downloads_by_installers < downloads_outside_ci
  OR downloads_outside_ci < 0
