"""A lake in a folder as a branch of one commit: the state of runs on machines that keep nothing, as GitHub's.

The branch has the lake's files and no history, so that a repository grows by what a day adds, and not by its copies.
"""

import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlt.destinations.impl.filesystem.filesystem import INIT_FILE_NAME

from pipelines.errors import LakeError
from pipelines.lake import DATASET, LEDGER, MANIFEST, RELEASES, Lake
from pipelines.lake.files import SCHEMAS, key_of, table_of
from pipelines.pypi.days import CommittedDay
from pipelines.redaction import without_secrets

REMOTE, BRANCH = "origin", "state"
TOKEN_VARIABLE = "GITHUB_TOKEN"  # noqa: S105 - a name
AUTHOR = {"NAME": "github-actions[bot]", "EMAIL": "41898282+github-actions[bot]@users.noreply.github.com"}
_FETCHED = "refs/state/fetched"
"""The commit that the lake was fetched from; only while the branch is this one, it is replaced."""
_FILES = re.compile(
    rf"100644 blob [0-9a-f]+\t{DATASET}/(?:{INIT_FILE_NAME}|(?:(?:{'|'.join(SCHEMAS)})/day=\d{{4}}-\d\d-\d\d/[a-z0-9-]+"
    rf"|(?P<table>{MANIFEST}|{LEDGER}|{RELEASES})/(?P=table))[.]parquet)"
)
_NO_BRANCH = 2
"""The exit code of `git ls-remote --exit-code` where the remote answers, and has no such branch."""
_REPLACE = (
    f"To begin anew, remove the branch: `git push {REMOTE} --delete {BRANCH}`. The next run loads all days again from "
    "upstream."
)


def fetch_lake(lake: Lake) -> bool:
    """Fill the lake's folder from the branch of the repository in which the command runs; `False` if there is none.

    Raises:
        LakeError: the remote does not answer, the folder is a lake already, or the branch lacks files, or has others.

    """
    if lake.manifest():
        what = f"The lake {lake.name!r} is filled already: {lake.url}. It is not replaced by the branch {BRANCH!r}."
        raise LakeError(what, remedy="Move that folder away, or leave it out and run `just run`.")
    _git("update-ref", "-d", _FETCHED)
    if not _git("ls-remote", "--exit-code", REMOTE, f"refs/heads/{BRANCH}", accept=[0, _NO_BRANCH]):
        return False
    _git("fetch", "--quiet", "--no-tags", "--depth", "1", REMOTE, f"+refs/heads/{BRANCH}:{_FETCHED}")
    entries = _entries(_FETCHED)
    foreign = [entry for entry in entries if not _FILES.fullmatch(entry)]
    if foreign:
        path = foreign[0].split("\t")[-1]
        what = f"The branch {BRANCH!r} is not a lake that a run has saved: it has {path}. Nothing was changed."
        raise LakeError(what, remedy=_REPLACE)
    _at_folder(lake, ["read-tree", _FETCHED], ["checkout-index", "--all", "--force"])
    present = {entry.split("\t")[-1] for entry in entries}
    listed = (f"{DATASET}/{table_of(day)}/{key_of(day)}.parquet" for day in lake.manifest())
    if lost := next((path for path in listed if path not in present), None):
        what = f"The branch {BRANCH!r} was cut: its manifest lists {lost}, which is not there. Nothing was loaded."
        raise LakeError(what, remedy=_REPLACE)
    return True


def require_own(days: Collection[CommittedDay], projects: Collection[str]) -> None:
    """Raise `LakeError` if the fetched lake has no day, or days of none of the projects: another fork's."""
    held = sorted({day.project for day in days})
    if not held:
        what = f"The branch {BRANCH!r} has no manifest, or one without a day: it was cut."
        raise LakeError(what, remedy=_REPLACE)
    if not {*held} & {*projects}:
        what = f"The branch {BRANCH!r} holds days of {', '.join(held)}, and of no project that is counted here."
        remedy = f"If a fork brought it along, or all projects were exchanged, it is of no use. {_REPLACE}"
        raise LakeError(what, remedy=remedy)


