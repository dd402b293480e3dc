MODEL (
  name marts.sdist_fallback_28d,
  kind FULL,
  description 'Source archives and wheels of each project by system, processor and Python of the client, in the 28 days up to its last loaded one, by installers: where clients find no wheel that suits them and build one. Only of projects with wheels. A source archive may also be asked for on purpose (--no-binary), and a client that reports nothing of itself is unknown.',
  grain (project, system, cpu, python_minor),
  audits (
    unique_combination_of_columns(columns := (project, system, cpu, python_minor)),
    not_null(columns := (project, system, python_minor, sdist_downloads_by_installers, wheel_downloads_by_installers)),
    forall(
      criteria := (sdist_share_downloads_by_installers IS NULL OR sdist_share_downloads_by_installers BETWEEN 0 AND 1)
    )
  )
);

WITH counted AS (
  SELECT
    d.project,
    d.system,
    d.cpu,
    d.python_minor,
    p.first_day,
    p.last_day,
    p.days,
    p.days >= @minimum_days AS has_shares,
    @lenses('SUM(CASE WHEN d.file_type = ''sdist'' THEN d.$lens ELSE 0 END) AS sdist_$lens', downloads_by_installers, downloads_outside_ci),
    @lenses('SUM(CASE WHEN d.file_type = ''bdist_wheel'' THEN d.$lens ELSE 0 END) AS wheel_$lens', downloads_by_installers, downloads_outside_ci)
  FROM staging.daily_platforms AS d
  INNER JOIN marts.downloads_periods AS p
    ON d.project = p.project AND p.period = '4w' AND d.day BETWEEN p.first_day AND p.last_day
  WHERE
    d.file_type IN ('sdist', 'bdist_wheel') AND d.downloads_by_installers > 0
  GROUP BY
    d.project,
    d.system,
    d.cpu,
    d.python_minor,
    p.first_day,
    p.last_day,
    p.days
), totals AS (
  SELECT
    *,
    SUM(wheel_downloads_by_installers) OVER (PARTITION BY project) AS wheels,
    SUM(sdist_downloads_by_installers) OVER (PARTITION BY project) AS sdists
  FROM counted
)
SELECT
  project, /* Normalised name of the project. */
  system, /* Operating system of the client, or unknown. */
  cpu, /* Processor of the client, or unknown; NULL where the source does not record it. */
  python_minor, /* Python version of the client, such as 3.12, or unknown. */
  first_day, /* First UTC day of the 28. */
  last_day, /* Last UTC day of the 28: the last loaded one of the project. */
  days, /* Number of the 28 days that are loaded and not missing, from the first download of the project on. */
  sdist_downloads_by_installers::BIGINT AS sdist_downloads_by_installers, /* Downloads of source archives by installers. */
  wheel_downloads_by_installers::BIGINT AS wheel_downloads_by_installers, /* Downloads of wheels by installers. */
  (CASE WHEN has_shares THEN CAST(sdist_downloads_by_installers AS DOUBLE) / NULLIF(sdist_downloads_by_installers + wheel_downloads_by_installers, 0) END)::DOUBLE AS sdist_share_downloads_by_installers, /* Share of source archives in both, by these clients; NULL with fewer days than the variable minimum_days. */
  (CASE WHEN has_shares THEN CAST(sdist_downloads_by_installers AS DOUBLE) / NULLIF(sdists, 0) END)::DOUBLE AS share_of_sdists, /* Share of these clients in all source archives of the project by installers; NULL where there are none, or with fewer days than the variable minimum_days. */
  sdist_downloads_outside_ci::BIGINT AS sdist_downloads_outside_ci, /* Downloads of source archives by installers outside CI. */
  wheel_downloads_outside_ci::BIGINT AS wheel_downloads_outside_ci /* Downloads of wheels by installers outside CI. */
FROM totals
WHERE
  wheels > 0
