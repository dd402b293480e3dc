select first_day, last_day, is_demo
from pypi.load_status
