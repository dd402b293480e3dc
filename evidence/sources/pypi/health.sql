-- The calendar: a year of days.
select day, project, is_tracked, is_loaded, status, origin, rows_accepted, rows_quarantined, quarantine_share
from marts.health
where day > (select max(day) from marts.health) - interval 371 day
order by day, project
