"""Checks the licences of all that `just setup` installs: none is copyleft or commercial, by what the packages say.

Exceptions are in requirements/accepted.toml, each with the day on which somebody has looked, and why.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from tests.support.installation import ROOT

ACCEPTED = ROOT / "requirements" / "accepted.toml"
PERMISSIVE = {
    "0BSD",
    "AFL-2.1",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "Zlib",
}
"""Licences by their SPDX names that ask for no more than their text."""
_OTHER_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "DFSG approved": "MIT",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Public Domain": "CC0-1.0",
    "Python Software Foundation License": "PSF-2.0",
}


@dataclass(frozen=True)
class Package:
    """A package, `npm` or `python`, and its licence as it says itself; an empty one if it says none."""

    kind: str
    name: str
    licence: str


def main() -> int:
    """Print the licences and how many packages have each; return 1 if one is not permissive, and not accepted."""
    packages = [*python_packages((ROOT / "requirements" / "dev.txt").read_text()), *npm_packages()]
    accepted = tomllib.loads(ACCEPTED.read_text())["licences"]
    counts: dict[str, int] = {}
    for package in packages:
        counts[package.licence] = counts.get(package.licence, 0) + 1
    for licence, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:5} {licence or 'none stated'}")
    faults = [*refused(packages, accepted)]
    print(
        "\n".join(["", *faults])
        if faults
        else f"\n{len(packages)} packages: permissive, or accepted in {ACCEPTED.name}."
    )
    return 1 if faults else 0


def refused(packages: list[Package], accepted: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A line for each package that is neither permissive nor accepted with its licence, and each idle exception."""
    used = set()
    for package in packages:
        key = f"{package.kind}:{package.name}"
        if key in accepted and accepted[key]["licence"] == package.licence:
            used.add(key)
        elif not is_permissive(package.licence):
            yield f"Error: {key} has the licence {package.licence!r}. Leave it out, or accept it in {ACCEPTED.name}."
    for key in sorted(set(accepted) - used):
        yield f"Error: {ACCEPTED.name} accepts {key}, which is not installed or has another licence. Remove it."


def is_permissive(licence: str) -> bool:
    """Whether an SPDX expression, or the older name of a licence, asks for no more than its text.

    Of a choice one has to be permissive; of a mixture of choices and parts, all.
    """
    names = [name.strip() for name in re.split(r" AND | OR |, ", licence.replace("(", "").replace(")", ""))]
    verdicts = [_OTHER_NAMES.get(name, name) in PERMISSIVE for name in names]
    if licence in _OTHER_NAMES:
        return True
    return any(verdicts) if " OR " in licence and " AND " not in licence else all(verdicts)


def python_packages(lock: str) -> Iterator[Package]:
    """The packages of a lock that are installed here; others are for other systems."""
    for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE):
        try:
            yield Package("python", name, _licence(metadata(name)))
        except PackageNotFoundError:
            continue


def npm_packages() -> Iterator[Package]:
    """The packages of the site's lock."""
    lock = json.loads((ROOT / "evidence" / "package-lock.json").read_text())
    for path, package in lock["packages"].items():
        if path:
            yield Package("npm", path.rpartition("node_modules/")[2], str(package.get("license", "")))


def _licence(package: PackageMetadata) -> str:
    if "License-Expression" in package:
        return package["License-Expression"]
    classifiers = [str(text).split(" :: ")[-1] for text in package.get_all("Classifier") or [] if "License ::" in text]
    named = [name for name in classifiers if name != "OSI Approved"]
    [text, *_] = package.get_all("License") or [""]
    return ", ".join(named) or (text if "\n" not in text else "")


if __name__ == "__main__":
    sys.exit(main())
