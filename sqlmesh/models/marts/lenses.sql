MODEL (
  name marts.lenses,
  kind VIEW,
  description 'The ways to count downloads, for each of which every KPI has a column: reference.lenses for readers of the marts.',
  grain lens,
  audits (
    unique_values(columns := (position, lens, column_name)),
    not_null(columns := (position, lens, column_name, label, words, counts))
  )
);

SELECT
  position, /* Place in lists, from the widest lens to the narrowest. */
  lens, /* Name on the command line. */
  column_name, /* Column of the marts; the columns that follow from it end with this name. */
  label, /* Name on a button. */
  words, /* Name of the downloads, in titles of charts. */
  counts /* What the lens counts. */
FROM reference.lenses
