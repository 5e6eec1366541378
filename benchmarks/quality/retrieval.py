"""Compare models by the frozen protocol: ``python -m benchmarks retrieval``.

Needs ``SKLEARN_MNM_DATA``. Results of single runs are kept in ``benchmarks/.cache`` as long as the
code that made them is the same, so an interrupted comparison goes on where it stopped.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import runner, table
from benchmarks.common.protocol import ALL_FOLDS, EVERYDAY_FOLDS, POOL_SIZE
from benchmarks.common.sections import replace_section
from benchmarks.models import MODELS

NOTE = f"""\
Pool of {POOL_SIZE:,} studies a fold, percent, mean ± standard deviation over folds; ties count
against the model. Differences are paired by fold, with 95 % t intervals over folds (folds share
most of their training studies, so the intervals are somewhat too narrow). Baselines \
are tuned on 1,000 training studies (seed 0),
retrieval and map prediction separately, and then fitted on all training studies. The embedder \
chooses its penalty by
leave-one-out; its defaults were chosen with fold \
-1 as validation data and folds
3 to 9 as training data. Fit seconds include features and tuning; those by the clock
depend on what else the machine did. Peak memory is that of the whole process, data included."""


def main() -> None:
    """Run what is asked for and print or write the tables."""
    arguments = _parse()
    names = arguments.models or [name for name, entry in MODELS.items() if not entry.is_slow]
    folds = arguments.folds or (ALL_FOLDS if arguments.all_folds else EVERYDAY_FOLDS)
    records = []
    for fold in folds:
        for name in names:
            record = runner.run(name, fold, max_train=arguments.max_train, force=arguments.force)
            records.append(record)
            print(_line(record), file=sys.stderr, flush=True)
    if arguments.with_written:
        records += _written(arguments.output, folds, names)
        order = list(MODELS)
        records.sort(key=lambda record: order.index(record["model"]))
    summary = table.summarise(records)
    command = "python -m benchmarks retrieval " + shlex.join(_reproducing_arguments(arguments))
    text = f"{_conditions(records, command)}\n\n{NOTE}\n\n{table.markdown(summary)}\n"
    print(text)
    if arguments.output:
        _write(arguments.output, folds, command, text, summary, records)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), help="default: all but mnm_*")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--folds", nargs="+", type=int, choices=ALL_FOLDS)
    which.add_argument("--all-folds", action="store_true", help="0 to 9 instead of 0, 1, 2")
    parser.add_argument(
        "--with-written",
        action="store_true",
        help="also show the rows that results/ has of other models, which are not run again",
    )
    parser.add_argument("--max-train", type=int, help="fewer training studies, to try things out")
    parser.add_argument("--force", action="store_true", help="run again what is cached")
    parser.add_argument(
        "--output",
        type=Path,
        help="Markdown file whose section on these folds is written or replaced; the figures of "
        "single folds go to results/ beside it as JSON",
    )
    arguments = parser.parse_args()
    if arguments.with_written and not arguments.output:
        parser.error("--with-written takes rows from results/ beside --output; name it.")
    if arguments.output and arguments.max_train:
        parser.error("--max-train is for trying things out: its figures are not written.")
    return arguments


def _reproducing_arguments(arguments: argparse.Namespace) -> list[str]:
    given = []
    if arguments.models:
        given += ["--models", *arguments.models]
    if arguments.folds:
        given += ["--folds", *map(str, arguments.folds)]
    if arguments.all_folds:
        given += ["--all-folds"]
    if arguments.max_train:
        given += ["--max-train", str(arguments.max_train)]
    if arguments.with_written:
        given += ["--with-written"]
    if arguments.output:
        given += ["--output", str(arguments.output)]
    return given


def _line(record: dict[str, Any]) -> str:
    shown = ("t2b R@10", "b2t R@10", "map corr", "map Dice")
    scores = record["scores"]
    figures = ", ".join(f"{name} {scores[name]:.3g}" for name in shown if name in scores)
    return (
        f"fold {record['fold']}  {record['model']}: {figures}; "
        f"{record['fit_seconds']:.0f} s, {record['peak_gib']:.1f} GiB; {record['chosen']}"
    )


def _conditions(records: list[dict[str, Any]], command: str) -> str:
    folds = ", ".join(str(fold) for fold in sorted({record["fold"] for record in records}))
    sizes = sorted({record["n_train"] for record in records})
    threads = sorted({record["threads"] for record in records})
    return (
        f"Folds {folds}; {' or '.join(map(str, sizes))} training studies; "
        f"threads: {', '.join(threads)}. Made by\n\n```\n{command}\n```"
    )


def _figures(output: Path, folds: tuple[int, ...]) -> Path:
    return output.parent / "results" / f"{_name(folds)}.json"


def _name(folds: tuple[int, ...]) -> str:
    return "retrieval-folds-" + "-".join(map(str, folds))


def _written(output: Path, folds: tuple[int, ...], names: list[str]) -> list[dict[str, Any]]:
    """Read the records of other models that an earlier run wrote."""
    records = json.loads(_figures(output, folds).read_text())["records"]
    return [record for record in records if record["model"] not in names]


def _write(
    path: Path,
    folds: tuple[int, ...],
    command: str,
    text: str,
    summary: dict[str, Any],
    records: list[dict[str, Any]],
) -> None:
    """Replace or append the section on these folds, and write the figures beside it."""
    name = _name(folds)
    heading = f"Retrieval and map prediction, folds {', '.join(map(str, folds))}"
    replace_section(path, name, heading, f"{text}\nFigures: `results/{name}.json`.")
    figures = _figures(path, folds)
    figures.parent.mkdir(exist_ok=True)
    content = {"command": command, "summary": summary, "records": records}
    figures.write_text(json.dumps(content, indent=1) + "\n")
