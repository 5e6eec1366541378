"""Kill work at random moments, damage its files, two at once: ``python -m benchmarks faults``.

Processes are killed by SIGKILL, which they cannot notice. POSIX only; some ten minutes for
``--times 100``. Needs no data and no network.
"""

import argparse
import random
import re
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common.sections import replace_section
from benchmarks.robustness.fault_work import (
    N_POINTS,
    N_TEXTS,
    Child,
    duration,
    embed,
    fetch,
    fingerprint,
    fit,
    fitted,
    make_release,
    operations,
    points,
    save,
    serving,
    studies,
    write,
)
from sklearn_mnm.exceptions import ModelFormatError
from sklearn_mnm.nn.checkpoint import load_snapshot
from sklearn_mnm.persistence import load_model
from sklearn_mnm.search.index import PointIndex


class Failed(Exception):
    """A promise was not kept."""


def check(kept: bool, promise: str) -> None:
    """Raise Failed unless a promise was kept."""
    if not kept:
        raise Failed(promise)


class Outcome(NamedTuple):
    """What was done to some work and what came of it."""

    what: str
    tries: int
    hit: int
    found: Counter

    def row(self) -> str:
        """Line of a table."""
        found = ", ".join(f"{number} {name}" for name, number in sorted(self.found.items()))
        return f"| {self.what} | {self.tries} | {self.hit} | {found} |"


class Killer:
    """Kills some work again and again, before it ends.

    Parameters
    ----------
    times : int
        Kills, at the most where they are between operations.
    chance : random.Random
    folder : Path or None
        None kills at random moments; else between operations on names in this folder, in order.
    work : callable
    *arguments
        Of the work, to see how long it takes.
    """

    def __init__(
        self,
        times: int,
        chance: random.Random,
        folder: Path | None,
        work: Callable,
        *arguments: Any,
    ):
        self.times, self.chance, self.folder = times, chance, folder
        self.tries = self.hit = 0
        if folder is None:
            self.seconds = duration(work, *arguments)
        else:
            n_operations = Child(operations, folder, None, work, *arguments).result()
            self.places = np.unique(np.linspace(0, n_operations - 1, times).astype(int)).tolist()

    def __iter__(self) -> Iterator[int]:
        while self.hit < self.times if self.folder is None else self.tries < len(self.places):
            yield self.tries
            self.tries += 1
            check(self.tries < 10 * self.times + 10, "the work is slow enough to be killed")

    def __call__(self, work: Callable, *arguments: Any) -> bool:
        """Begin some work and kill it; whether that came before the end."""
        if self.folder is None:
            killed = Child(work, *arguments).kill(self.chance.uniform(0, self.seconds))
        else:
            place = self.places[self.tries]
            killed = Child(operations, self.folder, place, work, *arguments).was_killed()
        self.hit += killed
        return killed


def kill_fits(
    times: int, folder: Path, chance: random.Random, where: Path | None = None
) -> Outcome:
    """Kill fits that keep a checkpoint; each goes on to the result of one that nobody killed."""
    expected = fit(None)
    checkpoint = folder / "checkpoint"
    kill, found = Killer(times, chance, where, fit, checkpoint), Counter()
    for _ in kill:
        if kill(fit, checkpoint):
            states = list(checkpoint.glob("*/training.safetensors"))
            snapshot = load_snapshot(states[0]) if states else None
            epochs = 0 if snapshot is None else len(snapshot.record["history"]) - 1
            found["before the first epoch" if epochs == 0 else "between epochs"] += 1
        check(Child(fit, checkpoint).result() == expected, "the resumed fit has the same result")
        check(not list(checkpoint.glob("*")), "a finished fit leaves nothing in its checkpoint")
    return Outcome("`fit` with `checkpoint`", kill.tries, kill.hit, found)


