MODEL (
  name reference.installers,
  kind SEED (
    path '$root/seeds/installers.csv'
  ),
  columns (
    installer TEXT,
    installer_class TEXT
  ),
  description 'Class of each client by the name that Linehaul gives it.',
  column_descriptions (
    installer = 'Name of the client in details.installer.name.',
    installer_class = 'Class of the client: installer, build, mirror, script or browser.'
  ),
  grain installer,
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_values(columns := installer),
    not_null(columns := (installer, installer_class)),
    accepted_values("column" := installer_class, is_in := ('installer', 'build', 'mirror', 'script', 'browser'))
  )
);
