select *
from (
  values
    (1, 'downloads', 'All', 'All downloads'),
    (2, 'downloads_without_mirrors', 'Without mirrors', 'Downloads without mirrors'),
    (3, 'downloads_by_installers', 'By installers', 'Downloads by installers'),
    (4, 'downloads_outside_ci', 'Outside CI', 'Downloads by installers outside CI')
) as lenses (position, lens, label, words)
order by position
