select week, columns('^(change_)?downloads')
from marts.portfolio_weekly
where is_whole
order by week
