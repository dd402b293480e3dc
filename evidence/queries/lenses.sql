select position, column_name as lens, label, words
from pypi.lenses
order by position
