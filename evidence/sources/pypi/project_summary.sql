select *
from marts.project_summary
order by project
