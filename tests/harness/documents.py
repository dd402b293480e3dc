"""Writes what the documents take from the code: the picture of the rooms, the settings, the messages of errors.

`just format` runs it, and a test compares the result with the files.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.support.installation import ROOT

DOCS = ROOT / "docs"
PIPELINES = ROOT / "pipelines"
SETTINGS = {
    "": PIPELINES / "pypi" / "settings.py",
    "clickpy": PIPELINES / "pypi" / "clickpy_settings.py",
    "releases": PIPELINES / "pypi" / "releases_settings.py",
}
"""The files of the source's settings, by the name of their section."""
_UNKNOWN, _DEPTH = "…", 8


def main() -> None:
    """Write each document again."""
    for name, text in documents().items():
        (DOCS / name).write_text(text, encoding="utf-8")


def documents() -> dict[str, str]:
    """The texts of the documents that have parts from the code, with these parts as the code is now."""
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in ("architecture.md", "settings.md")}
    rooms = f"```\n{draw_rooms()}\n```"
    texts["architecture.md"] = re.sub(
        r"```\n.*?```", lambda _found: rooms, texts["architecture.md"], count=1, flags=re.DOTALL
    )
    for section, file in SETTINGS.items():
        title = f"setting of `{section}`" if section else "setting"
        head = f"| {title} | default | meaning |\n|---|---|---|\n"
        rows = "".join(_settings_rows(section, file))
        before, _, after = texts["settings.md"].partition(head)
        rest = re.sub(r"^([|].*\n)+", "", after)
        texts["settings.md"] = f"{before}{head}{rows}{rest}"
    texts["troubleshooting.md"] = describe_errors()
    return texts


def draw_rooms() -> str:
    """The layers that import-linter checks, from top to bottom, each room with the first sentence of its docstring."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [contract] = settings["tool"]["importlinter"]["contracts"]
    layers = [layer.split(" : ") for layer in contract["layers"]]
    width = max(len(room) for rooms in layers for room in rooms)
    drawn = ["\n".join(f"  {room:{width}}  {_first_sentence(room)}" for room in rooms) for rooms in layers]
    line = "-" * (width + 4)
    return "\n".join(
        [
            "a command, the settings (.dlt/config.toml or the environment)",
            "  |",
            "  v",
            f"\n{line}\n".join(drawn),
            "  ^",
            "  |",
            "PyPI's download log: BigQuery, ClickHouse's copy, or Parquet files",
        ]
    )


def describe_errors() -> str:
    """Each message of the tree of errors, as a page: by its kind, with what is to be done."""
    kinds = dict(_kinds())
    found: dict[str, dict[str, str]] = {name: {} for name in kinds}
    constants = shared_texts()
    for file in sorted(PIPELINES.rglob("*.py")):
        for kind, message, remedy in messages_of(file, constants):
            found[kind if kind in found else "InsightsError"].setdefault(message, remedy)
    parts = [_INTRODUCTION]
    for kind, entries in found.items():
        if entries:
            rows = "\n".join(f"| {message} | {remedy} |" for message, remedy in sorted(entries.items()))
            parts.append(f"## {kind}\n\n{kinds[kind]}\n\n| message | what to do |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


_INTRODUCTION = f"""\
# Troubleshooting by message

For whoever has an error in front of them. Look for a few words of it: `{_UNKNOWN}` stands for what differs, such as a
name or a number. `just doctor` checks what a run needs, and `just doctor --report` prints what a bug report asks for.
Each message of the code is here, by its kind; `just format` writes this page.

