"""The site is built where something has changed; in a real browser it shows the marts, and asks no other host.

All that looks at the built site is in this one file: where several processes run the tests, they share its folder.
"""

import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from pipelines import site as evidence
from pipelines.errors import SiteError
from pipelines.exports import Export
from pipelines.lenses import Lens
from pipelines.site.server import SiteServer, serve
from tests.harness.forks import beside
from tests.support.chromium import launch_chromium
from tests.support.installation import ROOT, Installation

DESKTOP = ViewportSize(width=1400, height=1000)
PHONE = ViewportSize(width=390, height=844)

# Column of the marts: its button and its words in titles.
LENSES = {lens.column: (lens.label, lens.words) for lens in Lens}
DEFAULT = "downloads_by_installers"
# Dimension of the mart: its table on the page.
BREAKDOWNS = {
    "version": "versions",
    "python": "pythons",
    "installer": "installers",
    "country": "countries",
    "system": "systems",
    "file_type": "file_types",
}
ROWS_A_PAGE = 10
# The page's own engine is 34 MB of WebAssembly: its first answer may take a while.
ENGINE_MS = 60_000

Query = Callable[..., list[tuple[Any, ...]]]
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def site(built_site: Path) -> Iterator[str]:
    """The address of a server of the built site."""
    assert built_site == evidence.BUILD
    server = SiteServer(0, built_site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=ENGINE_MS)
    with launch_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def problems() -> list[str]:
    """Errors of pages, and requests to other hosts, since a test began."""
    return []


@pytest.fixture(scope="module")
def tabs(site: str, browser: Browser, problems: list[str]) -> Iterator[Open]:
    """Opens a page of the site in the one tab of its size and zone, which keeps the engine that it has compiled."""
    pages: dict[tuple[int, str], Page] = {}

    def open_page(path: str, viewport: ViewportSize = DESKTOP, zone: str = "UTC") -> Page:
        key = (viewport["width"], zone)
        if key not in pages:
            pages[key] = watched(browser.new_context(viewport=viewport, timezone_id=zone), site, problems).new_page()
        pages[key].goto(site + path)
        return pages[key]

    yield open_page
    for page in pages.values():
        page.context.close()


def watched(context: BrowserContext, site: str, problems: list[str]) -> BrowserContext:
    """The context, which writes down what goes wrong in it."""
    context.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda raised: problems.append(str(raised.error)))
    context.on("response", lambda got: problems.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((f"{site}/", f"blob:{site}/", "data:"))
            else problems.append(f"asked another host: {request.url}")
        ),
    )
    return context


@pytest.fixture
def open_page(tabs: Open, problems: list[str]) -> Iterator[Open]:
    """Opens a page of the site; the test fails on any error of a page, and on any request to another host."""
    problems.clear()
    yield tabs
    assert problems == []


@pytest.fixture(scope="module")
def marts(exported_marts: Path) -> Iterator[Query]:
    """Asks the file from which the site was built."""
    with duckdb.connect(exported_marts, read_only=True) as connection:
        yield lambda sql, *parameters: connection.execute(sql, parameters).fetchall()


@pytest.fixture(scope="module")
def projects(marts: Query) -> list[str]:
    return [name for (name,) in marts("SELECT project FROM marts.project_summary ORDER BY project")]


@pytest.fixture(scope="module")
def labels(marts: Query) -> dict[str, str]:
    """What the home page calls each project."""
    rows = marts("SELECT project, is_tracked FROM marts.project_summary")
    return {project: project if is_tracked else f"{project} (no longer tracked)" for project, is_tracked in rows}


def test_every_project_and_no_other_has_a_page(built_site: Path, projects: list[str]) -> None:
    """There is one page for each project of the marts, and none for a project that left them."""
    assert sorted(page.parent.name for page in built_site.glob("projects/*/index.html")) == projects


