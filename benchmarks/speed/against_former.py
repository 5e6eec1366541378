"""Time this package and a former one in pairs: ``python -m benchmarks against_former CHECKOUT``.

CHECKOUT is a working tree of the former commit (``git worktree add CHECKOUT 92ae500``). Each work
runs in fresh processes, one of either package after the other, and processor seconds are compared.
Needs ``SKLEARN_MNM_DATA``; Linux only.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import nilearn
import numpy as np

from benchmarks.common.protocol import data_folder
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from sklearn_mnm import load_pretrained

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
N_PAIRS = 5
# Of the page: clients, and pages that each asks for.
N_CLIENTS, N_PAGES = 8, 20
# What was tried for the table and is not in the package.
NOT_PAID = """\
Tried, and not kept: one eigendecomposition of the Gram matrix instead of an inverse for each
penalty takes as long as 14 inverses. A step of iterative refinement after each inverse in single
precision takes 0.6 s and brings the coefficients from within 3e-6 of the largest to within 6e-8,
but recall is that of double precision without it, too. Most of the time of a command is that of
importing NumPy, SciPy, pandas and scikit-learn (0.5 s without scipy.stats), which define the
estimators. A page calls pandas some hundred times, of which no call stands out: that its clusters,
the slowest part, need none any more saves 5 of 52 ms; to keep what a text predicts between the
parts of a page saves 1. NiiVue 0.69.0 would be 2.3 MB of JavaScript to carry, and needs
WebGL 2; nilearn's viewer, 0.1 MB, is there already."""
COMMAND = "import sys; sys.argv = {!r}; from sklearn_mnm.cli import main; main()"
# Each writes a file of its own.
REPORT = """
import os, sys
sys.argv = ["mnm", "report", "reward anticipation", "-o", "{}/%d.html" % os.getpid()]
from sklearn_mnm.cli import main
main()
"""
CORPUS = """
import json, time
import numpy as np, pandas as pd
from sklearn_mnm import MNMEncoder, load_database
folder = {!r}
studies = load_database(folder + "/neuroquery")
folds = pd.read_csv(folder + "/../bench/neuroquery_folds.csv", dtype={{"id": str}}).set_index("id")
train = studies[folds["fold"].loc[studies.ids].to_numpy() != 0]
start = time.process_time()
"""
FIT = """
MNMEncoder(random_state=0).fit(train)
print(json.dumps(dict(cpu=time.process_time() - start)))
"""
# Steps by file and function, which both packages name alike; what each calls is included.
STEPS = {
    "closed form": ("text_regression.py", "fit"),
    "training of the towers": ("training.py", "train"),
    "radii and directions of terms, joint space": ("embedding.py", "with_terms"),
    "regions": ("_base.py", "_fit_regions"),
    "uncertainty": ("_base.py", "_fit_uncertainty"),
    "terms of maps": ("_base.py", "_fit_terms"),
}
PROFILED_FIT = """
import cProfile, pstats
profile = cProfile.Profile(time.process_time)
profile.runcall(MNMEncoder(random_state=0).fit, train)
timed = pstats.Stats(profile)
steps = {{(path.rpartition("/")[2], function): times[3]
         for (path, _, function), times in timed.stats.items() if "sklearn_mnm" in path}}
told = {{name: steps.get(where, 0.0) for name, where in {}.items()}}
print(json.dumps(dict(cpu=timed.total_tt) | told))
"""
PARTIAL_FIT = """
first = MNMEncoder(random_state=0).partial_fit(train[:10_000])
start = time.process_time()
first.partial_fit(train[10_000:])
print(json.dumps(dict(cpu=time.process_time() - start)))
"""
POINTS = """
import json, time
import numpy as np
from sklearn_mnm.index import PointIndex
random = np.random.default_rng(0)
def points(n):
    space = random.standard_normal((n, 512)) / 22
    return np.hstack([np.sqrt(1 + (space**2).sum(axis=1, keepdims=True)), space])
stored, asked = points({}), points(200)
"""
ONE_QUERY = """
index = PointIndex(stored, method="exact")
index.search(asked[:1], 10)
start = time.process_time()
for row in range(30):
    index.search(asked[row : row + 1], 10)
print(json.dumps(dict(cpu=(time.process_time() - start) / 30)))
"""
MANY_QUERIES = """
index = PointIndex(stored, method="exact")
index.search(asked, 10)
start = time.process_time()
index.search(asked, 10)
print(json.dumps(dict(cpu=(time.process_time() - start) / 200)))
"""
# The peak from here on, and what was there before.
BUILD = """
import re
def memory(name):
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\\s+([0-9]+)", status.read())[1]) / 1e6
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
before, start = memory("VmRSS"), time.process_time()
index = PointIndex(stored)
cpu = time.process_time() - start
print(json.dumps(dict(cpu=cpu, peak=memory("VmHWM") - before)))
"""
FLAT = """
import faiss
index = faiss.IndexFlatIP(513)
index.add(stored.astype(np.float32))
index.search(asked[:1].astype(np.float32), 10)
start = time.process_time()
for row in range(30):
    index.search(asked[row : row + 1].astype(np.float32), 10)
print(json.dumps(dict(cpu=(time.process_time() - start) / 30)))
"""


