"""PyPI's public download log, loaded, checked, counted and shown."""

import os

# SQLMesh would read its caches by a process for each core, which costs a second of CPU more than reading them.
os.environ.setdefault("MAX_FORK_WORKERS", "1")
