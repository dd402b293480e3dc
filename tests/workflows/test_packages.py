"""The audits of the locked packages: their licences, and known faults."""

from datetime import date
from typing import Any

import pytest

from tests.harness import licences
from tests.harness.advisories import Advisory, of_npm_audit, of_pip_audit, open_advisories
from tests.harness.licences import Package, is_permissive, refused
from tests.support.installation import ROOT

PIP_AUDIT = {
    "dependencies": [
        {"name": "fine", "version": "1.0", "vulns": []},
        {"name": "skipped", "skip_reason": "not found"},
        {
            "name": "bad",
            "version": "2.0",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"], "description": "long"}],
        },
    ],
    "fixes": [],
}
NPM_AUDIT = {
    "vulnerabilities": {
        "uses-bad": {"severity": "high", "via": ["bad"]},
        "bad": {
            "severity": "high",
            "via": [
                {"source": 1, "url": "https://github.test/advisories/GHSA-1", "title": "Loops", "severity": "high"}
            ],
        },
    }
}


def test_no_installed_package_is_copyleft_or_commercial(capsys: pytest.CaptureFixture[str]) -> None:
    """As the packages and the site's lock say it; each exception is dated, and still needed."""
    assert licences.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("MIT", True),
        ("BSD License, Apache Software License", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-only AND (MIT OR Apache-2.0)", False),
        ("MPL-2.0", False),
        ("BUSL-1.1", False),
        ("", False),
    ],
)
def test_licence_is_judged_by_all_its_parts(licence: str, permissive: bool) -> None:  # noqa: FBT001 - a parameter
    """One of a choice is enough; a package that says nothing is not permissive."""
    assert permissive == is_permissive(licence)


def test_exception_holds_for_one_package_and_one_licence() -> None:
    """A package that changes its licence is judged again, and an exception that nothing needs is refused."""
    accepted = {"npm:one": {"licence": "MPL-2.0"}, "npm:gone": {"licence": "MPL-2.0"}}

    lines = [*refused([Package("npm", "one", "AGPL-3.0"), Package("npm", "two", "MPL-2.0")], accepted)]

    assert [line.split(". ")[0] for line in lines] == [
        "Error: npm:one has the licence 'AGPL-3.0'",
        "Error: npm:two has the licence 'MPL-2.0'",
        "Error: accepted.toml accepts npm:gone, which is not installed or has another licence",
        "Error: accepted.toml accepts npm:one, which is not installed or has another licence",
    ]


def test_known_faults_are_read_from_both_audits() -> None:
    """Each has a package and its names."""
    assert of_pip_audit(PIP_AUDIT) == [Advisory("bad 2.0", ("PYSEC-1", "CVE-1"), "fixed in 2.1")]
    assert of_npm_audit(NPM_AUDIT) == [Advisory("bad", ("GHSA-1",), "high: Loops")]


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        ({}, ["bad 2.0: PYSEC-1, CVE-1: fixed in 2.1"]),
        ({"CVE-1": {"until": date(2026, 12, 1)}}, []),
        ({"CVE-1": {"until": date(2026, 11, 27)}}, ["was accepted until 2026-11-27. Look again."]),
        ({"CVE-1": {"until": date(2026, 12, 1)}, "CVE-2": {"until": date(2026, 12, 1)}}, ["accepts CVE-2, which no"]),
    ],
)
def test_accepted_fault_passes_until_its_day(accepted: dict[str, dict[str, Any]], words: list[str]) -> None:
    """By any of its names; an exception that is over, or that nothing needs, fails."""
    lines = [*open_advisories(of_pip_audit(PIP_AUDIT), accepted, date(2026, 11, 27))]

    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True))


def test_attribution_of_the_data_is_on_every_page() -> None:
    """CC BY 4.0 asks for it: the source, its author and the licence are in the foot of the layout."""
    foot = (ROOT / "evidence" / "pages" / "+layout.svelte").read_text().split("<footer")[1]

    assert "PyPI download statistics, Python Software Foundation" in foot
    assert "https://creativecommons.org/licenses/by/4.0/" in foot
