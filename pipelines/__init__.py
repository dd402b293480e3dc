"""PyPI's public download log, loaded, checked, counted and shown."""

import os
from pathlib import Path

# SQLMesh reads both when it is imported. A process for each core costs a second of CPU more than it saves, and outlives
# a run that is killed.
os.environ["MAX_FORK_WORKERS"] = "1"
# SQLMesh makes this folder, by default in HOME, which may not be writable, and reads a person's configuration in it.
os.environ["SQLMESH_HOME"] = str(Path(__file__).parents[1] / "sqlmesh" / ".cache" / "home")
