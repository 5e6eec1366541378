"""Ours and what a user would take instead: ``python -m benchmarks side_by_side``.

Each figure is of a fresh process with one thread; runs of a comparison follow each other, so that
what else the machine does meets both. Linux only. Needs ``SKLEARN_MNM_DATA``, NiMARE and faiss, and
``pip install neuroquery`` for its comparison, which is left out without; about 40 minutes.
"""

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common.sections import replace_section
from benchmarks.sides import PARTS
from benchmarks.sides.measuring import run_apart

RESULTS = Path(__file__).parents[1] / "results"


def measure(part: str, folder: Path, quick: bool) -> pd.DataFrame:
    """Prepare a part and run its measurements in turn; a row for each run and repetition."""
    module: Any = importlib.import_module(f"benchmarks.sides.{part}")
    folder.mkdir(parents=True, exist_ok=True)
    if quick:
        (folder / "quick").touch()
    module.prepare(folder, quick)
    records = []
    for repetition in range(module.repetitions(quick)):
        for name in module.RUNS:
            records.append(run_apart(part, name, folder, repetition))
            shown = {key: value for key, value in records[-1].items() if key != "trace"}
            print(f"{part}: {shown}", file=sys.stderr, flush=True)
    return pd.DataFrame(records)


def main() -> None:
    """Measure and print or write a section for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try things out")
    parser.add_argument("--output", type=Path, help="Markdown file whose sections are replaced")
    arguments = parser.parse_args()
    if arguments.quick and arguments.output:
        parser.error("--quick is for trying things out: its figures are not written.")
    for part in arguments.parts:
        module: Any = importlib.import_module(f"benchmarks.sides.{part}")
        with tempfile.TemporaryDirectory() as folder:
            records = measure(part, Path(folder), arguments.quick)
        text = (
            f"Made by `python -m benchmarks side_by_side --parts {part} "
            f"--output benchmarks/RESULTS.md`.\n\n{module.report(records)}"
        )
        print(text)
        if arguments.output:
            path = RESULTS / f"side-by-side-{part}.json"
            path.write_text(json.dumps(records.to_dict("records"), indent=1) + "\n")
            replace_section(arguments.output, f"side-by-side-{part}", module.HEADING, text)
