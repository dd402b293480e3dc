"""PyPI's public download log, loaded, checked, counted and shown."""
