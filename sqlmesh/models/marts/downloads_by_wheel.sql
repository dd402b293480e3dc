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
    not_null(columns := (day, project, file_type, wheel_tag, kind, interpreter, abi, platform, platform_system, manylinux, musllinux, architecture, threading)),
    sums_to_daily_total(),
    forall(criteria := (kind IN ('pure wheel', 'platform wheel', 'sdist', 'other', 'unknown')))
  )
);

WITH parts AS (
  SELECT
    day,
    project,
    file_type,
    wheel_tag,
    @lenses('SUM($lens) AS $lens')
  FROM staging.daily_platforms
  WHERE
    day BETWEEN @start_date AND @end_date
  GROUP BY
    day,
    project,
    file_type,
    wheel_tag
), split AS (
  SELECT DISTINCT
    wheel_tag,
    CASE WHEN wheel_tag IN ('none', 'unknown') THEN wheel_tag ELSE REGEXP_EXTRACT(wheel_tag, '^([^-]+)-', 1) END AS interpreter,
    CASE WHEN wheel_tag IN ('none', 'unknown') THEN wheel_tag ELSE REGEXP_EXTRACT(wheel_tag, '-([^-]+)-', 1) END AS abi,
    CASE WHEN wheel_tag IN ('none', 'unknown') THEN wheel_tag ELSE REGEXP_EXTRACT(wheel_tag, '-([^-]+)$', 1) END AS platform
  FROM parts
), tags AS (
  SELECT
    *,
    LEAST(
      COALESCE(@oldest_level(platform, 'manylinux_2_'), 999),
      CASE
        WHEN platform LIKE '%manylinux1_%' THEN 5
        WHEN platform LIKE '%manylinux2010_%' THEN 12
        WHEN platform LIKE '%manylinux2014_%' THEN 17
        ELSE 999
      END
    ) AS glibc,
    @oldest_level(platform, 'musllinux_1_') AS musl,
    REGEXP_EXTRACT(platform, '(x86_64|amd64|aarch64|arm64|universal2|i686|i386|win32|armv7l|armv6l|armeabi_v7a|ppc64le|ppc64|s390x|riscv64|loongarch64|wasm32)', 1) AS processor
  FROM split
)
SELECT
  p.day, /* UTC day. */
  p.project, /* Normalised name of the project. */
  p.file_type, /* Type of the file, such as bdist_wheel or sdist, or unknown. */
  p.wheel_tag, /* Interpreter, ABI and platform of a wheel; unknown where its name has none, and none for other files. */
  CASE
    WHEN p.file_type = 'sdist' THEN 'sdist'
    WHEN p.file_type = 'unknown' OR p.wheel_tag = 'unknown' THEN 'unknown'
    WHEN p.file_type <> 'bdist_wheel' THEN 'other'
    WHEN t.abi = 'none' AND t.platform = 'any' THEN 'pure wheel'
    ELSE 'platform wheel'
  END::TEXT AS kind, /* Kind of the file: pure wheel (any platform, no ABI), platform wheel, sdist, other, or unknown where its name or type cannot be read. */
  t.interpreter::TEXT AS interpreter, /* Python tags of a wheel, such as cp312 or py2.py3, or unknown; none for other files. */
  t.abi::TEXT AS abi, /* ABI tags of a wheel, such as cp312, abi3 or none, or unknown; none for other files. */
  t.platform::TEXT AS platform, /* Platform tags of a wheel, such as win_amd64 or any, or unknown; none for other files. */
  CASE
    WHEN t.platform IN ('none', 'any') THEN t.platform
    WHEN t.platform LIKE 'manylinux%' OR t.platform LIKE 'musllinux%' OR t.platform LIKE 'linux%' THEN 'linux'
    WHEN t.platform LIKE 'macosx%' THEN 'macos'
    WHEN t.platform LIKE 'win%' THEN 'windows'
    WHEN t.platform LIKE 'android%' THEN 'android'
    WHEN t.platform LIKE 'ios%' THEN 'ios'
    WHEN t.platform LIKE 'pyemscripten%' OR t.platform LIKE 'pyodide%' OR t.platform LIKE 'emscripten%' OR t.platform LIKE 'wasi%' THEN 'wasm'
    WHEN t.platform LIKE 'freebsd%' OR t.platform LIKE 'openbsd%' OR t.platform LIKE 'netbsd%' OR t.platform LIKE 'dragonfly%'
    OR t.platform LIKE 'solaris%' OR t.platform LIKE 'sunos%' OR t.platform LIKE 'aix%' OR t.platform LIKE 'hp%ux%'
    OR t.platform LIKE 'cygwin%' OR t.platform LIKE 'msys%' OR t.platform LIKE 'mingw%' OR t.platform LIKE 'haiku%' THEN 'other'
    ELSE 'unknown'
  END::TEXT AS platform_system, /* Operating system of the first platform tag: any, linux, macos, windows, android, ios, wasm, other (BSD, Solaris, AIX and their like) or unknown; none for other files than wheels. */
  (CASE WHEN t.wheel_tag = 'unknown' THEN 'unknown' WHEN t.glibc = 999 THEN 'none' ELSE CONCAT('2.', CAST(t.glibc AS TEXT)) END)::TEXT AS manylinux, /* Oldest glibc that the wheel supports, such as 2.17 (manylinux2014 is 2.17, manylinux2010 2.12, manylinux1 2.5); none without such a tag, unknown where the name of the wheel has no tags. */
  (CASE WHEN t.wheel_tag = 'unknown' THEN 'unknown' WHEN t.musl IS NULL THEN 'none' ELSE CONCAT('1.', CAST(t.musl AS TEXT)) END)::TEXT AS musllinux, /* Oldest musl that the wheel supports, such as 1.2; none without such a tag, unknown where the name of the wheel has no tags. */
  (CASE
    WHEN t.platform IN ('none', 'any', 'unknown') THEN t.platform
    WHEN t.processor IN ('x86_64', 'amd64') THEN 'x86_64'
    WHEN t.processor IN ('aarch64', 'arm64') THEN 'arm64'
    WHEN t.processor IN ('i686', 'i386', 'win32') THEN 'x86'
    ELSE COALESCE(NULLIF(t.processor, ''), 'unknown')
  END)::TEXT AS architecture, /* Processor of the first platform tag: x86_64, arm64, x86, universal2 and others, any or unknown; none for other files than wheels. */
  (CASE
    WHEN t.abi IN ('none', 'unknown') THEN t.abi
    WHEN REGEXP_MATCHES(t.abi, 'cp3[0-9]+t') THEN 'free-threaded'
    ELSE 'with the GIL'
  END)::TEXT AS threading, /* free-threaded for a wheel of a Python without the global interpreter lock (an ABI such as cp313t), with the GIL for any other ABI; none without ABI and for other files. */
  @described(@lenses('p.$lens::BIGINT AS $lens'), '$downloads.')
FROM parts AS p
INNER JOIN tags AS t
  ON p.wheel_tag = t.wheel_tag
