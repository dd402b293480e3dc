select *
from marts.answers
order by project, page, subject, lens, period