def kill_saves(
    times: int, folder: Path, chance: random.Random, where: Path | None = None
) -> Outcome:
    """Kill the replacement of a model; the old one or the new one is there, whole."""
    path, models, X = folder / "model", [fitted(0), fitted(1)], studies()[0]
    save(models[0], path)
    answers = [fingerprint(model.predict(X)) for model in models]
    kill, found = Killer(times, chance, where, save, models[0], path), Counter()
    present = 0
    for _ in kill:
        kill(save, models[1 - present], path)
        there = answers.index(fingerprint(load_model(path).predict(X)))
        found["the model before" if there == present else "the model after"] += 1
        present = there
    found["hidden folders left"] = len(list(folder.glob(".model.*")))
    return Outcome("`save_model` in place of a model", kill.tries, kill.hit, found)


def kill_fetches(
    times: int, folder: Path, chance: random.Random, where: Path | None = None
) -> Outcome:
    """Kill downloads; no file is there in part, and the next call goes on."""
    make_release(folder / "served")
    served = {path.name: path.read_bytes() for path in (folder / "served").iterdir()}
    with serving(folder / "served") as (base, starts):
        expected = fetch(base, folder / "whole")
        kill, found = Killer(times, chance, where, fetch, base, folder / "timed"), Counter()
        for number in kill:
            target = folder / f"fetched {number}"
            kill(fetch, base, target)
            for path in target.glob("neuroquery/data-*"):
                check(path.read_bytes() == served[path.name], "each file is whole or not there")
            starts.clear()
            check(Child(fetch, base, target).result() == expected, "what was fetched is the same")
            if any(starts):
                found["went on within a file"] += 1
            elif not starts:
                found["had all files"] += 1
            elif len(starts) == len(served):
                found["began anew"] += 1
            else:
                found["went on with the next file"] += 1
            check(not list(target.glob("neuroquery/*.part")), "no part is left")
            shutil.rmtree(target)
    return Outcome("`fetch_neuroquery`", kill.tries, kill.hit, found)


def kill_writes(
    times: int, folder: Path, chance: random.Random, where: Path | None = None
) -> Outcome:
    """Kill the replacement of a file of points, and the index of them."""
    path = folder / "points.npy"
    expected = {sign: write(path, sign) for sign in (1.0, -1.0)}
    kill, found = Killer(times, chance, where, write, path, -1.0), Counter()
    present = -1.0
    rows = np.arange(N_POINTS)[:, np.newaxis]
    whole = {sign: points(rows, sign).astype(np.float32) for sign in expected}
    for _ in kill:
        kill(write, path, -present)
        written = np.load(path, mmap_mode="r")
        (there,) = (sign for sign in whole if np.array_equal(written, whole[sign]))
        index = PointIndex(written, method="faiss")
        neighbours = index.search(np.array(written[:5]), 3)[0]
        check(np.array_equal(neighbours, expected[there]), "the index finds the same neighbours")
        found["the file before" if there == present else "the file after"] += 1
        present = there
    found["files `tmp-` left"] = len(list(folder.glob("tmp-*")))
    return Outcome("`transform_to_file`, then `PointIndex`", kill.tries, kill.hit, found)


def kill_embeddings(
    times: int, folder: Path, chance: random.Random, where: Path | None = None
) -> Outcome:
    """Kill who fills the cache of a SentenceTransformerVectorizer."""
    expected = embed(folder / "whole")
    kill, found = Killer(times, chance, where, embed, folder / "timed"), Counter()
    for number in kill:
        cache = folder / f"cache {number}"
        kill(embed, cache)
        entries = [path for path in cache.rglob("*") if path.is_file()]
        kept = [path for path in entries if not path.name.startswith("tmp-")]
        found[f"entries of {N_TEXTS} kept on average"] += len(kept)
        check(Child(embed, cache).result() == expected, "the cache gives the same vectors")
        shutil.rmtree(cache, ignore_errors=True)
    found = Counter({name: round(number / kill.tries) for name, number in found.items()})
    return Outcome("cache of embeddings", kill.tries, kill.hit, found)


