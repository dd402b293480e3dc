"""What is shown of an error that nobody has foreseen: what was being done, and where its trace is kept."""

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipelines.cli.printing.text import plain
from pipelines.redaction import without_secrets

FOLDER = Path("data/errors")


def show_unexpected(error: Exception) -> None:
    """Print two lines to standard error; the trace goes to a file, without credentials.

    A module that stands before a package of the project is a cause that is known.
    """
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    step = next(iter(getattr(error, "__notes__", ())), None)
    doing = f"`just {command}`{f' in the step {step!r}' if step else ''}"
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("[red]Error:[/] ", end="")
    if isinstance(error, ImportError) and error.path and not _is_own(Path(error.path)):
        console.print(
            plain(f"Python has imported {error.path}, which is not the project's `{error.name}`."), markup=False
        )
        console.print("Unset PYTHONPATH, or rename that file. `just` calls Python without it.", style="bold")
        return
    console.print(plain(f"{doing} ended by an unexpected {type(error).__name__}."), markup=False)
    console.print(f"Its trace is in {_keep(error)}, without credentials: please report it.", style="bold", markup=False)


def _is_own(module: Path) -> bool:
    """Whether a module belongs to the project, its packages or Python."""
    places = (sys.prefix, sys.base_prefix, Path(__file__).parents[3])
    return any(module.resolve().is_relative_to(Path(place).resolve()) for place in places)


def _keep(error: Exception) -> Path:
    text = without_secrets("".join(traceback.format_exception(error)))
    name = f"error-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        file = FOLDER.absolute() / name
        file.write_text(text, encoding="utf-8")
    except OSError:
        file = Path(tempfile.gettempdir(), name)
        file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file
