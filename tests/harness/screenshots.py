"""Writes every page of the built site, on a desktop, a phone and in the dark, as pictures and as one contact sheet."""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, ViewportSize

from pipelines import site
from pipelines.site.server import SiteServer, base_path
from tests.support.chromium import launch_chromium

FOLDER = site.EVIDENCE.parent / "data" / "screenshots"
DESKTOP = ViewportSize(width=1400, height=900)
PHONE = ViewportSize(width=390, height=844)
LOOKS = {"desktop": (DESKTOP, "light"), "phone": (PHONE, "light"), "dark": (DESKTOP, "dark")}
THUMBNAIL = 460


def main() -> None:
    """`just screenshots [--project NAME] [--query ?lens=all] [--only TEXT] [--folder FOLDER]`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="", help="whose pages; by default the first one of the home page")
    parser.add_argument("--query", default="", help="what the address chooses, such as ?lens=outside-ci&period=4w")
    parser.add_argument("--only", default="", help="only pages whose path contains this")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    # The server's log of requests.
    with redirect_stderr(StringIO()), serving() as address, launch_chromium() as browser:
        pages = [page for page in list_pages(site.BUILD, asked.project) if asked.only in page]
        for look in LOOKS:
            shoot(browser, look, {page: f"{address}{page}{asked.query}" for page in pages}, asked.folder)
        write_sheet(browser, pages, asked.folder)
    sys.stdout.write(f"{asked.folder / 'sheet.png'}\n")


def list_pages(build: Path, project: str) -> list[str]:
    """The addresses of the built pages; of projects only those of `project`, or of the first one on the home page."""
    folders = sorted(file.parent.relative_to(build).as_posix() for file in build.rglob("index.html"))
    first = re.search('/projects/([^/"]+)/"', (build / "index.html").read_text(encoding="utf-8"))
    chosen = project or (first[1] if first else "")
    shown = [f for f in folders if not f.startswith("projects/") or f.split("/")[1] == chosen]
    return ["" if folder == "." else f"{folder}/" for folder in shown]


def shoot(browser: Browser, look: str, pages: dict[str, str], folder: Path) -> None:
    viewport, scheme = LOOKS[look]
    context = browser.new_context(viewport=viewport, color_scheme="dark" if scheme == "dark" else "light")
    tab = context.new_page()
    for page, address in pages.items():
        tab.goto(address)
        tab.wait_for_load_state("networkidle")
        tab.screenshot(path=folder / name(page, look), full_page=True)
    context.close()


def write_sheet(browser: Browser, pages: list[str], folder: Path) -> None:
    """All pictures on one, a row a page."""
    cells = "".join(
        f"<tr><th>/{page}</th>"
        + "".join(f'<td><img src="{(folder / name(page, look)).as_uri()}"></td>' for look in LOOKS)
        + "</tr>"
        for page in pages
    )
    style = f"img{{width:{THUMBNAIL}px}}td,th{{vertical-align:top;padding:8px;font:14px sans-serif}}"
    html = folder / "sheet.html"
    html.write_text(f"<style>{style}</style><table>{cells}</table>")
    tab = browser.new_page(viewport=ViewportSize(width=4 * THUMBNAIL, height=1000))
    tab.goto(html.as_uri())
    tab.screenshot(path=folder / "sheet.png", full_page=True)
    tab.close()


def name(page: str, look: str) -> str:
    return f"{page.strip('/').replace('/', '-') or 'home'}-{look}.png"


@contextmanager
def serving() -> Iterator[str]:
    server = SiteServer(0, site.BUILD, base_path())
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.address
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
