select
  day, project,
  downloads, downloads_without_mirrors, downloads_by_installers, downloads_outside_ci
from marts.downloads_trend
order by day, project
