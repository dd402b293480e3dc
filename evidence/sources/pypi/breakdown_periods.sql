-- What a page ranks: the first values of each dimension, by whichever lens.
select * exclude (log_change)
from marts.breakdown_periods
where least(columns('^place_')) <= 20
order by project, period, dimension, place_downloads
