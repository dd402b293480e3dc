select *
from marts.portfolio_answers
order by page, project, lens
