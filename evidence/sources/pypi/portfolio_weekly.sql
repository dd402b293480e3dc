select
  week,
  downloads, downloads_without_mirrors, downloads_by_installers, downloads_outside_ci,
  change_downloads, change_downloads_without_mirrors, change_downloads_by_installers, change_downloads_outside_ci
from marts.portfolio_weekly
where is_whole
order by week
