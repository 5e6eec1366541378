"""Whether the tests of geometry, losses and metrics notice small changes of the code.

Each change is made in a copy of the package, where the tests that run the changed lines are run
until one fails; a mutant that hangs has been noticed too. Processes are forked from one that has
imported torch and the other packages, so that a mutant costs little more than its tests. POSIX
only; see ``mutants.py`` for the changes. Needs ``pip install mutmut``.
"""

import argparse
import contextlib
import gc
import importlib
import json
import math
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import hypothesis
import pytest
import torch

from benchmarks.common.sections import replace_section
from benchmarks.robustness.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent_mutants.json"

# Modules of the package, and the tests that belong to them; a module of the package among the
# tests stands for its examples.
GROUPS: list[tuple[list[str], list[str]]] = [
    (
        [f"geometry/{name}.py" for name in ("_fused", "_polar", "lorentz", "cones", "midpoints")],
        ["tests/geometry"],
    ),
    (
        [f"nn/{name}.py" for name in ("losses", "similarity", "tiled")],
        [f"tests/nn/test_{name}.py" for name in ("losses", "similarity", "tiled")],
    ),
    (["metrics/pairs.py"], ["tests/metrics/test_pairs.py", "sklearn_mnm/metrics/pairs.py"]),
    (
        ["metrics/hierarchy.py"],
        ["tests/metrics/test_hierarchy.py", "sklearn_mnm/metrics/hierarchy.py"],
    ),
]

# Seconds after which a mutant hangs, beside those that its test takes on a busy machine.
_PATIENCE = 30
# Memory that a mutant may take beyond what it starts with.
_MEMORY = 4 * 2**30
# Plugins that wait for the garbage collector take half of the time of a mutant.
_LEFT_OUT = ("cacheprovider", "threadexception", "unraisableexception")
_PYTEST = ["-o", "addopts=", "--import-mode=importlib", "--doctest-modules", "--exitfirst"]
_PYTEST += [f"-pno:{plugin}" for plugin in _LEFT_OUT]
# One for each mutant: the same examples in the same order, without the search for a smallest one.
hypothesis.settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


class Result(NamedTuple):
    """What the tests made of a mutant: killed, hangs, survived, or no test runs it."""

    module: str
    mutant: Mutant
    outcome: str
    by: str

    @property
    def is_killed(self) -> bool:
        """Whether the tests noticed the change."""
        return self.outcome in ("killed", "hangs")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What a judgement of a mutant names it by."""
        return self.module, self.mutant.function, self.mutant.before, self.mutant.after


class Watch:
    """A pytest plugin that chooses tests and says how they went.

    Parameters
    ----------
    chosen : list of str or None
        Names of the tests to run, in this order; None is all.
    measured : coverage.Coverage or None
        Told which test runs.
    usual : dict of str to float or None
        How long tests take; the process ends where one takes far longer.
    """

    def __init__(
        self,
        chosen: list[str] | None = None,
        measured: Any = None,
        usual: dict[str, float] | None = None,
    ):
        self.chosen, self.measured, self.usual = chosen, measured, usual
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list) -> None:
        """Choose."""
        if self.chosen is not None:
            place = {name: position for position, name in enumerate(self.chosen)}
            items[:] = sorted(
                (item for item in items if item.nodeid in place),
                key=lambda item: place[item.nodeid],
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Tell the coverage, set the alarm."""
        if self.usual:
            signal.alarm(_PATIENCE + math.ceil(10 * self.usual[item.nodeid]))
        if self.measured:
            self.measured.switch_context(item.nodeid)
        result = yield
        if self.measured:
            self.measured.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep durations and the first failure."""
        self.seconds[report.nodeid] += report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid


def in_child(work: Callable[[], Any]) -> Any:
    """Return what some work returns in a forked process, None if the process dies."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            sender.send(work())
        finally:
            os._exit(0)
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        # And what it may have started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _tests(copy: Path, tests: list[str], watch: Watch) -> int:
    """Run tests of the copy, which its settings import, in a child; return pytest's status."""
    os.chdir(copy)
    hypothesis.settings.load_profile("mutation")
    return int(pytest.main([*_PYTEST, *tests], plugins=[watch]))


def _imported(copy: Path, tests: list[str]) -> list[str]:
    """Names of what the tests import from elsewhere."""
    _tests(copy, [*tests, "--collect-only"], Watch())
    ours = ("sklearn_mnm", "tests", "conftest", "__main__")
    return [name for name in sys.modules if name.split(".")[0] not in ours]


