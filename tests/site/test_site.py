"""The site is built where something has changed; in a real browser it shows the marts, and asks no other host.

All that looks at the built site is in this one file: where several processes run the tests, they share its folder.
"""

import gzip
import json
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
from typing import Any, Literal

import duckdb
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect

from pipelines import site as evidence
from pipelines.errors import SiteError
from pipelines.exports import Export
from pipelines.lenses import Lens
from pipelines.site.server import SiteServer, serve
from tests.harness.forks import beside
from tests.support.cards import NONE, Mart, change, collect, differences, number, open_tools, percent, tokens
from tests.support.chromium import launch_chromium
from tests.support.installation import ROOT, Installation

DESKTOP = ViewportSize(width=1400, height=1000)
PHONE = ViewportSize(width=390, height=844)

DEFAULT = Lens.INSTALLERS
PERIOD = "13w"
PROJECT_PAGES = {
    "": "project",
    "versions/": "versions",
    "python/": "python",
    "installers/": "installers",
    "platforms/": "platforms",
    "countries/": "countries",
    "report/": "report",
}
"""Pages of a project, and what marts.answers calls them."""
SITE_PAGES = ["", "compare/", "events/", "quality/", "costs/", "about/"]
DATA_PAGES = [*SITE_PAGES[:-1], *(f"projects/PROJECT/{path}" for path in PROJECT_PAGES)]
"""Pages that show numbers of marts."""
AXE = evidence.EVIDENCE / "node_modules" / "axe-core" / "axe.min.js"
MAX_SCRIPTS = 300_000
"""Bytes of a page's scripts, gzipped."""
VALUES = "(inputs) => inputs.map((input) => input.value)"
CHOOSE = """async (chosen) => {
    for (const [name, value] of Object.entries(chosen))
        document.querySelector(`input[name="${name}"][value="${value}"]`)?.click();
    await new Promise(requestAnimationFrame);
}"""
PARAMETER = "'${params.project}'"
FOCUSED = """() => {
    const { ariaLabel, textContent, value } = document.activeElement;
    return (ariaLabel || textContent || value).trim();
}"""
CHOOSING = {"dimension", "kind", "lens", "month", "page", "period", "status", "subject"}
"""Columns whose values choose what is shown."""
HOSTILE = "<img src=x onerror=\"document.title='run'\">"

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


def test_every_project_and_no_other_has_its_pages(built_site: Path, projects: list[str]) -> None:
    """There is each page for each project of the marts, and none for a project that left them."""
    for path in PROJECT_PAGES:
        pages = built_site.glob(f"projects/*/{path}index.html")
        assert sorted(page.relative_to(built_site).parts[1] for page in pages) == projects


def test_every_page_of_every_project_opens_without_an_error(open_page: Open, marts: Query, projects: list[str]) -> None:
    """Each page of each project starts with the sentence of the mart."""
    for project in projects:
        for path in PROJECT_PAGES:
            sentence = say(marts, f"projects/{project}/{path}", Lens.OUTSIDE_CI, PERIOD)
            page = open_page(f"/projects/{project}/{path}?lens={Lens.OUTSIDE_CI}")
            expect(page.get_by_role("heading", level=1)).to_have_text(sentence)


@pytest.mark.parametrize("path", DATA_PAGES)
def test_every_number_on_every_page_is_that_of_its_mart(
    open_page: Open, marts: Query, projects: list[str], path: str
) -> None:
    """By each lens and period, each card's table has rows of its SQL on the marts, and shows no other number."""
    path = path.replace("PROJECT", projects[0])
    page = open_page(f"/{path}")
    page.wait_for_load_state("networkidle")
    lenses = [Lens(value) for value in page.locator("input[name=lens]").evaluate_all(VALUES)] or [DEFAULT]
    periods = page.locator("input[name=period]:enabled").evaluate_all(VALUES) or [PERIOD]
    open_tools(page, "SQL")
    sql = {card.title: card.sql for card in collect(page)}
    results = {title: read(marts, text, projects[0]) for title, text in sql.items()}
    open_tools(page, "Table")
    names = names_of(marts, projects[0])
    found = []
    for lens, period in [*((lens, PERIOD) for lens in lenses), *((DEFAULT, period) for period in periods)]:
        page.evaluate(CHOOSE, {"lens": lens, "period": period})
        said = " ".join((page.get_by_role("heading", level=1).text_content() or "").split())
        found += [f"{lens} {period}: says {said}"] if said != say(marts, path, lens, period) else []
        for card, (title, mart) in zip(collect(page), results.items(), strict=True):
            found += [f"{lens} {period}: {wrong} ({title})" for wrong in differences(card, mart, lens, period, names)]

    assert found == []
    assert len(results) > 0


