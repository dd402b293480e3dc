"""The colours of the pages can be told apart by people who see no red, no green or no blue."""

import math
import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

CSS = Path("evidence/components/lib/site.css")
LENSES = ["c-all", "c-without-mirrors", "c-installers", "c-outside-ci", "c-ci"]
PARTS = [f"part-{place}" for place in range(6)]
BANDS = ["provisional", "incident", "changed", "missing"]
AGES = [f"age-{place}" for place in range(11)]
PAIRS = {
    "lines": (11, [*combinations(LENSES, 2), *combinations(PARTS, 2)]),
    "bands of days": (8, list(combinations(BANDS, 2))),
    "layers": (8, list(pairwise(AGES))),
}

Matrix = tuple[tuple[float, float, float], ...]
# Machado, Oliveira and Fernandes 2009, severity 1.0: https://doi.org/10.1109/TVCG.2009.113
SIGHT: dict[str, Matrix] = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
# From linear sRGB to XYZ, by the white of D65.
XYZ: Matrix = ((0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0178, 0.1095, 0.8730))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_one_chart_differ(theme: str, sight: str) -> None:
    """Lines, bands and layers beside each other are far enough apart in CIELAB."""
    colours = read_colours(theme)
    close = [
        (what, one, other, round(distance))
        for what, (least, pairs) in PAIRS.items()
        for one, other in pairs
        if (distance := math.dist(see(colours[one], SIGHT[sight]), see(colours[other], SIGHT[sight]))) < least
    ]

    assert close == []


def read_colours(theme: str) -> dict[str, str]:
    """The variables of a theme, of which the dark one changes some."""
    light, dark = CSS.read_text(encoding="utf-8").split("[data-theme='dark']")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark.split("}")[0])) if theme == "dark" else found


def see(colour: str, sight: Matrix) -> tuple[float, ...]:
    """The colour in CIELAB, as somebody with this sight sees it."""
    linear = [to_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5)]
    x, y, z = (to_lightness(value) for value in times(XYZ, [min(max(v, 0), 1) for v in times(sight, linear)]))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def times(matrix: Matrix, vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def to_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def to_lightness(value: float) -> float:
    return float(value ** (1 / 3)) if value > 0.008856 else 7.787 * value + 16 / 116
