"""What the commands of a run printed, as Markdown for a summary or an issue."""

from pathlib import Path

from pipelines.cli.printing.text import plain
from pipelines.redaction import without_secrets

_FENCE = "~" * 8


def read_report(folder: Path) -> str:
    """The files of the folder by name: Markdown (`.md`) as it is, the others as a block of text."""
    parts = []
    for file in sorted(folder.glob("*.*")):
        # Texts of strangers are in it; a fence of theirs would end the block.
        text = plain(without_secrets(file.read_text(encoding="utf-8", errors="replace"))).strip()
        if file.suffix == ".md":
            parts.append(text)
        elif text:
            parts.append(f"### {file.stem}\n\n{_FENCE}\n{text.replace('~~~', '~ ~ ~')}\n{_FENCE}")
    return "\n\n".join(parts) or "No command of the run printed anything."
