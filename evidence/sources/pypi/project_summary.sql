select * exclude (log_change)
from marts.project_summary
order by project