def test_every_page_opens_without_an_error(open_page: Open, projects: list[str]) -> None:
    """Each page has its own title, no failed query, no console error and no request to another host."""
    titles = {"/": "PyPI downloads", "/about/": "How to read the numbers"} | {
        f"/projects/{project}/": f"{project}: PyPI downloads" for project in projects
    }
    for path, title in titles.items():
        page = open_page(path)
        page.wait_for_load_state("networkidle")
        expect(page).to_have_title(title)
        expect(page.get_by_text(re.compile("Error|is empty"))).to_have_count(0)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
def test_pages_say_how_fresh_they_are(open_page: Open, marts: Query, projects: list[str], zone: str) -> None:
    """Each page names the first and the last loaded day, the same ones wherever it is read."""
    [(first, last)] = marts("SELECT first_day, last_day FROM marts.load_status")
    for path in ("/", f"/projects/{projects[0]}/", "/about/"):
        expect(article(open_page(path, zone=zone))).to_contain_text(
            f"Data from {in_words(first)} through {in_words(last)} (UTC days)."
        )


def test_demo_data_is_announced_and_only_demo_data(open_page: Open, marts: Query, projects: list[str]) -> None:
    """Each page with numbers says that they are generated, if and only if they are."""
    [(is_demo,)] = marts("SELECT is_demo FROM marts.load_status")
    for path in ("/", f"/projects/{projects[0]}/"):
        expect(open_page(path).get_by_text("These numbers are generated.")).to_have_count(int(is_demo))


def test_page_of_a_project_that_left_the_settings_says_so(open_page: Open, marts: Query) -> None:
    """Its page names the last download, and the page of a tracked project has no such note."""
    rows = marts("SELECT project, is_tracked, last_day FROM marts.project_summary ORDER BY is_tracked, project")
    assert [is_tracked for _, is_tracked, _ in rows] == [False, True, True, True]
    for project, is_tracked, last_day in rows[:2]:
        page = open_page(f"/projects/{project}/")
        drawn(page)
        note = page.get_by_text(f"No longer tracked. Last download that was loaded: {in_words(last_day)}")
        expect(note).to_have_count(int(not is_tracked))


def test_home_shows_the_last_whole_week_of_all_projects(open_page: Open, marts: Query) -> None:
    """The home page shows the portfolio's last whole week by each lens, with its change."""
    [week] = marts("SELECT * FROM marts.portfolio_weekly WHERE is_whole ORDER BY week DESC LIMIT 1")
    expect_week(open_page("/"), named(marts, "portfolio_weekly", week))


def test_home_shows_each_project_by_each_lens(open_page: Open, marts: Query, labels: dict[str, str]) -> None:
    """The table of projects starts by installers, and each lens fills it with that lens's columns."""
    page = open_page("/")
    for lens in (DEFAULT, *LENSES):
        choose(page, lens)
        rows = marts(
            f"SELECT project, {lens}, previous_{lens}, change_{lens} FROM marts.project_summary "
            f"ORDER BY {lens} DESC NULLS LAST, project"
        )
        names, downloads, previous, changes = zip(*rows, strict=True)
        table = page.get_by_test_id("DataTable-projects")
        expect(table).to_contain_text(f"{LENSES[lens][1]}, last whole week")
        expect(column(table, 2)).to_have_text([number(n) for n in downloads])
        expect(column(table, 1)).to_have_text([labels[name] for name in names])
        expect(column(table, 3)).to_have_text([number(n) for n in previous])
        for shown, change in zip(column(table, 4).all_inner_texts(), changes, strict=True):
            assert_percent(shown, change)


def test_home_leads_to_each_project(open_page: Open, labels: dict[str, str]) -> None:
    """A click on a project opens its page, and the page leads back."""
    page = open_page("/")
    drawn(page)
    for project, label in labels.items():
        page.get_by_test_id("DataTable-projects").get_by_role("link", name=label, exact=True).click()
        expect(page.get_by_role("heading", name=project, level=1)).to_be_visible()
        page.get_by_role("link", name="All projects").click()
        expect(page.get_by_test_id("DataTable-projects")).to_be_visible()


