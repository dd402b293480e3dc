MODEL (
  name marts.downloads_by_wheel,
  kind INCREMENTAL_BY_TIME_RANGE (
    time_column day
  ),
  partitioned_by day,
  -- An audit compares the two.
  depends_on (marts.downloads_daily),
  description 'Downloads of each project and UTC day by the platform of the file, from the tags that PEP 427 puts into the name of a wheel; they sum to marts.downloads_daily.',
  grain (day, project, file_type, wheel_tag),
  audits (
    unique_combination_of_columns(columns := (day, project, file_type, wheel_tag)),
    not_null(columns := (day, project, file_type, wheel_tag, kind, interpreter, abi, platform, platform_system, manylinux, musllinux)),
    sums_to_daily_total(),
    forall(criteria := (kind IN ('pure wheel', 'platform wheel', 'sdist', 'other')))
  )
);

WITH parts AS (
  SELECT
    day,
    project,
    file_type,
    wheel_tag,
    CASE WHEN wheel_tag = 'none' THEN 'none' ELSE REGEXP_EXTRACT(wheel_tag, '^([^-]+)-', 1) END AS interpreter,
    CASE WHEN wheel_tag = 'none' THEN 'none' ELSE REGEXP_EXTRACT(wheel_tag, '-([^-]+)-', 1) END AS abi,
    CASE WHEN wheel_tag = 'none' THEN 'none' ELSE REGEXP_EXTRACT(wheel_tag, '-([^-]+)$', 1) END AS platform,
    @lenses('SUM($lens) AS $lens')
  FROM staging.daily_platforms
  WHERE
    day BETWEEN @start_date AND @end_date
  GROUP BY
    day,
    project,
    file_type,
    wheel_tag
), levels AS (
  SELECT
    *,
    /* Several tags stand sorted as text: of levels with two digits the first is the oldest, one with one digit is last. */
    NULLIF(REGEXP_EXTRACT(platform, 'manylinux_2_([0-9]+)_', 1), '') AS first_glibc,
    NULLIF(REGEXP_EXTRACT(platform, '.*manylinux_2_([0-9]+)_', 1), '') AS last_glibc,
    CASE
      WHEN platform LIKE '%manylinux1_%' THEN 5
      WHEN platform LIKE '%manylinux2010_%' THEN 12
      WHEN platform LIKE '%manylinux2014_%' THEN 17
      ELSE 999
    END AS named_glibc,
    NULLIF(REGEXP_EXTRACT(platform, 'musllinux_([0-9]+_[0-9]+)_', 1), '') AS musl
  FROM parts
), oldest AS (
  SELECT
    *,
    LEAST(COALESCE(CAST(first_glibc AS INT), 999), COALESCE(CAST(last_glibc AS INT), 999), named_glibc) AS glibc
  FROM levels
)
SELECT
  day, /* UTC day. */
  project, /* Normalised name of the project. */
  file_type, /* Type of the file, such as bdist_wheel or sdist. */
  wheel_tag, /* Interpreter, ABI and platform of a wheel; none for other files. */
  CASE
    WHEN file_type = 'sdist' THEN 'sdist'
    WHEN file_type <> 'bdist_wheel' THEN 'other'
    WHEN abi = 'none' AND platform = 'any' THEN 'pure wheel'
    ELSE 'platform wheel'
  END::TEXT AS kind, /* Kind of the file: pure wheel (any platform, no ABI), platform wheel, sdist or other. */
  interpreter::TEXT AS interpreter, /* Python tags of a wheel, such as cp312 or py2.py3; none for other files. */
  abi::TEXT AS abi, /* ABI tags of a wheel, such as cp312, abi3 or none; none for other files. */
  platform::TEXT AS platform, /* Platform tags of a wheel, such as win_amd64 or any; none for other files. */
  CASE
    WHEN platform IN ('none', 'any') THEN platform
    WHEN platform LIKE 'manylinux%' OR platform LIKE 'musllinux%' OR platform LIKE 'linux%' THEN 'linux'
    WHEN platform LIKE 'macosx%' THEN 'macos'
    WHEN platform LIKE 'win%' THEN 'windows'
    WHEN platform LIKE 'android%' THEN 'android'
    WHEN platform LIKE 'ios%' THEN 'ios'
    WHEN platform LIKE 'pyodide%' OR platform LIKE 'emscripten%' OR platform LIKE 'wasi%' THEN 'wasm'
    ELSE 'other'
  END::TEXT AS platform_system, /* Operating system of the first platform tag: any, linux, macos, windows, android, ios, wasm or other; none for other files than wheels. */
  (CASE WHEN glibc = 999 THEN 'none' ELSE CONCAT('2.', CAST(glibc AS TEXT)) END)::TEXT AS manylinux, /* Oldest glibc that the wheel supports, such as 2.17 (manylinux2014 is 2.17, manylinux2010 2.12, manylinux1 2.5); none without such a tag. */
  COALESCE(REPLACE(musl, '_', '.'), 'none')::TEXT AS musllinux, /* Oldest musl that the wheel supports, such as 1.2; none without such a tag. */
  @described(@lenses('$lens::BIGINT AS $lens'), '$downloads.')
FROM oldest
