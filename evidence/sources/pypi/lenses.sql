select *
from marts.lenses
order by position