def works() -> dict[str, tuple[str, str]]:
    """Code by name of the work, and what its target is, as a ratio to the former package.

    Code that prints nothing is timed as a whole process.
    """
    output = tempfile.mkdtemp()
    corpus = CORPUS.format(str(data_folder()))
    small, large = POINTS.format(10_000), POINTS.format(100_000)
    encode = ["mnm", "encode", "reward anticipation", "-o", f"{output}/map.nii.gz"]
    decode = ["mnm", "decode", str(IMAGE)]
    search = ["mnm", "search", "reward anticipation"]
    return {
        "default fit, 11,000 studies, features included": (corpus + FIT, "0.4"),
        "`partial_fit` of 1,000 studies onto 10,000": (corpus + PARTIAL_FIT, "a tenth of a fit"),
        "`mnm encode`, a process": (COMMAND.format(encode), "0.35"),
        "`mnm decode`, a process": (COMMAND.format(decode), "0.35"),
        "`mnm search`, a process": (COMMAND.format(search), "0.35"),
        "`load_pretrained()`, a process": (
            "from sklearn_mnm import load_pretrained; load_pretrained()",
            "0.32 (0.8 of 2.5 s)",
        ),
        "`mnm report`, a process": (REPORT.format(output), "0.27 (4 of 15 s)"),
        "exact search, one query among 10,000": (small + ONE_QUERY, "1.2 of faiss flat"),
        "exact search, one query among 100,000": (large + ONE_QUERY, "1.2 of faiss flat"),
        "exact search, 200 queries among 10,000, each": (small + MANY_QUERIES, "0.23 ms"),
        "faiss flat, one query among 10,000": (small + FLAT, ""),
        "faiss flat, one query among 100,000": (large + FLAT, ""),
        "index of 100,000 points by default": (large + BUILD, "3 of 19.8 s"),
    }


