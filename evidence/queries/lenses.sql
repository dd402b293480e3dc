select position, column_name as lens, label, heading, words
from pypi.lenses
order by position