def _measure(
    copy: Path, modules: list[str], tests: list[str]
) -> tuple[str, dict[str, float], dict[str, dict[int, list[str]]]]:
    """First failure, duration of each test, and for each module which tests run each line."""
    files = [str(copy / "sklearn_mnm" / module) for module in modules]
    measured = coverage.Coverage(data_file=None, config_file=False, include=files)
    measured.start()
    watch = Watch(measured=measured)
    status = _tests(copy, tests, watch)
    measured.stop()
    data = measured.get_data()
    lines = {
        module: dict(data.contexts_by_lineno(file))
        for module, file in zip(modules, files, strict=True)
    }
    return watch.failed or ("an error" if status else ""), dict(watch.seconds), lines


def _try(
    copy: Path, tests: list[str], chosen: list[str], usual: dict[str, float]
) -> tuple[str, str]:
    """Outcome of a mutant, and the test that notices it."""
    signal.alarm(_PATIENCE)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    watch = Watch(chosen, usual=usual)
    status = _tests(copy, tests, watch)
    return ("killed", watch.failed or "import") if status else ("survived", "")


class Copy:
    """A copy of the package and of some tests, in which mutants are tried.

    Parameters
    ----------
    folder : Path
        Empty.
    modules, tests : list of str
        An entry of GROUPS.

    Raises
    ------
    RuntimeError
        If a test fails without any change.
    """

    def __init__(self, folder: Path, modules: list[str], tests: list[str]):
        self.folder, self.tests = folder, tests
        shutil.copytree(ROOT / "sklearn_mnm", folder / "sklearn_mnm")
        for name in {"pyproject.toml", "tests/conftest.py", *tests}:
            source, target = ROOT / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)
        for name in in_child(lambda: _imported(folder, tests)):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        # Bytecode of the tests is kept, but that of a mutant must not be taken for another's.
        sys.dont_write_bytecode = False
        found = in_child(lambda: _measure(folder, modules, tests))
        if found is None or found[0]:
            raise RuntimeError(f"{found and found[0]} fails without any change.")
        _, self.seconds, self.lines = found
        sys.dont_write_bytecode = True
        gc.freeze()

    def attempt(self, module: str, mutant: Mutant) -> Result:
        """Run the tests of a mutant."""
        chosen = self._tests_of(module, mutant.lines)
        if not chosen:
            return Result(module, mutant, "no test", "")
        path = self.folder / "sklearn_mnm" / module
        unchanged = path.read_text()
        path.write_text(mutant.source)
        found = in_child(lambda: _try(self.folder, self.tests, chosen, self.seconds))
        path.write_text(unchanged)
        outcome, by = found or ("hangs", "")
        return Result(module, mutant, outcome, by)

    def _tests_of(self, module: str, lines: range) -> list[str]:
        """Choose tests that run some lines, the fastest first; all for what an import runs."""
        by_line = self.lines[module]
        names = {name for line in lines for name in by_line.get(line, ())}
        if "" in names:
            names = {name for names in by_line.values() for name in names}
        return sorted(names - {""}, key=lambda name: self.seconds[name])


def judged() -> dict[tuple[str, str, str, str], str]:
    """Why mutants cannot be noticed, from the judgements in a file beside this one."""
    return {
        (module, function, before, after): reason
        for module, functions in json.loads(EQUIVALENT.read_text()).items()
        for function, reasons in functions.items()
        for reason, changes in reasons.items()
        for before, after in changes
    }


def run(
    only: str, sample: int, seed: int, killed: set[tuple[str, str, str, str]]
) -> Iterator[Result]:
    """Try all mutants, or a sample of those of each module; some are known to be killed."""
    for modules, tests in GROUPS:
        wanted = [module for module in modules if re.search(only, module)]
        if wanted:
            with tempfile.TemporaryDirectory() as name:
                copy = Copy(Path(name).resolve(), modules, tests)
                for module in wanted:
                    found = list(mutants(copy.folder / "sklearn_mnm" / module))
                    if 0 < sample < len(found):
                        found = random.Random(seed).sample(found, sample)
                    for mutant in found:
                        result = Result(module, mutant, "killed", "before")
                        yield result if result.key in killed else copy.attempt(module, mutant)


