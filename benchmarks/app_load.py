"""Load of the web page: ``python benchmarks/app_load.py --queries 10000 --at-a-time 8``.

Starts ``mnm app`` with the bundled model and asks as browsers do, for the page of a query and then
for its interactive map, or for the same as JSON. Needs no data; Linux only.
"""

import argparse
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import local
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from sections import replace_section

from sklearn_mnm import load_pretrained

# What a query asks for, and the limit on kept answers is reached after a hundred.
KINDS = {"page": "/text?q={}", "map": "/text/viewer?q={}", "json": "/api/encode?text={}"}
N_WARMING = 200
N_PIECES = 10


class Server(NamedTuple):
    """A server that runs.

    Attributes
    ----------
    pid, port : int
    seconds : float
        From the start of the command until it answered.
    """

    pid: int
    port: int
    seconds: float

    def megabytes(self) -> float:
        """Memory that is resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(dict(line.split(":", 1) for line in lines)["VmRSS"].split()[0]) / 1024


@contextmanager
def serving() -> Iterator[Server]:
    """Run ``mnm app`` on a free port."""
    command = [sys.executable, "-c", "from sklearn_mnm.cli import main; main()"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "app", "--port", "0", "--quiet"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout is not None
        told = re.search(r"http://127.0.0.1:(\d+)/", process.stdout.readline())
        if told is None:
            raise RuntimeError("mnm app did not start")
        port = int(told.group(1))
        Client(port).ask("/health")
        yield Server(process.pid, port, time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


class Client:
    """Connection that stays open, as those of browsers do."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(self, path: str) -> float:
        """Return the seconds that an answer took; what is no answer is an error."""
        start = time.perf_counter()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f"{path}: {answer.status}")
        return time.perf_counter() - start


def queries(seed: int = 0) -> Iterator[str]:
    """Pairs of terms of the model, so many that hardly any comes twice."""
    terms = load_pretrained().encoder.terms_
    random = np.random.default_rng(seed)
    while True:
        yield " ".join(terms[random.choice(len(terms), 2, replace=False)])


def ask_all(
    port: int, texts: list[str], kinds: list[str], at_a_time: int
) -> dict[str, list[float]]:
    """Ask everything, and return seconds by kind."""
    seconds: dict[str, list[float]] = defaultdict(list)
    own = local()

    def ask(text: str) -> None:
        if not hasattr(own, "client"):
            own.client = Client(port)
        for kind in kinds:
            seconds[kind].append(own.client.ask(KINDS[kind].format(quote(text))))

    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(ask, texts))
    return seconds


def measure(n_queries: int, at_a_time: int, kinds: list[str]) -> dict[str, object]:
    """Start a server, ask, and return what was measured."""
    texts = queries()
    with serving() as server:
        alone = Client(server.port)
        first = {kind: alone.ask(KINDS[kind].format("reward%20anticipation")) for kind in kinds}
        later = ask_all(server.port, list(islice(texts, 20)), kinds, 1)
        ask_all(server.port, list(islice(texts, N_WARMING)), kinds, at_a_time)
        memory = [server.megabytes()]
        seconds: dict[str, list[float]] = defaultdict(list)
        start = time.perf_counter()
        for piece in np.array_split(np.arange(n_queries), N_PIECES):
            asked = ask_all(server.port, list(islice(texts, len(piece))), kinds, at_a_time)
            for kind, times in asked.items():
                seconds[kind] += times
            memory.append(server.megabytes())
        total = time.perf_counter() - start
    return {
        "start": server.seconds,
        "first": first,
        "later": {kind: float(np.median(times)) for kind, times in later.items()},
        "seconds": seconds,
        "total": total,
        "memory": memory,
    }


def report(result: dict, n_queries: int, at_a_time: int) -> str:
    """Write what was measured as Markdown."""
    memory = result["memory"]
    lines = [
        f"{n_queries:,} queries, {at_a_time} at a time, {os.cpu_count()} cores; "
        f"{n_queries / result['total']:.1f} queries a second. The server answered "
        f"{result['start']:.1f} s after the command was given.\n",
        "| | first, ms | later, alone, ms | p50 under load, ms | p99 under load, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, times in result["seconds"].items():
        p50, p99 = np.percentile(times, [50, 99])
        values = result["first"][kind], result["later"][kind], p50, p99
        lines.append(f"| {kind} | " + " | ".join(f"{1000 * v:.0f}" for v in values) + " |")
    lines += [
        f"\nMemory: {memory[0]:.0f} MB after {N_WARMING} queries to warm up, then after each tenth "
        f"of the queries {', '.join(f'{value:.0f}' for value in memory[1:])} MB.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--at-a-time", type=int, default=8)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["page", "map"])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    result = measure(arguments.queries, arguments.at_a_time, arguments.kinds)
    text = report(result, arguments.queries, arguments.at_a_time)
    print(text)
    if arguments.output:
        command = f"python benchmarks/app_load.py --queries {arguments.queries}"
        command += f" --at-a-time {arguments.at_a_time} --kinds {' '.join(arguments.kinds)}"
        text = f"Made by `{command} --output {arguments.output}`.\n\n{text}"
        replace_section(arguments.output, "app-load", "The web page under load", text)


if __name__ == "__main__":
    main()
