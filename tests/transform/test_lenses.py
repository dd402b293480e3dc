"""The lenses are said once, in a seed: macros, commands, documents and pages follow it."""

import csv
import shutil
from pathlib import Path

import pytest
from sqlmesh import Context
from sqlmesh.core.console import NoopConsole, set_console

from pipelines.lenses import SEED, Lens
from tests.support.installation import ROOT


def test_lenses_are_those_of_the_seed() -> None:
    """Commands know each lens of the seed, in its order, and no other."""
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [lens.value for lens in Lens] == [row["lens"] for row in rows]
    assert [lens.column for lens in Lens] == [row["column_name"] for row in rows]
    assert [row["position"] for row in rows] == [str(place) for place, _ in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    ("document", "row"),
    [
        ("README.md", "| {lens.label} | `{lens.column}` | {lens.counts} |"),
        ("evidence/pages/about.md", "| **{lens.label}** | {lens.counts} |"),
        (
            "evidence/components/lib/view.js",
            "{{ id: '{lens}', column: '{lens.column}', label: '{lens.label}', words: '{lens.words}' }}",
        ),
        ("docs/export.md", "| {lens.badge} |"),
        ("docs/alerts.md", "`{lens}`"),
    ],
)
def test_documents_name_the_lenses_as_the_seed_does(document: str, row: str) -> None:
    """Whoever lists the lenses lists all of them, in the words of the seed."""
    text = (ROOT / document).read_text()

    assert [] == [lens for lens in Lens if row.format(lens=lens) not in text]


@pytest.mark.slow
def test_reworded_lens_is_described_so_and_computes_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Descriptions follow the seed, past SQLMesh's cache, and no model counts as changed in its data."""
    monkeypatch.setenv("WAREHOUSE", ":memory:")
    set_console(NoopConsole())
    folder = tmp_path / "sqlmesh"
    shutil.copytree(ROOT / "sqlmesh", folder, ignore=shutil.ignore_patterns(".cache"))
    seed = folder / "seeds" / SEED.name
    hashes = []
    for words in ("Downloads without mirrors", "Downloads by anything but mirrors"):
        seed.write_text(seed.read_text().replace("Downloads without mirrors", words))
        context = Context(paths=[str(folder)])
        model = context.get_model("marts.downloads_daily", raise_if_missing=True)
        assert f"{words}." == (model.column_descriptions or {})["downloads_without_mirrors"]
        hashes.append({model.name: model.data_hash for model in context.models.values() if not model.kind.is_seed})
        context.close()

    assert hashes[0] == hashes[1]
