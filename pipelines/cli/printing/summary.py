"""Prints the summary at the end of a run."""

from rich.console import Console
from rich.table import Table

from pipelines.cli.printing.text import DEMO_ORIGIN, NOTHING_TO_LOAD, plain
from pipelines.costs.budget import dollars
from pipelines.load import LoadReport, say_failure
from pipelines.load.releases import ReleaseReport
from pipelines.pypi.windows import DAY
from pipelines.run import RunReport
from pipelines.warehouse import Warehouse, bookkeeping

_KPIS = """
    SELECT project, week, downloads_by_installers, change_downloads_by_installers, downloads
    FROM marts.project_summary ORDER BY downloads_by_installers DESC NULLS LAST, project
"""


def show_summary(console: Console, run: RunReport) -> None:
    """Print the load, the last whole week of each project, the site's folder, and the next commands."""
    report, recomputed = run.loaded, run.published.recomputed
    console.print()
    if report.finished_earlier:
        console.print("Finished the load of an earlier run that was interrupted.")
    console.print(_loaded(report), highlight=False, soft_wrap=True)
    _show_costs(console, report)
    for about, error in report.failures:
        console.print(say_failure(about, plain(error.what)), markup=False, soft_wrap=True)
    for remark in report.remarks:
        console.print(plain(remark), markup=False, soft_wrap=True)
    _show_rows_left(console, report)
    _show_releases(console, run.releases)
    if report.projects_without_rows:
        names = ", ".join(report.projects_without_rows)
        console.print(f"No downloads in the loaded days; check the name: {names}.", soft_wrap=True)
    if report.unknown_columns:
        fields = plain(", ".join(report.unknown_columns))
        console.print(f"Upstream fields that are not in the contract: {fields}.", markup=False, soft_wrap=True)
    if report.untracked:
        names = ", ".join(report.untracked)
        remedy = "`just forget PROJECT` removes a project."
        console.print(f"No longer in the settings, but still in the warehouse: {names}. {remedy}", soft_wrap=True)
    if recomputed:
        console.print(f"KPIs recomputed: {len(recomputed)} days, {recomputed[0]} to {recomputed[-1]}.", highlight=False)
    console.print()
    console.print(_kpis(run.warehouse))
    console.print(f"Site: {run.published.site or 'not built (--no-site)'}")
    serve = "`just serve` shows the site, " if run.published.site else ""
    console.print(f"Next: {serve}`just plan` reviews a changed model, `just dashboard` shows the load.", soft_wrap=True)


def _show_costs(console: Console, report: LoadReport) -> None:
    if report.at_most:
        forecast = f"expected were {dollars(report.expected)}, at most {dollars(report.at_most)}"
        console.print(f"Billed {dollars(report.spent)}; {forecast}.", highlight=False)
    for probe, loaded in report.recounted:
        what = f"{probe.window} had {probe.rows:,} rows when it was probed, and {loaded:,} when it was loaded"
        console.print(f"{what}: that day is still being filled. Load it again later (`lag_days`).", soft_wrap=True)


def _show_rows_left(console: Console, report: LoadReport) -> None:
    """Print which rows were not loaded, and which were kept though upstream no longer has them."""
    if report.quarantined:
        console.print(f"{report.quarantined:,} rows failed the contract; `just quarantine` shows why.")
    if report.rows_without_day:
        rows = f"{report.rows_without_day:,} rows"
        console.print(f"{rows} upstream have no timestamp, or one from the future, and were not loaded.")
    for project, days in report.gone_days.items():
        first = min(days)
        what = f"Kept {len(days)} days of {project} whose files are gone, first {first} of {plain(days[first])}."
        console.print(what, markup=False, soft_wrap=True)


def _show_releases(console: Console, report: ReleaseReport) -> None:
    """Print whose releases the index has not given, why, and since when; and which files failed the contract."""
    pages: dict[str, list[str]] = {}
    for page in report.failures:
        of_when = f"{page.project} as of {page.fetched_at:%Y-%m-%d}" if page.fetched_at else f"{page.project} not known"
        pages.setdefault(page.failure or "", []).append(of_when)
    for failure, projects in pages.items():
        what = f"Releases: {', '.join(projects)}. {plain(failure)}"
        console.print(what, highlight=False, markup=False, soft_wrap=True)
    if report.rejected:
        console.print(f"{report.rejected:,} files of releases failed the contract; `just quarantine` says why.")


def _loaded(report: LoadReport) -> str:
    if not report.windows:
        return "Nothing was loaded." if report.failures else NOTHING_TO_LOAD
    start = min(window.start for window in report.windows)
    end = max(window.end for window in report.windows)
    projects = len({window.project for window in report.windows})
    rows = f"{report.accepted:,} rows accepted, {report.quarantined:,} quarantined"
    again = f" {report.changed_days} days again, as their files are new or have changed." if report.changed_days else ""
    return f"Loaded {start} to {end - DAY} of {projects} projects: {rows}.{again}"


def _kpis(warehouse: Warehouse) -> Table:
    origin = DEMO_ORIGIN if "demo" in bookkeeping.origins(warehouse) else ""
    table = Table(title=f"Last whole week{origin}", title_justify="left")
    # Folded where the terminal is narrow: a number that is cut would be another number.
    table.add_column("project", overflow="fold")
    for heading in ("week of", "by installers", "change", "all downloads"):
        table.add_column(heading, justify="right", overflow="fold")
    for project, week, installers, change, downloads in warehouse.query(_KPIS):
        cells = (
            (str(week), f"{installers:,}", "" if change is None else f"{change:+.1%}", f"{downloads:,}")
            if week
            else ("none yet", "", "", "")
        )
        table.add_row(project, *cells)
    return table
