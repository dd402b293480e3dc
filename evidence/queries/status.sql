select first_day, last_day, last_whole_week, projects, is_demo
from marts.load_status
