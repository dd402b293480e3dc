import pipelines  # noqa: F401 - it says how SQLMesh works, before anything imports that
