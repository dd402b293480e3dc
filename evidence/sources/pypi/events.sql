select *
from marts.events
order by project, first_day desc, lens, kind, what
