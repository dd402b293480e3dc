select day, project, columns('^downloads')
from marts.downloads_trend
order by day, project