def environment(checkout: Path) -> dict[str, str]:
    """Variables by which a process in a checkout imports its package, with one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return os.environ | threads | {"PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}


def _started(code: str, checkout: Path, errors: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=checkout,
        env=environment(checkout),
        stdout=subprocess.PIPE,
        stderr=errors,
    )


def run(code: str, checkout: Path) -> dict[str, float]:
    """Run code in a process; return processor seconds and peak memory in GB."""
    process = _started(code, checkout, subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    told, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: {errors.decode()[-2000:]}")
    lines = [line for line in told.decode().splitlines() if line.startswith('{"cpu"')]
    whole = {"cpu": usage.ru_utime + usage.ru_stime}
    return {"peak": usage.ru_maxrss / 1e6} | (json.loads(lines[-1]) if lines else whole)


def pages(checkout: Path, queries: list[str]) -> dict[str, float]:
    """Serve a page to clients that ask all at once, and then maps one by one."""
    code = COMMAND.format(["mnm", "app", "--port", "0", "--quiet"])
    process = _started(code, checkout, subprocess.DEVNULL)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline().decode())
    assert found is not None
    try:
        address = found.group().rstrip("/")

        def seconds(path: str, query: str) -> float:
            start = time.perf_counter()
            urlopen(f"{address}{path}?q={quote(query)}", timeout=60).read()
            return time.perf_counter() - start

        for query in queries[-4:]:
            seconds("/text", query)
            seconds("/text/viewer", query)
        start, used = time.perf_counter(), _used(process.pid)
        asked = queries[: N_CLIENTS * N_PAGES]
        with ThreadPoolExecutor(N_CLIENTS) as clients:
            taken = list(clients.map(lambda query: seconds("/text", query), asked))
        wall, of_pages = time.perf_counter() - start, _used(process.pid) - used
        used = _used(process.pid)
        for query in asked[:30]:
            seconds("/text/viewer", query)
        return {
            "pages a second": len(asked) / wall,
            "page, p50, ms": 1000 * float(np.median(taken)),
            "page, p99, ms": 1000 * float(np.percentile(taken, 99)),
            "page, CPU ms of the server": 1000 * of_pages / len(asked),
            "interactive map, CPU ms of the server": 1000 * (_used(process.pid) - used) / 30,
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _spread(values: list[float], digits: int = 3) -> str:
    middle, low, high = np.median(values), min(values), max(values)
    return f"{middle:.{digits}g} [{low:.{digits}g}, {high:.{digits}g}]"


def _row(name: str, former: list[float], now: list[float], target: str) -> list[str]:
    ratios = [b / a for a, b in zip(former, now, strict=True)]
    return [name, _spread(former), _spread(now), _spread(ratios, 2), target]


def _profiles(former: Path, now: Path) -> str:
    """Write where the time of a default fit goes in both packages."""
    code = CORPUS.format(str(data_folder())) + PROFILED_FIT.format(STEPS)
    before, after = run(code, former), run(code, now)
    rows = [[name, *(f"{side[name]:.1f}" for side in (before, after))] for name in STEPS]
    rest = [side["cpu"] - sum(side[name] for name in STEPS) for side in (before, after)]
    rows.append(["rest", *(f"{seconds:.1f}" for seconds in rest)])
    rows.append(["all", *(f"{side['cpu']:.1f}" for side in (before, after))])
    table = markdown_table(["step of a default fit, CPU s by cProfile", "former", "now"], rows, 1)
    return f"{table}\n\n{NOT_PAID}\n"


def main() -> None:
    """Measure in pairs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("former", type=Path, help="working tree of the former commit")
    parser.add_argument("--pairs", type=int, default=N_PAIRS)
    parser.add_argument("--only", default="", help="regular expression of names of works")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    former, now = arguments.former.resolve(), REPOSITORY
    for package in (former, now):
        compile_dir(package / "sklearn_mnm", quiet=1)
    rows = []
    for name, (code, target) in works().items():
        if not re.search(arguments.only, name):
            continue
        pairs = [(run(code, former), run(code, now)) for _ in range(arguments.pairs)]
        sides = [[side["cpu"] for side in each] for each in zip(*pairs, strict=True)]
        rows.append(_row(f"{name}, CPU s", sides[0], sides[1], target))
        if "fit" in name or "index" in name:
            sides = [[side["peak"] for side in each] for each in zip(*pairs, strict=True)]
            peak = {"default": "1.0 GB", "index": "0.45 GB"}.get(name.split()[0], "")
            rows.append(_row(f"{name}, peak GB", sides[0], sides[1], peak))
            print(rows[-2], flush=True)
        print(rows[-1], flush=True)
    profiles = ""
    if re.search(arguments.only, "profile"):
        profiles = _profiles(former, now)
        print(profiles, flush=True)
    if re.search(arguments.only, "page"):
        titles = load_pretrained()[0].neighbours_.titles
        queries = [str(title) for title in titles[:: len(titles) // 400]]
        served = [(pages(former, queries), pages(now, queries)) for _ in range(arguments.pairs)]
        targets = {
            "pages a second": "at least 60 a second",
            "page, p99, ms": "at most 300 ms",
            "interactive map, CPU ms of the server": "at most 50 ms",
        }
        for name in served[0][0]:
            sides = [[side[name] for side in each] for each in zip(*served, strict=True)]
            rows.append(_row(name, sides[0], sides[1], targets.get(name, "")))
            print(rows[-1], flush=True)
    table = markdown_table(["work", "former", "now", "now / former", "target"], rows, 1)
    text = f"""Made by `python -m benchmarks against_former CHECKOUT`; CHECKOUT is a working tree of
commit 92ae500.

Each work runs in fresh processes with one thread, one of either package after the other, both
compiled to bytecode as pip does:
{arguments.pairs} pairs, median [smallest, largest]. Points are random, of 512 dimensions; the
memory of an index is what it takes beside them. Pages are those of titles, asked for by {N_CLIENTS}
clients at once on two cores; those of the former package tell less.

{table}

{profiles}"""
    print(text)
    if arguments.output:
        replace_section(arguments.output, "against-former", "Against the former package", text)
