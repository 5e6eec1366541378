"""Load of the web page: ``python -m benchmarks app_load --queries 10000 --at-a-time 8``.

Starts ``mnm app`` with the bundled model and asks as browsers do, for the page of a query and then
for its interactive map, for its report, for the page of a map that is uploaded, or for the same as
JSON. Needs no data; Linux only.
"""

import argparse
import http.client
import os
import re
import signal
import socket
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

import nilearn
import numpy as np

from benchmarks.common.sections import replace_section
from sklearn_mnm import load_pretrained

# What a query asks for, and the limit on kept answers is reached after a hundred.
KINDS = {
    "page": "/text?q={}",
    "map": "/text/viewer?q={}",
    "json": "/api/encode?text={}",
    "upload": "/map",
    "report": "/text/report.html?q={}",
}
UPLOADED = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="map.nii.gz"\r\n\r\n'
# Queries before memory is looked at, at the most, and the tenth of those that follow.
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

    def descriptors(self) -> int:
        """Files and connections that are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextmanager
def serving(
    *options: str, first: str = "", log: Path | None = None, **environment: str
) -> Iterator[Server]:
    """Run ``mnm app``, on a free port unless options tell one, after some code to run first."""
    command = [sys.executable, "-c", f"{first}from sklearn_mnm.cli import main; main()"]
    start = time.perf_counter()
    with open(log or os.devnull, "a") as errors:
        process = subprocess.Popen(
            [*command, "app", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        )
    try:
        assert process.stdout is not None
        told = re.search(r"http://127.0.0.1:(\d+)/", process.stdout.readline())
        if told is None:
            raise RuntimeError("mnm app did not start")
        port = int(told.group(1))
        with socket.create_connection(("127.0.0.1", port), 300) as client:
            client.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(1)
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
        if path == KINDS["upload"]:
            self.connection.request("POST", path, form(UPLOADED.read_bytes()), FORM)
            answer = self.connection.getresponse()
            answer.read()
            path = answer.headers.get("Location", path)
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise RuntimeError(f"{path}: {answer.status}")
        return time.perf_counter() - start


def form(content: bytes) -> bytes:
    """Body of a request that uploads a file."""
    return HEAD + content + b"\r\n--x--\r\n"


def queries(seed: int = 0) -> Iterator[str]:
    """Pairs of terms of the model, so many that hardly any comes twice."""
    terms = load_pretrained().encoder.terms_
    random = np.random.default_rng(seed)
    while True:
        yield " ".join(terms[random.choice(len(terms), 2, replace=False)])


def ask_all(
    port: int, texts: list[str], kinds: list[str], rare: list[str], at_a_time: int
) -> dict[str, list[float]]:
    """Ask everything, of every tenth text for what is rare too, and return seconds by kind."""
    seconds: dict[str, list[float]] = defaultdict(list)
    own = local()

    def ask(number: int, text: str) -> None:
        if not hasattr(own, "client"):
            own.client = Client(port)
        for kind in kinds + rare * (number % 10 == 0):
            seconds[kind].append(own.client.ask(KINDS[kind].format(quote(text))))

    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(ask, range(len(texts)), texts))
    return seconds


def measure(n_queries: int, at_a_time: int, kinds: list[str], rare: list[str]) -> dict[str, object]:
    """Start a server, ask, and return what was measured."""
    texts, n_warming = queries(), min(N_WARMING, n_queries // 10)
    with serving("--quiet") as server:
        alone = Client(server.port)
        text = "reward%20anticipation"
        first = {kind: alone.ask(KINDS[kind].format(text)) for kind in kinds + rare}
        later = ask_all(server.port, list(islice(texts, 20)), kinds, rare, 1)
        ask_all(server.port, list(islice(texts, n_warming)), kinds, rare, at_a_time)
        memory, descriptors = [server.megabytes()], [server.descriptors()]
        seconds: dict[str, list[float]] = defaultdict(list)
        start = time.perf_counter()
        for piece in np.array_split(np.arange(n_queries), N_PIECES):
            some = list(islice(texts, len(piece)))
            asked = ask_all(server.port, some, kinds, rare, at_a_time)
            for kind, times in asked.items():
                seconds[kind] += times
            memory.append(server.megabytes())
            descriptors.append(server.descriptors())
        total = time.perf_counter() - start
    return {
        "start": server.seconds,
        "warming": n_warming,
        "first": first,
        "later": {kind: float(np.median(times)) for kind, times in later.items()},
        "seconds": seconds,
        "total": total,
        "memory": memory,
        "descriptors": descriptors,
    }


def report(result: dict, n_queries: int, at_a_time: int) -> str:
    """Write what was measured as Markdown."""
    memory = result["memory"]
    n_requests = sum(map(len, result["seconds"].values()))
    lines = [
        f"{n_queries:,} queries, {n_requests:,} requests, {at_a_time} at a time, on "
        f"{os.cpu_count()} cores: {n_queries / result['total']:.1f} queries a second. "
        f"The server answered {result['start']:.1f} s after the command was given.\n",
        "| | first, ms | later, alone, ms | p50 under load, ms | p99 under load, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, times in result["seconds"].items():
        p50, p99 = np.percentile(times, [50, 99])
        values = result["first"][kind], result["later"][kind], p50, p99
        lines.append(f"| {kind} | " + " | ".join(f"{1000 * v:.0f}" for v in values) + " |")
    megabytes = ", ".join(f"{value:.0f}" for value in memory[1:])
    lines += [
        f"\nMemory: {memory[0]:.0f} MB after the first {result['warming']} queries, which are not "
        f"counted. After each tenth of the queries: {megabytes} MB. Open files and connections: "
        f"{', '.join(map(str, result['descriptors']))}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print or write a section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--at-a-time", type=int, default=8)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["page", "map"])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    parser.add_argument(
        "--rarely", nargs="+", choices=KINDS, default=[], help="of every tenth query only"
    )
    arguments = parser.parse_args()
    kinds, rare = arguments.kinds, arguments.rarely
    result = measure(arguments.queries, arguments.at_a_time, kinds, rare)
    text = report(result, arguments.queries, arguments.at_a_time)
    print(text)
    if arguments.output:
        command = f"python -m benchmarks app_load --queries {arguments.queries}"
        command += f" --at-a-time {arguments.at_a_time} --kinds {' '.join(kinds)}"
        command += f" --rarely {' '.join(rare)}" if rare else ""
        text = f"Made by `{command} --output {arguments.output}`.\n\n{text}"
        replace_section(arguments.output, "app-load", "The web page under load", text)