def _flip(folder: Path, chance: random.Random) -> Path:
    """Change a bit of a file, one time in two near its begin, where headers are."""
    path = chance.choice([p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size])
    content = bytearray(path.read_bytes())
    end = chance.choice([min(len(content), 1000), len(content)])
    content[chance.randrange(end)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return path


def _told(work: Callable, *arguments: Any) -> tuple[Any, bool]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return work(*arguments), bool(caught)


def damage_fits(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Change a bit of what an unfinished fit keeps."""
    expected, kept, found = fit(None), folder / "kept", Counter()
    _kill_in_training(kept)
    for _ in range(times):
        checkpoint = folder / "checkpoint"
        shutil.copytree(kept, checkpoint)
        path = _flip(checkpoint, chance)
        result, told = _told(fit, checkpoint)
        check(result == expected, f"the fit has the same result with a changed {path.name}")
        found["computed anew, with a warning" if told else "read, or computed anew, without"] += 1
        shutil.rmtree(checkpoint, ignore_errors=True)
    return Outcome("checkpoint of a fit", times, times, found)


def _kill_in_training(checkpoint: Path) -> None:
    """Leave the state of a fit of which some epochs are done."""
    child = Child(fit, checkpoint)
    while not list(checkpoint.glob("*/training.safetensors")):
        time.sleep(0.001)
    check(child.kill(0), "the fit was not yet done")


def damage_memory(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Change a bit of what joblib keeps of the closed form."""
    expected, kept, found = fit(None, max_epochs=0), folder / "kept", Counter()
    fit(None, kept, max_epochs=0)
    for _ in range(times):
        memory = folder / "memory"
        shutil.copytree(kept, memory)
        path = _flip(memory, chance)
        result, told = _told(fit, None, memory, 0)
        check(result == expected, f"the fit has the same result with a changed {path.name}")
        again, told_again = _told(fit, None, memory, 0)
        check(again == expected and not told_again, f"the changed {path.name} has been replaced")
        found["computed anew, with a warning" if told else "read, or computed anew, without"] += 1
        shutil.rmtree(memory)
    return Outcome("`memory` of the closed form", times, times, found)


def damage_embeddings(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Change a bit of a cached embedding."""
    expected, found = embed(folder / "cache"), Counter()
    for _ in range(times):
        path = _flip(folder / "cache", chance)
        damaged = path.read_bytes()
        check(embed(folder / "cache") == expected, "the cache gives the same vectors")
        check(path.read_bytes() != damaged, "the entry was replaced")
        found["computed anew"] += 1
    return Outcome("cache of embeddings", times, times, found)


def damage_downloads(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Change a bit of a fetched file, or of the record of checksums."""
    make_release(folder / "served")
    found = Counter()
    with serving(folder / "served") as (base, starts):
        expected = fetch(base, folder / "fetched")
        for _ in range(times):
            path = _flip(folder / "fetched", chance)
            starts.clear()
            check(fetch(base, folder / "fetched") == expected, "what is read is the same")
            for served in (folder / "served").iterdir():
                there = folder / "fetched" / "neuroquery" / served.name
                check(there.read_bytes() == served.read_bytes(), "the file is the one served")
            record = path.name == "SHA256SUMS"
            check(record or len(starts) == 1, "the damaged file was fetched again")
            found["record written again" if record else "fetched again"] += 1
    return Outcome("fetched files", times, times, found)


def damage_models(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Change a bit of a saved model."""
    model, X = fitted(0), studies()[0]
    save(model, folder / "kept")
    expected, found = fingerprint(model.predict(X)), Counter()
    weights = "weights.safetensors"
    for _ in range(times):
        shutil.copytree(folder / "kept", folder / "model")
        path = _flip(folder / "model", chance)
        try:
            loaded = load_model(folder / "model")
        except ModelFormatError:
            found[f"{path.name} refused"] += 1
        else:
            check(path.name != weights, "changed weights are refused")
            # The description has no checksum: a letter of a name, or a digit of a number.
            same = fingerprint(loaded.predict(X)) == expected
            found[f"{path.name} read, {'the same' if same else 'other'} answers"] += 1
        shutil.rmtree(folder / "model")
    return Outcome("saved model", times, times, found)


def work_at_once(times: int, folder: Path, chance: random.Random) -> Outcome:
    """Let two processes do the same work in the same folder at the same time."""
    make_release(folder / "served")
    found = Counter()
    expected = {"fits": fit(None), "memories": fit(None, max_epochs=0)}
    with serving(folder / "served") as (base, starts):
        expected["downloads"] = fetch(base, folder / "whole")
        expected["embeddings"] = embed(folder / "embedded")
        for number in range(times):
            where = folder / f"shared {number}"
            work = {
                "fits": (fit, where / "checkpoint"),
                "memories": (fit, None, where / "memory", 0),
                "downloads": (fetch, base, where / "fetched"),
                "embeddings": (embed, where / "cache"),
            }
            for name, call in work.items():
                starts.clear()
                first = Child(*call)
                time.sleep(chance.uniform(0, 0.1))
                for child in (first, Child(*call)):
                    check(child.result() == expected[name], f"both of two {name} are right")
                if name == "downloads":
                    check(len(starts) == 4, "each file is fetched once")
                found[name] += 1
            shutil.rmtree(where, ignore_errors=True)
    return Outcome("two processes, one folder", times, times, found)


_KILLED = [kill_fits, kill_saves, kill_fetches, kill_writes, kill_embeddings]
FAULTS: dict[str, list[Callable]] = {
    "killed": _KILLED,
    "killed between operations": _KILLED,
    "damaged": [damage_fits, damage_memory, damage_embeddings, damage_downloads, damage_models],
    "at once": [work_at_once],
}


def run(kind: str, fault: Callable, times: int, seed: int) -> Outcome:
    """Do something to some work, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"where": folder} if kind == "killed between operations" else {}
        return fault(times, folder, random.Random(seed), **options)


def text(seed: int, outcomes: dict[str, list[Outcome]]) -> str:
    """Section of the page."""
    tables = {kind: "\n".join(outcome.row() for outcome in outcomes[kind]) for kind in outcomes}
    times = max(outcome.hit for outcome in outcomes["killed"])
    return f"""Made by
`python -m benchmarks faults --times {times} --seed {seed} --output docs/reliability.md`, which ends
with an error at the first promise that is not kept.

**Killed.** Each work runs in its own process. SIGKILL ends this process at a random moment of the
time that the work takes. This is repeated until {times} kills came before the end of the work.
Afterwards, either the earlier file or model is there, or the whole new one. If the fit or download
is started again, its result is the same, to the bit, as without the kill. A fit continues after the
last complete epoch, a download within the file.

| work | begun | killed before the end | then |
| --- | ---: | ---: | --- |
{tables["killed"]}

The same, but the kill comes just before a file or folder is opened, renamed, made or removed:
before each of these operations, or before {times} of them at equal distances.

| work | begun | killed before the end | then |
| --- | ---: | ---: | --- |
{tables["killed between operations"]}

A killed process can leave behind what it was writing: a file `tmp-...` beside the file to be
written, or a hidden folder `.NAME....new` beside a model. Nothing reads them. You can remove them.

**Damaged.** One bit of one file is changed, in half of the cases within its first 1,000 bytes.
Caches notice this by a checksum. They compute or fetch again, and replace the entry; the result is
the same to the bit. Damaged weights of models are refused. The description of a model is text
without a checksum: a changed digit can be read as another number.

| file | begun | changed | then |
| --- | ---: | ---: | --- |
{tables["damaged"]}

**At once.** Two processes start the same work in the same folder within a tenth of a second. Both
end with the right result. One of two downloads waits for the other, so each file is fetched once.

| work | begun | at once | ended well |
| --- | ---: | ---: | --- |
{tables["at once"]}
"""


def main() -> None:
    """Do all and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a regular expression, e.g. 'kill_fits'")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: dict[str, list[Outcome]] = {kind: [] for kind in FAULTS}
    for kind, faults in FAULTS.items():
        for fault in faults:
            if re.search(arguments.only, fault.__name__):
                start = time.perf_counter()
                outcomes[kind].append(run(kind, fault, arguments.times, arguments.seed))
                seconds = time.perf_counter() - start
                print(f"{kind}: {outcomes[kind][-1].row()} {seconds:.0f} s", flush=True)
    if arguments.output:
        section = text(arguments.seed, outcomes)
        replace_section(arguments.output, "faults", "Faults", section)
