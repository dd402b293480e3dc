"""The site is built when, and only when, a mart or a page has changed."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import site
from pipelines.errors import SiteError
from pipelines.export import Export


@pytest.mark.usefixtures("built_site")
def test_unchanged_site_is_not_built_again(demo_export: Export) -> None:
    """The same marts and pages need no second build."""
    assert not site.build(demo_export)


@pytest.mark.usefixtures("built_site")
def test_changed_mart_asks_for_a_build(demo_export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number in a mart does."""
    changed = replace(demo_export, digests=demo_export.digests | {"downloads_daily": "another"})
    monkeypatch.setattr("shutil.which", lambda _name: None)

    with pytest.raises(SiteError, match=r"Node\.js is missing"):
        site.build(changed)


def test_serving_without_a_site_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to serve before the first build."""
    monkeypatch.setattr(site, "_STAMP", tmp_path / "none")

    with pytest.raises(SiteError, match="no site yet"):
        site.serve(0)


def test_taken_port_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that something else serves is named, with the option that chooses another."""
    (tmp_path / "stamp").touch()
    monkeypatch.setattr(site, "_STAMP", tmp_path / "stamp")

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SiteError, match=rf"Port {port} cannot be used(.|\n)*--port"):
            site.serve(port)