def test_report_of_the_site_is_that_of_the_terminal(
    open_page: Open, demo_project: Installation, projects: list[str]
) -> None:
    """By the month and the lens of the address, the page has what `just report` prints."""
    for month, lens in (("2026-05", Lens.ALL), ("2026-06", Lens.OUTSIDE_CI)):
        done = demo_project.cli("report", projects[0], "--month", month, "--lens", lens, "--json")
        report = json.loads(done.stdout)
        page = open_page(f"/projects/{projects[0]}/report/?lens={lens}&month={month}")
        expect(page.get_by_role("heading", level=1)).to_have_text(report["sentence"])
        expect(page.get_by_text(report["note"])).to_be_visible()
        expect(page.locator('[data-table="counts"] tbody tr')).to_have_text(
            [
                f"{c['lens']}{number(c['downloads'])}{change(c['change'])}{change(c['change_year'])}"
                for c in report["counts"]
            ]
        )
        for dimension in ("version", "python", "installer", "system", "country"):
            shares = [share for share in report["shares"] if share["dimension"] == dimension]
            rows = page.locator(f'[data-table="report-{dimension}"] tbody tr')
            expect(rows.locator("th")).to_have_text([share["label"] for share in shares])
            expect(rows.locator("td:nth-child(2)")).to_have_text([number(share["downloads"]) for share in shares])
            expect(rows.locator("td:nth-child(3)")).to_have_text([percent(share["share"]) for share in shares])
        expect(page.locator('[data-table="report-events"] li')).to_contain_text(
            [event["sentence"] for event in report["events"]]
        )
        assert (report["python"] or "Dropping a Python") in page.inner_text("main") or not report["python"]


def test_report_is_printed_on_one_page(open_page: Open, projects: list[str]) -> None:
    """A4, upright, with its chart and without the navigation."""
    page = open_page(f"/projects/{projects[0]}/report/")
    page.wait_for_load_state("networkidle")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Site")).to_be_hidden()
    expect(page.locator(".chart svg").first).to_be_visible()
    page.emulate_media(media="screen")


def names_of(marts: Query, project: str) -> set[str]:
    """The releases of a project, and their days, which its charts mark."""
    rows = marts("SELECT what, day FROM marts.events WHERE project = ? AND kind = 'release'", project)
    return tokens(" ".join(f"{version} {in_words(day)}" for version, day in rows))


def read(marts: Query, sql: str, project: str) -> Mart:
    """The rows of a card's SQL on the marts, for the project of its page."""
    described = marts(f"DESCRIBE {sql.replace(PARAMETER, quoted(project))}")
    columns = [str(name) for name, *_ in described]
    rows = marts(sql.replace(PARAMETER, quoted(project)))
    return Mart(columns, [dict(zip(columns, row, strict=True)) for row in rows])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def say(marts: Query, path: str, lens: Lens, period: str) -> str:
    """The sentence with which the page starts, as the marts have it."""
    if path.startswith("projects/"):
        _, project, name = path.split("/", 2)
        page = PROJECT_PAGES[name]
        whole = "SELECT STRFTIME(MAX(month), '%Y-%m') FROM marts.downloads_monthly WHERE project = ? AND is_whole"
        [(month,)] = marts(whole, project)
        where = "marts.answers WHERE is_first AND project = ? AND page = ? AND lens = ? AND period = ?"
        values: tuple[str, ...] = (project, page, lens.column, month if page == "report" else period)
    else:
        where = (
            "marts.portfolio_answers LEFT JOIN marts.project_overview USING (project) WHERE page = ? "
            f"AND portfolio_answers.lens IN ('', ?) AND period IN ('', ?) ORDER BY {lens.column} DESC"
        )
        values = (path.rstrip("/") or "home", lens.column, period)
    return str(marts(f"SELECT sentence FROM {where}", *values)[0][0])


