"""The four ways to count downloads, as commands name them."""

from enum import StrEnum


class Lens(StrEnum):
    """Which downloads count."""

    ALL = "all"
    WITHOUT_MIRRORS = "without-mirrors"
    INSTALLERS = "installers"
    OUTSIDE_CI = "outside-ci"

    @property
    def column(self) -> str:
        """The column of the marts that counts so."""
        return _COLUMNS[self]


_COLUMNS = {
    Lens.ALL: "downloads",
    Lens.WITHOUT_MIRRORS: "downloads_without_mirrors",
    Lens.INSTALLERS: "downloads_by_installers",
    Lens.OUTSIDE_CI: "downloads_outside_ci",
}
