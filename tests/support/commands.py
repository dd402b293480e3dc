"""What a user can call: the commands, and the recipes of the Justfile."""

import re

import typer.main

from pipelines.cli import app
from tests.support.installation import ROOT

COMMANDS = sorted(typer.main.get_group(app).commands)
JUSTFILE = (ROOT / "Justfile").read_text()
RECIPES = re.findall(r"^([a-z]+)(?: [^:]*)?:(?:$| )", JUSTFILE, re.MULTILINE)
LISTED = re.findall(r"^# .+\n\[group: '\w+'\]\n(\w+)", JUSTFILE, re.MULTILINE)
"""The recipes that `just` lists: those with a group."""