def _interval(killed: int, total: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share, in percent."""
    z, share = 1.96, killed / total
    middle = share + z**2 / (2 * total)
    width = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    low, high = (100 * (middle + sign * width) / (1 + z**2 / total) for sign in (-1, 1))
    return low, high


class Report:
    """What came of all mutants, with the judgements of those that survived.

    Parameters
    ----------
    results : list of Result
    reasons : dict
        As from `judged`.

    Attributes
    ----------
    rows : list of str
        Lines of a table, the last for all modules.
    why : Counter
        Survivors that cannot be noticed, by reason.
    unjudged : list of Result
        The other survivors.
    unfit : list of tuple
        Judgements of mutants that did not survive.
    total : Counter
        Numbers of all modules.
    """

    def __init__(self, results: list[Result], reasons: dict[tuple[str, str, str, str], str]):
        self.rows: list[str] = []
        self.total: Counter[str] = Counter()
        survivors = [result for result in results if not result.is_killed]
        judged_ones = [result for result in survivors if result.key in reasons]
        self.unjudged = [result for result in survivors if result.key not in reasons]
        self.why = Counter(reasons[result.key] for result in judged_ones)
        for module in dict.fromkeys(result.module for result in results):
            mutants, survived, equivalent = (
                sum(result.module == module for result in some)
                for some in (results, survivors, judged_ones)
            )
            counts = Counter(mutants=mutants, killed=mutants - survived, survived=survived)
            counts["equivalent"] = equivalent
            self.total += counts
            self.rows.append(_row(f"`{module}`", counts))
        self.rows.append(_row("all", self.total))
        tried = {result.module for result in results}
        left = {result.key for result in survivors}
        self.unfit = [key for key in reasons if key[0] in tried and key not in left]

    def text(self, sample: int, seed: int) -> str:
        """Section of the page."""
        options = f" --sample {sample} --seed {seed}" if sample else ""
        reasons = "\n".join(f"| {reason} | {n} |" for reason, n in self.why.most_common())
        which = "All mutants that the operators make were tried"
        if sample:
            killed, others = self.total["killed"], self.total["mutants"] - self.total["equivalent"]
            low, high = _interval(killed, others)
            which = (
                f"A random sample of at most {sample} of each module was tried: between {low:.1f} "
                f"and {high:.1f} % of all that are not equivalent are killed (95 %)"
            )
        rest = "".join(
            f"| `{module}` | `{function}` | `{_cell(before)}` | `{_cell(after)}` |\n"
            for module, function, before, after in (result.key for result in self.unjudged)
        )
        if rest:
            rest = f"""

Not noticed, though they should be:

| module | function | instead of | is |
| --- | --- | --- | --- |
{rest}"""
        rows = "\n".join(self.rows)
        command = f"python -m benchmarks mutation{options} --output docs/reliability.md"
        return f"""Made by `{command}`,
which needs `pip install mutmut` and about half an hour on one core.

Mutation testing measures whether tests notice wrong code. A mutant is the code with one small
change: another operator, number, constant or argument, or a value that is None. It is tested with
those tests of its module that run the changed lines. It is killed if one of them fails or does not
end. The changes are made by the operators of mutmut. mutmut itself leaves out functions with
decorators, which most functions of the geometry have; here they are included. Annotations,
decorators, docstrings and messages of errors are not changed. The conditions of errors are.
{which}.

| module | mutants | killed | survived | of these equivalent | killed of all | of the others |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}

Equivalent mutants are those that no test can or should notice here. They were judged one by one.
`benchmarks/robustness/equivalent_mutants.json` lists each change with the reason:

| reason | mutants |
| --- | ---: |
{reasons}{rest}"""


def _row(name: str, counts: Counter) -> str:
    numbers = (counts[key] for key in ("mutants", "killed", "survived", "equivalent"))
    totals = counts["mutants"], counts["mutants"] - counts["equivalent"]
    shares = (f"{100 * counts['killed'] / total:.1f} %" if total else "-" for total in totals)
    return f"| {name} | {' | '.join(map(str, numbers))} | {' | '.join(shares)} |"


def _cell(code: str) -> str:
    return code.replace("|", "\\|")


def _known(log: Path | None) -> set[tuple[str, str, str, str]]:
    """Keys of the mutants of which a log says that they were killed, all if they share a key."""
    if log is None or not log.exists():
        return set()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    alive = {tuple(key) for *key, outcome, _ in lines if outcome not in ("killed", "hangs")}
    return {tuple(key) for *key, _, _ in lines} - alive


def main() -> None:
    """Try mutants and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a regular expression, e.g. 'geometry/'")
    parser.add_argument("--sample", type=int, default=0, help="mutants of each module; 0 is all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--log",
        type=Path,
        help="file that gets a line of JSON for each mutant; those that it already says were "
        "killed are not tried again",
    )
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # Without the real corpora: the result is the same on each machine.
    os.environ.pop("SKLEARN_MNM_DATA", None)
    torch.set_num_threads(1)
    results, killed = [], _known(arguments.log)
    with open(arguments.log or os.devnull, "w") as log:
        for result in run(arguments.only, arguments.sample, arguments.seed, killed):
            results.append(result)
            log.write(json.dumps([*result.key, result.outcome, result.by]) + "\n")
            log.flush()
    report = Report(results, judged())
    print(*report.rows, sep="\n")
    for result in report.unjudged:
        print("\nsurvives:", *result.key, sep="\n    ")
    if not arguments.sample:
        for key in report.unfit:
            print("\njudged, but survives not:", *key, sep="\n    ")
    if arguments.output:
        if not arguments.output.exists():
            arguments.output.write_text("# Reliability\n")
        section = report.text(arguments.sample, arguments.seed)
        replace_section(arguments.output, "mutation", "Mutation testing", section)
