-- Hundred of each kind, those with most rows first.
select *
from marts.quality_findings
qualify row_number() over (partition by kind order by found desc, project, what) <= 100
order by kind, found desc, project, what