def test_pages_have_titles(open_page: Open, projects: list[str]) -> None:
    """A tab of the browser says which page it has."""
    titles = {
        "/": "PyPI downloads",
        "/compare/": "Compare",
        "/events/": "What happened",
        "/quality/": "Data quality",
        "/costs/": "Costs",
        "/about/": "About the numbers",
        f"/projects/{projects[0]}/": f"{projects[0]}: PyPI downloads",
        f"/projects/{projects[0]}/report/": f"{projects[0]}: Report",
    }
    for path, title in titles.items():
        expect(open_page(path)).to_have_title(title)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_pages_say_how_fresh_they_are(open_page: Open, marts: Query, projects: list[str], zone: str) -> None:
    """Each page names the first and the last loaded day, the same ones wherever it is read."""
    [(first, last, is_demo)] = marts("SELECT first_day, last_day, is_demo FROM marts.load_status")
    for path in ("/", f"/projects/{projects[0]}/", "/about/"):
        page = open_page(path, zone=zone)
        expect(page.get_by_role("main")).to_contain_text(
            f"Data from {in_words(first)} through {in_words(last)}, UTC days"
        )
        expect(page.get_by_text("Demo data: generated, no real package")).to_have_count(int(is_demo))


@pytest.mark.parametrize("lens", Lens)
def test_home_shows_each_project_by_each_lens(open_page: Open, marts: Query, lens: Lens) -> None:
    """The table of projects, and the sentence above it, are those of the marts by the lens."""
    page = open_page(f"/?lens={lens}")
    [(sentence,)] = marts("SELECT sentence FROM marts.portfolio_answers WHERE page = 'home' AND lens = ?", lens.column)
    rows = marts(
        f"SELECT project, {lens.column}, change_{lens.column}, latest_version, latest_share_{lens.column} "
        f"FROM marts.project_overview ORDER BY {lens.column} DESC NULLS LAST, project"
    )
    table = page.locator('[data-table="projects"]')
    expect(page.get_by_role("heading", level=1)).to_have_text(sentence)
    expect(table.locator("td.downloads")).to_have_text([number(downloads) for _, downloads, *_ in rows])
    expect(table.locator("th.project a")).to_have_text([project for project, *_ in rows])
    expect(table.locator("td.change")).to_have_text(
        [re.compile(re.escape(change(value)) + "$") for _, _, value, *_ in rows]
    )
    expect(table.locator("td.latest")).to_have_text([version or NONE for _, _, _, version, _ in rows])
    expect(table.locator("td.share")).to_have_text([percent(share) for *_, share in rows])


def test_project_that_left_the_settings_is_marked(open_page: Open, marts: Query) -> None:
    """The table says which project is no longer tracked."""
    untracked = marts("SELECT project FROM marts.project_summary WHERE NOT is_tracked")
    page = open_page("/")
    expect(page.locator("th.project", has_text="no longer tracked").locator("a")).to_have_text(
        [p for (p,) in untracked]
    )


@pytest.mark.parametrize("lens", Lens)
def test_project_page_ranks_what_the_mart_ranks(open_page: Open, marts: Query, projects: list[str], lens: Lens) -> None:
    """Its bars are the largest values of the mart, by lens and period, unknown last."""
    project = projects[0]
    page = open_page(f"/projects/{project}/?lens={lens}&period=4w")
    for dimension in ("version", "python", "installer", "country"):
        rows = marts(
            f"SELECT label, share_{lens.column} FROM marts.breakdown_periods WHERE project = ? AND dimension = ? "
            f"AND period = '4w' AND {lens.column} > 0 ORDER BY label = 'unknown', place_{lens.column}",
            project,
            dimension,
        )
        bars = page.locator(f'[data-table="{project}-{dimension}s"]'.replace("countrys", "countries"))
        known = [(label, share) for label, share in rows if label != "unknown"][:6]
        expect(bars.locator("li:not(.quiet) .value")).to_have_text([label for label, _ in known])
        expect(bars.locator("li:not(.quiet) .share")).to_have_text([percent(share) for _, share in known])


@pytest.mark.parametrize("lens", Lens)
def test_python_page_shows_what_dropping_costs(open_page: Open, marts: Query, projects: list[str], lens: Lens) -> None:
    """Each Python has the share of itself and older ones of the mart; choosing one says its sentence."""
    project = projects[0]
    page = open_page(f"/projects/{project}/python/?lens={lens}")
    rows = marts(
        f"SELECT python_minor, share_{lens.column}, drop_share_{lens.column} FROM marts.python_support "
        "WHERE project = ? AND python_order IS NOT NULL AND status <> 'prerelease' ORDER BY python_order",
        project,
    )
    table = page.locator('[data-table="support"]')
    expect(table.locator("th.version")).to_have_text([version for version, *_ in rows])
    expect(table.locator("td.own")).to_have_text([percent(share) for _, share, _ in rows])
    expect(table.locator("td.cost")).to_have_text([percent(cost) for *_, cost in rows])
    table.get_by_role("button", name=rows[-1][0]).click()
    [(sentence,)] = marts(
        "SELECT sentence FROM marts.answers "
        "WHERE project = ? AND page = 'python' AND lens = ? AND subject = ? AND period = ?",
        project,
        lens.column,
        rows[-1][0],
        PERIOD,
    )
    expect(page.get_by_role("heading", level=1)).to_have_text(sentence)
    assert f"drop={rows[-1][0]}" in page.url