def test_project_pages_show_the_last_whole_week(open_page: Open, marts: Query, projects: list[str]) -> None:
    """A project's page shows its last whole week by each lens, or says that there is none."""
    for project in projects:
        [row] = marts("SELECT * FROM marts.project_summary WHERE project = ?", project)
        week = named(marts, "project_summary", row)
        page = open_page(f"/projects/{project}/")
        if week["week"] is None:
            expect(article(page)).to_contain_text("No week is whole yet.")
        else:
            expect_week(page, week)


def test_project_pages_break_down_the_last_28_days(open_page: Open, marts: Query, projects: list[str]) -> None:
    """Each breakdown of a project starts by installers, and its largest values are the mart's."""
    for project in projects:
        expect_breakdowns(open_page(f"/projects/{project}/"), marts, project, DEFAULT)


def test_lens_changes_every_breakdown(open_page: Open, marts: Query, projects: list[str]) -> None:
    """Choosing a lens fills each breakdown of a project with that lens's columns and names it."""
    page = open_page(f"/projects/{projects[0]}/")
    for lens in LENSES:
        choose(page, lens)
        expect_breakdowns(page, marts, projects[0], lens)


def test_phones_need_not_scroll_sideways(open_page: Open, projects: list[str]) -> None:
    """On a phone no page is wider than the screen, and nothing is cut off at its edge."""
    for path in ("/", "/about/", *(f"/projects/{project}/" for project in projects)):
        page = open_page(path, viewport=PHONE)
        if not path.startswith("/about"):
            drawn(page)
        widths = page.evaluate(
            "[document.documentElement, document.querySelector('main')].map(e => [e.scrollWidth, e.clientWidth])"
        )
        assert [scroll <= client for scroll, client in widths] == [True, True], (path, widths)


@pytest.mark.usefixtures("built_site")
def test_unchanged_site_is_not_built_again(demo_export: Export) -> None:
    """The same marts and pages need no second build."""
    assert not evidence.build(demo_export)


