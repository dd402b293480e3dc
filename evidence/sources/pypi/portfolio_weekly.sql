select week, days_provisional, columns('^(change_)?downloads')
from marts.portfolio_weekly
where is_whole
order by week