Of an error that nobody has foreseen, the two lines on the screen name a file in `data/errors` with its trace, without
credentials. Please report it.
"""


def _settings_rows(section: str, file: Path) -> Iterator[str]:
    [spec] = [
        node
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.decorator_list
    ]
    for field, meaning in zip(spec.body, spec.body[1:], strict=False):
        if not (
            isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(meaning, ast.Expr)
        ):
            continue
        name = f"{section}.{field.target.id}" if section else field.target.id
        value = ast.literal_eval(field.value) if field.value else None
        default = "" if value is None else f"`{value}`" if isinstance(value, str) else str(value)
        text = " ".join(str(ast.literal_eval(meaning.value)).split())
        yield f"| `{name}` |{f' {default}' if default else ''} | {text} |\n"


def _first_sentence(room: str) -> str:
    file = PIPELINES / f"{room}.py"
    text = ast.get_docstring(ast.parse((file if file.exists() else PIPELINES / room / "__init__.py").read_text())) or ""
    return re.split(r"(?<=[.])\s|;", " ".join(text.split("\n\n")[0].split()))[0].rstrip(".")


def _kinds() -> Iterator[tuple[str, str]]:
    """The classes of the tree of errors, and their docstrings; also those that a room derives for itself."""
    known = {"InsightsError"}
    for file in [PIPELINES / "errors.py", *sorted(PIPELINES.rglob("*.py"))]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            bases = (
                {base.id for base in node.bases if isinstance(base, ast.Name)}
                if isinstance(node, ast.ClassDef)
                else set()
            )
            if isinstance(node, ast.ClassDef) and (node.name == "InsightsError" or bases & known):
                known.add(node.name)
                yield node.name, (ast.get_docstring(node) or "").split("\n\n")[0]


def shared_texts() -> dict[str, ast.expr]:
    """Assignments at the top of modules, by name: texts that several messages share."""
    return {
        target.id: node.value
        for file in sorted(PIPELINES.rglob("*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def messages_of(file: Path, constants: dict[str, ast.expr]) -> Iterator[tuple[str, str, str]]:
    """The kind, the message and the remedy of each error that a file makes."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    for function in [module, *functions.values()]:
        local = dict(constants)
        for node in _own_nodes(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                local[node.targets[0].id] = node.value
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                local[node.target.id] = ast.BinOp(local.get(node.target.id, node.value), ast.Add(), node.value)
            elif isinstance(node, ast.Call) and any(keyword.arg == "remedy" for keyword in node.keywords) and node.args:
                remedy = next(keyword.value for keyword in node.keywords if keyword.arg == "remedy")
                kind = node.func.id if isinstance(node.func, ast.Name) else ""
                yield kind, _cell(_text(node.args[0], local, functions)), _cell(_text(remedy, local, functions))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function in the order of the text, without those of functions in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _text(  # noqa: PLR0911 - a line for each kind of expression
    node: ast.expr | None, local: dict[str, ast.expr], functions: dict[str, ast.FunctionDef], depth: int = 0
) -> str:
    """What an expression says, with a mark for each part that is known at run time only."""
    # A name may refer to itself.
    if depth > _DEPTH:
        return _UNKNOWN
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, local, functions, depth + 1) for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name)) if isinstance(local.get(name), ast.Constant | ast.JoinedStr):
            return _text(local[name], local, functions, depth + 1)
        case ast.BinOp(left=left, right=right):
            return _text(left, local, functions, depth + 1) + _text(right, local, functions, depth + 1)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_text(body, local, functions, depth + 1)} / {_text(orelse, local, functions, depth + 1)}"
        case ast.Name(id=name) if name in local:
            return _text(local[name], local, functions, depth + 1)
        case ast.Call(func=ast.Name(id=name)) if name in functions:
            returned = [each.value for each in ast.walk(functions[name]) if isinstance(each, ast.Return)]
            return _text(returned[0], local, functions, depth + 1) if len(returned) == 1 else _UNKNOWN
    return _UNKNOWN


def _cell(text: str) -> str:
    """The text as a cell of a table, in which nothing is markup."""
    line = (
        re.sub(rf"({_UNKNOWN}\s*)+", f"{_UNKNOWN} ", " ".join(text.split()))
        .replace(f"{_UNKNOWN} .", f"{_UNKNOWN}.")
        .strip()
    )
    line = re.sub(rf"{_UNKNOWN} (?=[,.:;'\"`)\]])", _UNKNOWN, line)
    for char in "\\|<>*_[]":
        line = line if "`" in line and char in "<>*_[]" else line.replace(char, f"\\{char}")
    return line or _UNKNOWN


if __name__ == "__main__":
    main()