@pytest.mark.usefixtures("built_site")
def test_changed_mart_asks_for_a_build(demo_export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number in a mart does."""
    changed = replace(demo_export, digests=demo_export.digests | {"downloads_daily": "another"})
    monkeypatch.setattr("shutil.which", lambda _name: None)

    with pytest.raises(SiteError, match=r"Node\.js is missing"):
        evidence.build(changed)


@pytest.mark.parametrize("damage", ["missing", "cut", "no stamp", "folder for the stamp"])
def test_damaged_site_asks_for_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """A page that is missing or cut does, and a stamp that cannot be read."""
    exported, folder = Export(tmp_path, {"mart": "digest"}, changed=False), tmp_path / "build"
    folder.mkdir()
    (folder / "index.html").write_text("<html></html>")
    monkeypatch.setattr(evidence, "BUILD", folder)
    monkeypatch.setattr(evidence, "STAMP_FILE", folder / ".stamp")
    (folder / ".stamp").write_text(f"{evidence._compute_stamp(exported)} {evidence._digest_build()}")
    assert not evidence.build(exported)
    if damage in {"missing", "cut"}:
        (folder / "index.html").unlink() if damage == "missing" else (folder / "index.html").write_text("")
    else:
        (folder / ".stamp").unlink()
        if damage == "folder for the stamp":
            (folder / ".stamp").mkdir()
    monkeypatch.setattr("shutil.which", lambda _name: None)

    with pytest.raises(SiteError, match=r"Node\.js is missing"):
        evidence.build(exported)


def test_serving_without_a_site_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to serve before the first build."""
    monkeypatch.setattr(evidence, "STAMP_FILE", tmp_path / "none")

    with pytest.raises(SiteError, match="no site yet"):
        serve(0, print)


def test_taken_port_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that something else serves is named, with the option that chooses another, and no address is shown."""
    (tmp_path / "stamp").touch()
    monkeypatch.setattr(evidence, "STAMP_FILE", tmp_path / "stamp")

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        shown: list[str] = []
        with pytest.raises(SiteError, match=rf"Port {port} cannot be used(.|\n)*--port"):
            serve(port, shown.append)

    assert [] == shown


def test_site_is_served_beside_a_busy_file(demo_project: Installation, built_site: Path) -> None:
    """The site is made of exported files, so it is shown whoever holds the warehouse."""
    assert (built_site / "index.html").exists()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    serve = [sys.executable, "-u", "-m", "pipelines", "serve", "--port", port]

    with (
        beside(duckdb.connect, str(demo_project.file)),
        subprocess.Popen(
            serve, cwd=ROOT, env=os.environ | demo_project.environment, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
        finally:
            server.kill()

    assert f"http://127.0.0.1:{port}" in said


def article(page: Page) -> Locator:
    return page.get_by_role("article")


def column(table: Locator, position: int) -> Locator:
    """The cells of a table's column, from 1."""
    return table.locator(f"td:nth-child({position})")


def drawn(page: Page) -> None:
    """Wait for a chart: before, the page looks ready but does not respond."""
    page.locator(".chart-container canvas").first.wait_for(timeout=ENGINE_MS)


def choose(page: Page, lens: str) -> None:
    button, words = LENSES[lens]
    drawn(page)
    page.get_by_role("button", name=button, exact=True).click()
    # A chart's title is drawn on its canvas; a table's title and a section's line are text.
    expect(article(page)).to_contain_text(re.compile(f"{words}, (last whole week|from)"))


def expect_week(page: Page, week: dict[str, Any]) -> None:
    """The page's four cards are the row of the mart."""
    expect(article(page)).to_contain_text(f"the week of {in_words(week['week'])}")
    cards = page.get_by_test_id("last-whole-week").locator(":scope > *")
    expect(cards).to_have_count(len(LENSES))
    for card, lens in zip(cards.all(), LENSES, strict=True):
        expect(card).to_contain_text(number(week[lens]))
        if week[f"change_{lens}"] is not None:
            assert_percent(card.inner_text().splitlines()[-1], week[f"change_{lens}"])


def expect_breakdowns(page: Page, marts: Query, project: str, lens: str) -> None:
    """The first rows of the page's tables are the mart's largest values."""
    for dimension, query in BREAKDOWNS.items():
        rows = marts(
            f"SELECT value, {lens}, share_{lens} FROM marts.breakdown_periods "
            f"WHERE period = '4w' AND project = ? AND dimension = ? AND {lens} > 0 "
            f"ORDER BY {lens} DESC, value LIMIT {ROWS_A_PAGE}",
            project,
            dimension,
        )
        table = page.get_by_test_id(f"DataTable-{query}")
        expect(column(table, 2)).to_have_text([number(n) for _, n, _ in rows])
        expect(column(table, 1)).to_have_text([value for value, _, _ in rows])
        for shown, (_, _, share) in zip(column(table, 3).all_inner_texts(), rows, strict=True):
            assert_percent(shown, share)


def named(marts: Query, mart: str, row: tuple[Any, ...]) -> dict[str, Any]:
    columns = marts("SELECT name FROM pragma_table_info(?) ORDER BY cid", f"marts.{mart}")
    return {name: value for (name,), value in zip(columns, row, strict=True)}


def number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def assert_percent(shown: str, fraction: float | None) -> None:
    """The text is the fraction as a percentage with one decimal; a drop has a minus or an arrow down."""
    found = re.search(r"(-?[0-9,]+\.[0-9])%", shown)
    if fraction is None:
        assert found is None
        return
    assert found is not None, shown
    assert abs(float(found[1].replace(",", ""))) == pytest.approx(abs(fraction) * 100, abs=0.0501)
    if fraction <= -0.001:
        assert "-" in shown or "▼" in shown


def test_browser_that_goes_away_is_no_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that is reset in the middle of a file prints no stack trace."""
    tmp_path.joinpath("large").write_bytes(bytes(50_000_000))
    server = SiteServer(0, tmp_path)
    # So that closing it waits for its answers.
    server.daemon_threads = False
    Thread(target=server.serve_forever).start()

    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n")
        connection.recv(1000)
    server.shutdown()
    server.server_close()

    printed = capfd.readouterr().err
    assert "GET /large" in printed
    assert "Traceback" not in printed
