-- A year of whole weeks.
select *
from marts.portfolio_compare
where week > (select max(week) from marts.portfolio_compare) - interval 52 week
order by week, project
