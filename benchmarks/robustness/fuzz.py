"""Fuzz the parsers with atheris, and tell what it reached.

Needs ``pip install atheris coverage``. For each parser inputs are made from good files by changes
that lead to code not reached before; the interesting ones stay in a folder and are used again. An
input that brings out another error than those of the package, takes more than ten seconds or more
than two gigabytes of memory ends the run, is written there as ``crash-...`` and is a defect: its
shortest form belongs into ``tests/fuzz/crashes``.

::

    python -m benchmarks fuzz --seconds 120
    python -m benchmarks fuzz sleuth --seconds 600
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Names of files that libFuzzer writes of inputs at which it stopped.
_DEFECT = "crash|oom|timeout"


def fuzz(name: str, corpus: Path, seconds: int) -> None:
    """Fuzz one parser in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["sklearn_mnm"]):
        from benchmarks.robustness.fuzz_targets import TARGETS, try_bytes

    words = corpus.parent / f"{corpus.name}.dict"
    lines = [
        "".join(f"\\x{byte:02x}" for byte in word.encode("latin-1", "replace"))
        for word in TARGETS[name].words
    ]
    words.write_text("".join(f'"{line}"\n' for line in lines))
    options = [
        f"-max_total_time={seconds}",
        f"-dict={words}",
        f"-artifact_prefix={corpus}/",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=8192",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], lambda content: try_bytes(name, content))
    atheris.Fuzz()


def replay(name: str, corpus: Path) -> float:
    """Share of the lines and branches of a parser's modules that inputs reach, in percent."""
    import coverage

    measured = coverage.Coverage(data_file=None, branch=True, source=[str(ROOT / "sklearn_mnm")])
    measured.start()
    from benchmarks.robustness.fuzz_targets import TARGETS, try_bytes

    for path in sorted(corpus.iterdir()):
        if not re.match(_DEFECT, path.name):
            try_bytes(name, path.read_bytes())
    measured.stop()
    files = [str(ROOT / "sklearn_mnm" / module) for module in TARGETS[name].modules]
    with tempfile.TemporaryFile("w") as sink:
        return measured.report(morfs=files, file=sink)


def fuzz_and_tell(name: str, folder: Path, seconds: int) -> dict[str, Any]:
    """Fuzz one parser in a process of its own, and return the figures."""
    from benchmarks.robustness.fuzz_targets import TARGETS

    corpus = folder / name.replace(" ", "_")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "fuzz",
        name,
        "--seconds",
        str(seconds),
        "--corpus",
        str(corpus),
    ]
    log = _log_of(command)
    (corpus.parent / f"{corpus.name}.log").write_text(log)
    tried = re.findall(r"stat::number_of_executed_units:\s*(\d+)", log)
    reached = re.findall(r"cov: (\d+) ft: (\d+)", log)
    crashes = [path.name for path in corpus.iterdir() if re.match(_DEFECT, path.name)]
    covered = re.findall(r"covered (\S+)", _log_of([*command, "--replay"]))
    return {
        "parser": name,
        "inputs": int(tried[-1]) if tried else 0,
        "edges": f"{reached[0][0]} → {reached[-1][0]}" if reached else "?",
        "covered": float(covered[-1]) if covered else 0.0,
        "kept": len(list(corpus.iterdir())),
        "crashes": crashes,
    }


def _log_of(command: list[str]) -> str:
    process = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return process.stderr + process.stdout


def section(figures: list[dict[str, Any]], seconds: int) -> str:
    """Write the figures as a table."""
    lines = [
        "| parser | inputs tried | edges reached, first and last | lines and branches of its "
        "modules reached | unexpected errors |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in figures:
        lines.append(
            f"| {row['parser']} | {row['inputs']:,} | {row['edges']} | {row['covered']:.0f} % | "
            f"{len(row['crashes'])} |"
        )
    total = sum(row["inputs"] for row in figures)
    lines.append(f"| together | {total:,} | | | {sum(len(row['crashes']) for row in figures)} |")
    lines.append(f"\n{seconds} seconds each on one core.")
    return "\n".join(lines)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parsers", nargs="*", metavar="PARSER")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "sklearn-mnm-fuzz"
    )
    # For the processes that this one starts.
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--replay", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.replay:
        print("covered", replay(arguments.parsers[0], arguments.corpus))
        return
    if arguments.corpus is not None:
        fuzz(arguments.parsers[0], arguments.corpus, arguments.seconds)
        return
    from benchmarks.robustness.fuzz_targets import TARGETS

    figures = []
    for name in arguments.parsers or list(TARGETS):
        figures.append(fuzz_and_tell(name, arguments.folder, arguments.seconds))
        print(figures[-1], flush=True)
    print(section(figures, arguments.seconds))
    if any(row["crashes"] for row in figures):
        sys.exit(f"unexpected errors: see crash-* in {arguments.folder}")
