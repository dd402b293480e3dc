select * exclude (log_change)
from marts.breakdown_28d
order by project, dimension, value
