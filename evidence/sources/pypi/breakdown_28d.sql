select *
from marts.breakdown_28d
order by project, dimension, value
