select
  week, project, is_whole,
  downloads, downloads_without_mirrors, downloads_by_installers, downloads_outside_ci
from marts.downloads_weekly
order by week, project
