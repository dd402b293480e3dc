select week, project, is_whole, columns('^downloads')
from marts.downloads_weekly
order by week, project
