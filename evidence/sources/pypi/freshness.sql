select *
from marts.freshness
order by project
