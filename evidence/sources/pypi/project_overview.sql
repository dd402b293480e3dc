select o.* exclude (log_change), s.is_tracked, s.last_day
from marts.project_overview as o
inner join marts.project_summary as s on o.project = s.project
order by o.project