def test_project_page_says_in_short_what_the_others_answer(open_page: Open, marts: Query, projects: list[str]) -> None:
    """A sentence of each page of the project and of the site, by lens and period, with a link to it."""
    page = open_page(f"/projects/{projects[0]}/?lens=all&period=4w")
    rows = marts(
        "SELECT sentence FROM marts.answers WHERE project = ? AND lens = 'downloads' AND page <> 'project' "
        "AND period = CASE WHEN page = 'report' THEN '2026-06' ELSE '4w' END AND (is_first OR subject = 'yanked') "
        "UNION ALL SELECT sentence FROM marts.portfolio_answers WHERE project = ? AND lens = 'downloads'",
        projects[0],
        projects[0],
    )
    said = page.locator('[data-table="answers"] dd').all_inner_texts()
    assert {sentence for (sentence,) in rows} <= set(said)
    assert len(said) in {len(rows), len(rows) + 1}
    page.get_by_role("link", name="Last whole month").click()
    page.wait_for_url("**/report/?lens=all&period=4w")


def test_lens_and_period_switch_without_asking_for_a_file(open_page: Open, projects: list[str]) -> None:
    """A switch runs no query and fetches nothing; it is in the address, goes along links, and survives a reload."""
    page = open_page(f"/projects/{projects[0]}/")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    # A browser looks at the icon again when the address changes.
    page.on("request", lambda request: None if request.url.endswith("/icon.svg") else asked.append(request.url))
    before = page.get_by_role("heading", level=1).inner_text()
    page.get_by_label("Outside CI", exact=True).check()
    page.get_by_label("4 weeks", exact=True).check()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(before)
    assert asked == []
    assert page.url.endswith("/?lens=outside-ci&period=4w")
    page.reload()
    expect(page.get_by_label("Outside CI", exact=True)).to_be_checked()
    page.get_by_role("link", name="Python support").click()
    page.wait_for_url("**/python/?lens=outside-ci&period=4w")


def test_table_and_sql_of_a_chart_are_one_click_away(open_page: Open, marts: Query, projects: list[str]) -> None:
    """The SQL of a card runs as it is on the exported marts."""
    page = open_page("/")
    page.get_by_role("button", name="SQL: Projects").click()
    sql = page.get_by_label("The SQL of Projects").inner_text()
    assert len(marts(sql)) == len(projects)
    page.get_by_role("button", name="Table: Projects").click()
    expect(page.get_by_role("region", name="The table of Projects").locator("tbody tr")).to_have_count(len(projects))


def test_pages_are_readable_without_scripts(site: str, browser: Browser, projects: list[str]) -> None:
    """Numbers, tables and charts are in the HTML."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/")
    expect(page.locator('[data-table="projects"] tbody tr')).to_have_count(len(projects))
    for path in PROJECT_PAGES:
        page.goto(f"{site}/projects/{projects[0]}/{path}")
        if path not in {"platforms/", "countries/"}:
            expect(page.locator(".chart svg path").first).to_be_attached()
        assert page.locator("[data-table] :is(tr, li)").count() > 3
        expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"[0-9]"))
    page.goto(f"{site}/projects/gone/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page.")
    expect(page.get_by_role("link", name="All projects")).to_have_attribute("href", "/")
    context.close()


def test_scripts_are_few_files_and_no_engine(built_site: Path, projects: list[str]) -> None:
    """A page's scripts are small, and none is in the page; the site has no database and no engine."""
    for page in (
        built_site / "index.html",
        *(built_site / "projects" / projects[0] / path / "index.html" for path in PROJECT_PAGES),
    ):
        html = page.read_text()
        scripts = {built_site / found for found in re.findall(r'"/(_app/[^"]+\.js)"', html)}
        assert re.findall(r"<script>|<script [^>]*>[^<]|\son[a-z]+=", html) == []
        assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < MAX_SCRIPTS
    assert [
        file.name for file in built_site.rglob("*") if file.suffix in {".wasm", ".duckdb", ".parquet", ".arrow"}
    ] == []


