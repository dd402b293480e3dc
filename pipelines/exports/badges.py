"""Badges for READMEs: an endpoint of shields.io for each project, with its downloads of the last whole month."""

import json
from datetime import date

from pipelines.exports import list_marts
from pipelines.exports.files import open_exported, require_marts, staged
from pipelines.exports.places import Place
from pipelines.lenses import Lens
from pipelines.warehouse import Warehouse

MARTS = ("downloads_monthly", "load_status", "project_summary")

_LAST_WHOLE_MONTH = """
    WITH last AS (
        SELECT project, MAX(month) AS month FROM marts.downloads_monthly WHERE is_whole GROUP BY project
    )
    SELECT project, month, monthly.{lens},
        comparable_since_{lens} > month, monthly.days_provisional > 0, is_demo
    FROM marts.project_summary AS summary
    CROSS JOIN marts.load_status
    LEFT JOIN last USING (project)
    LEFT JOIN marts.downloads_monthly AS monthly USING (project, month)
    ORDER BY project
"""
_MARKS = ("counting changed", "provisional", "demo data")
_UNITS = {"B": 10**9, "M": 10**6, "k": 10**3}


def write_badges(warehouse: Warehouse, lens: Lens, place: Place) -> list[str]:
    """Write `badges/PROJECT.json` for each project of the exported marts; return the projects.

    Raises:
        ExportError: nothing is exported yet, or a file cannot be written.

    """
    with open_exported(warehouse) as connection, staged(place) as stage:
        require_marts(MARTS, list_marts(connection))
        rows = connection.execute(_LAST_WHOLE_MONTH.format(lens=lens.column)).fetchall()
        for project, month, downloads, *doubts in rows:
            badge = {
                # The only version of shields.io's schema: https://shields.io/badges/endpoint-badge
                "schemaVersion": 1,
                "label": lens.badge,
                "message": _message(month, downloads)
                + "".join(f" ({mark})" for mark, applies in zip(_MARKS, doubts, strict=True) if applies),
                "color": "lightgrey" if month is None else "blue",
            }
            stage(f"badges/{project}.json").write_text(json.dumps(badge))
    return [project for project, *_ in rows]


def _message(month: date | None, downloads: int) -> str:
    """The month is named: where no later one is loaded, the number must not pass for that of last month."""
    return "no whole month yet" if month is None else f"{shorten(downloads)} in {month:%Y-%m}"


def shorten(number: int) -> str:
    """Three or four digits of it: 999, 12.3k, 4M."""
    for unit, size in _UNITS.items():
        # 999,950 is 1M, and not 1000k.
        if round(number / (size // 1000), 1) >= 1000:  # noqa: PLR2004 - a unit is a thousand of the one below
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)
