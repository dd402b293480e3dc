"""Runs the command line: `python -m pipelines`."""

from pipelines.interrupts import interruptible

if __name__ == "__main__":
    with interruptible():
        # Imported here, because importing takes long enough to be interrupted.
        from pipelines.cli import main

        main()
