MODEL (
  name reference.installers,
  kind SEED (
    path '$root/seeds/installers.csv'
  ),
  columns (
    installer TEXT,
    installer_class TEXT
  ),
  description 'What kind of client each installer name of Linehaul stands for.',
  column_descriptions (
    installer = 'Name as Linehaul writes it into details.installer.name.',
    installer_class = 'One of installer, build, mirror, script, browser.'
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
