select *
from marts.load_status
