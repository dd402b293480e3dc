MODEL (
  name reference.lenses,
  kind SEED (
    path '$root/seeds/lenses.csv'
  ),
  columns (
    position INT,
    lens TEXT,
    column_name TEXT,
    label TEXT,
    heading TEXT,
    words TEXT,
    badge TEXT,
    dimension TEXT,
    counts TEXT
  ),
  description 'The ways to count downloads; each counts a part of what the one before it counts. Macros, commands and pages read this list.',
  column_descriptions (
    position = 'Place in lists, from the widest lens to the narrowest.',
    lens = 'Name on the command line.',
    column_name = 'Column of the marts; the columns that follow from it end with this name.',
    label = 'Name on a button.',
    heading = 'Name above a number.',
    words = 'Name of the downloads, in titles of charts and in the descriptions of columns.',
    badge = 'Label of a badge.',
    dimension = 'Dimension of reference.recorded without which the lens counts nothing.',
    counts = 'What the lens counts.'
  ),
  grain lens,
  -- A seed has no query to test.
  ignored_rules ['nomissingunittest'],
  audits (
    unique_values(columns := (position, lens, column_name, label, heading, words, badge)),
    not_null(columns := (position, lens, column_name, label, heading, words, badge, dimension, counts))
  )
);
