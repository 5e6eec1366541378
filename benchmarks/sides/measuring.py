"""Seconds, megabytes and ratios."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Yield a dict that holds the processor seconds and those by the clock at the end."""
    spent: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent |= {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def each(call: Callable[[Any], Any], arguments: Sequence[Any], n: int = 30) -> dict[str, float]:
    """Medians over `n` calls, with the arguments in turn, after a first one that is not timed."""
    call(arguments[-1])
    spent = []
    for number in range(n):
        with clock() as times:
            call(arguments[number % len(arguments)])
        spent.append(times)
    return {name: median(times[name] for times in spent) for name in ("cpu", "wall")}


class Memory:
    """Most megabytes that the process has held, beyond those at the start of the measurement."""

    def __init__(self) -> None:
        self.imports = _peak()

    def added(self) -> dict[str, float]:
        """Return the peak of the process and what it is beyond the imports."""
        return {"peak": _peak(), "added": _peak() - self.imports}


def _peak() -> float:
    # Not ru_maxrss of getrusage, which starts from what the parent process has held.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)["VmHWM"].split()[0]) / 1024


def run_apart(part: str, name: str, folder: Path, repetition: int) -> dict[str, Any]:
    """Run one measurement in a process of its own, with one thread, and return its figures."""
    result = folder / "result.json"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.sides.worker"]
    command += [part, name, str(folder), str(repetition), str(result)]
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{part}, {name}: the measurement failed.\n{done.stderr}")
    return {"run": name, "repetition": repetition, **json.loads(result.read_text())}


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median [smallest, largest]."""
    numbers = np.asarray(values, dtype=float)
    shown = [_shown(x, digits) for x in (np.median(numbers), numbers.min(), numbers.max())]
    return shown[0] if len(numbers) == 1 else f"{shown[0]} [{shown[1]}, {shown[2]}]"


def _shown(value: float, digits: int) -> str:
    """Round to some digits, without an exponent."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
    return f"{round(value, digits - 1 - int(np.floor(np.log10(abs(value))))):,.{decimals}f}"


def of_run(records: pd.DataFrame, run: str, column: str) -> np.ndarray:
    """Figures of a run, in the order of the repetitions."""
    return records[records.run == run].sort_values("repetition")[column].to_numpy(dtype=float)


def ratio(records: pd.DataFrame, theirs: str, ours: str, column: str) -> np.ndarray:
    """Theirs over ours, paired by repetition: runs of one repetition follow each other."""
    return of_run(records, theirs, column) / of_run(records, ours, column)