def test_hostile_values_are_text(site: str, browser: Browser, projects: list[str]) -> None:
    """Markup in any text of the marts is shown as it is, in tables, charts and their boxes, on every page."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.route("**/__data.json*", hostile)
    for start, links in (("", SITE_PAGES[1:]), (f"projects/{projects[0]}/", [*[*PROJECT_PAGES][1:], ""])):
        page.goto(f"{site}/{start}")
        for path in links:
            page.locator(f'a[href="/{start}{path}"]').first.click()
            page.wait_for_url(f"{site}/{start}{path}")
            if path != "about/":
                expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
            for chart in page.locator(".chart").all():
                chart.hover()
            for what in ("Table", "SQL"):
                open_tools(page, what)
                expect(page.locator("img[src=x]")).to_have_count(0)
            assert page.title() != "run"
    context.close()


def hostile(route: Route) -> None:
    """The data of a page, with each text in it made hostile, but those that only choose what is shown."""
    answered = route.fetch()
    body = answered.json()
    for node in body["nodes"]:
        values = (node or {}).get("data", [])
        for query in [value for value in values if isinstance(value, dict) and "columns" in value and "rows" in value]:
            columns = [values[place] for place in values[query["columns"]]]
            for row in [values[place] for place in values[query["rows"]]]:
                for place, column in enumerate(columns):
                    text = values[row[place]] if row[place] >= 0 else None
                    if isinstance(text, str) and column not in CHOOSING and not re.match(r"20\d\d-\d\d", text):
                        row[place] = len(values)
                        values.append(f"{HOSTILE}{text}")
    route.fulfill(response=answered, json=body)


def test_keyboard_reaches_everything(open_page: Open, projects: list[str]) -> None:
    """By Tab: the skip link, the site's pages, lens and period, the project's pages, and the tools of each card."""
    page = open_page(f"/projects/{projects[0]}/")
    page.wait_for_load_state("networkidle")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        seen = "getComputedStyle(document.activeElement.closest('label') ?? document.activeElement).outlineStyle"
        assert page.evaluate(seen) != "none", reached[-1]
        if reached[-1] == "installers":
            page.keyboard.press("ArrowRight")
        if reached[-1] == "13w":
            page.keyboard.press("ArrowLeft")
    assert page.url.endswith("?lens=outside-ci&period=4w")
    wanted = ["Skip to the content", "Projects", "Compare", "About the numbers", "installers", "13w"]
    wanted += ["Versions", "Report of a month", "Table: Downloads a day", "SQL: Versions"]
    places = [reached.index(label) for label in wanted]
    assert places == sorted(places)
    page.get_by_role("link", name="Report of a month", exact=True).press("Enter")
    page.wait_for_url("**/report/?lens=outside-ci&period=4w")
    page.get_by_label("Month").press("ArrowDown")
    expect(page).to_have_url(re.compile(r"month=2026-05"))


def test_links_of_pages_go_below_the_base_path() -> None:
    """A site in a folder of its host, such as GitHub Pages' /repository/, has no link to the root of the host."""
    sources = [file for folder in ("components", "pages") for file in (evidence.EVIDENCE / folder).rglob("*.*")]
    absolute = re.compile(r"""(?:href|src|action)=["'{`]+/|url\(["']?/|(?:goto|fetch|import)\(["'`]/""")
    assert [str(file) for file in sources if absolute.search(file.read_text())] == []


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; `just setup` does")
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_no_serious_violation_for_screen_readers(
    site: str, browser: Browser, projects: list[str], viewport: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    """Axe finds none on any kind of page."""
    # The policy of the pages admits no script of a test.
    context = browser.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    found = []
    for path in (*SITE_PAGES, *(f"projects/{projects[0]}/{path}" for path in PROJECT_PAGES)):
        page.goto(f"{site}/{path}")
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text())
        violations = page.evaluate("axe.run().then(found => found.violations.map(({ id, impact }) => [id, impact]))")
        found += [(path, rule) for rule, impact in violations if impact in {"serious", "critical"}]
    context.close()

    assert found == []


def test_phones_need_not_scroll_sideways(open_page: Open, projects: list[str]) -> None:
    """On a phone no page is wider than the screen."""
    for path in (*SITE_PAGES, *(f"projects/{projects[0]}/{path}" for path in PROJECT_PAGES)):
        page = open_page(f"/{path}", viewport=PHONE)
        page.wait_for_load_state("networkidle")
        widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], (path, widths)


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


def in_words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


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