def save_lake(lake: Lake) -> bool:
    """Replace the branch by one commit of the lake's files; `False` if it has these files, or the lake none.

    Raises:
        LakeError: another run has replaced the branch meanwhile, or the remote refuses.

    """
    if not lake.manifest():
        return False
    tables = [f"{DATASET}/{table}" for table in (*SCHEMAS, MANIFEST, LEDGER, RELEASES)]
    folder = Path(lake.bucket_url)
    present = [table for table in tables if (folder / table).exists()]
    # Of dlt's own small files only the mark of a lake: of the others there would be more each day.
    files = [f"{DATASET}/{INIT_FILE_NAME}", *(f":(glob){table}/**/*.parquet" for table in present)]
    tree = _at_folder(lake, ["add", "--force", "--", *files], ["write-tree"]).strip()
    before = _git("rev-parse", "--quiet", "--verify", _FETCHED, accept=[0, 1]).strip()
    if before and _git("rev-parse", f"{before}^{{tree}}").strip() == tree:
        return False
    commit = _git("commit-tree", tree, "-m", "The lake of the last run").strip()
    lease = f"--force-with-lease=refs/heads/{BRANCH}:{before}"
    _git("push", "--quiet", lease, REMOTE, f"{commit}:refs/heads/{BRANCH}")
    _git("update-ref", _FETCHED, commit)
    return True


def _entries(commit: str) -> list[str]:
    return [entry for entry in _git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0") if entry]


def _at_folder(lake: Lake, *commands: list[str]) -> str:
    """Run commands of git on the lake's folder with an index of their own; return what the last printed."""
    folder = Path(lake.bucket_url)
    folder.mkdir(parents=True, exist_ok=True)
    printed = ""
    with TemporaryDirectory() as index:
        for command in commands:
            place = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(Path(index, "index"))}
            printed = _git(*command, cwd=folder, environment=place)
    return printed


def _git(
    *arguments: str,
    accept: Collection[int] = (0,),
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What git printed.

    Raises:
        LakeError: git is missing, or ended with another exit code than those to `accept`.

    """
    done = _call(["rev-parse", "--absolute-git-dir"])
    if not done.returncode:
        settings = {"GIT_DIR": done.stdout.strip(), **_settings(), **(environment or {})}
        done = _call(arguments, cwd=cwd, env={**os.environ, **settings})
    if done.returncode not in accept:
        lines = without_secrets(done.stderr).strip().splitlines() or [f"exit code {done.returncode}"]
        what = f"The branch {BRANCH!r} of {REMOTE} cannot be used; `git {arguments[0]}` says: {lines[-1]}"
        raise LakeError(what, remedy="Nothing was replaced. Run again; docs/publish.md describes the branch.")
    return done.stdout


def _call(arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess
    try:
        return subprocess.run(  # noqa: S603 - arguments of ours
            ["git", *arguments],  # noqa: S607 - the one that PATH names
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            **options,
        )
    except FileNotFoundError as error:
        raise LakeError("git is missing, and the lake is kept on a branch.", remedy="Install git.") from error


def _settings() -> dict[str, str]:
    """Variables of git: who commits, files byte by byte, and the workflow's token, which no file or argument shows."""
    people = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in AUTHOR.items()}
    config = {"core.autocrlf": "false"}
    if token := os.environ.get(TOKEN_VARIABLE):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        basic = b64encode(f"x-access-token:{token}".encode()).decode()
        config[f"http.{server}/.extraheader"] = f"Authorization: Basic {basic}"
    pairs = dict(enumerate(config.items()))
    return {
        **people,
        "GIT_CONFIG_COUNT": str(len(pairs)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in pairs.items()},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in pairs.items()},
    }
