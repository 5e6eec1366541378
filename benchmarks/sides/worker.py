"""Run one measurement of ``side_by_side.py`` and write its figures; started by it."""

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    """Take part, name, folder, repetition and the file to write from the command line."""
    part, name, folder, repetition, path = sys.argv[1:]
    run = importlib.import_module(f"benchmarks.sides.{part}").RUNS[name]
    figures = run(Path(folder), int(repetition))
    Path(path).write_text(json.dumps(figures, default=float))


if __name__ == "__main__":
    main()
