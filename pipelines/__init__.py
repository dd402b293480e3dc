"""PyPI's public download log, loaded, checked, counted and shown."""

import os

# SQLMesh reads this when it is imported. A process for each core costs a second of CPU more than it saves.
os.environ.setdefault("MAX_FORK_WORKERS", "1")
