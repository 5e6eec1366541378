"""Work for ``faults.py`` to kill and repeat, in processes of its own; a server to fetch from."""

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_mnm import HyperbolicBrainTextEmbedder
from sklearn_mnm.datasets import fetch_neuroquery, fetchers, make_literature
from sklearn_mnm.model.out_of_core import transform_to_file
from sklearn_mnm.persistence import save_model
from sklearn_mnm.search.index import PointIndex
from sklearn_mnm.text._embedding_cache import EmbeddingCache

RELEASE = "data-neuroquery_version-1_"
VOCABULARY = f"{RELEASE}vocab-neuroquery7547_vocabulary.txt"
_OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
N_TEXTS, N_POINTS = 40, 40_000


# Children are forked from a server that has imported what they need, so that they begin at once.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "faiss",
        "pooch",
        "requests",
        "torch._dynamo",  # which the first optimizer imports
        *(
            f"sklearn_mnm.{module}"
            for module in ("datasets", "embedder", "index", "out_of_core", "persistence", "text")
        ),
    ]
)


def _begin(connection: Any, work: Callable, arguments: tuple) -> None:
    warnings.simplefilter("ignore")
    connection.send(None)
    connection.send(work(*arguments))


class Child:
    """A process that has begun some work; what the work returns comes through a pipe."""

    def __init__(self, work: Callable, *arguments: Any):
        self.connection, other = _CONTEXT.Pipe(duplex=False)
        self.process = _CONTEXT.Process(target=_begin, args=(other, work, arguments))
        self.process.start()
        other.close()
        self.connection.recv()

    def result(self) -> Any:
        """Wait for the end."""
        try:
            return self.connection.recv()
        finally:
            self.process.join()

    def kill(self, moment: float) -> bool:
        """Kill after some seconds; whether that came before the end."""
        self.process.join(moment)
        self.process.kill()
        return self.was_killed()

    def was_killed(self) -> bool:
        """Wait for the end, and tell which it was."""
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL


def operations(folder: Path, last: int | None, work: Callable, *arguments: Any) -> int:
    """Do some work and count what it does to names in a folder, or be killed before the last.

    Files are opened, renamed and removed, and folders made and removed.
    """
    count = 0

    def watch(event: str, names: tuple) -> None:
        nonlocal count
        if event in _OPERATIONS and str(names[0]).startswith(str(folder)):
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

    sys.addaudithook(watch)
    work(*arguments)
    return count


def duration(work: Callable, *arguments: Any) -> float:
    """Seconds of some work in a process."""
    child = Child(work, *arguments)
    start = time.perf_counter()
    child.result()
    return time.perf_counter() - start


def fingerprint(*arrays: np.ndarray) -> str:
    """SHA-256 of all bits of some arrays."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(f"{array.dtype}{array.shape}".encode())
        content.update(np.ascontiguousarray(array))
    return content.hexdigest()


def studies(n: int = 200) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Draw counts of terms and of peaks from some topics."""
    generator = np.random.default_rng(0)
    topics = generator.dirichlet(np.full(8, 0.2), size=n)
    X = generator.poisson(6 * topics @ generator.gamma(0.3, size=(8, 60))).astype(float)
    Y = generator.poisson(6 * topics @ generator.gamma(0.3, size=(8, 20))).astype(float)
    return sparse.csr_matrix(X), Y


def fit(checkpoint: Path | None, memory: Path | None = None, max_epochs: int = 20) -> str:
    """Fit, and return the fingerprint of all that came out."""
    X, Y = studies()
    embedder = HyperbolicBrainTextEmbedder(
        max_epochs=max_epochs,
        batch_size=50,
        random_state=0,
        checkpoint=checkpoint,
        memory=memory,
        device="cpu",
    ).fit(X, Y)
    return fingerprint(*embedder.transform(X, Y), embedder.predict(X), embedder.history_.to_numpy())


def fitted(seed: int) -> HyperbolicBrainTextEmbedder:
    """Fit quickly."""
    embedder = HyperbolicBrainTextEmbedder(max_epochs=1, random_state=seed, device="cpu")
    return embedder.fit(*studies())


def save(model: HyperbolicBrainTextEmbedder, folder: Path) -> None:
    """Save a model in place of another."""
    save_model(model, folder, overwrite=True)


def fetch(base: str, folder: Path) -> str:
    """Fetch the release of a server."""
    # The checksum of the real vocabulary is known beforehand, that of a generated one is not.
    fetchers.SHA256.pop(VOCABULARY, None)
    fetched = fetch_neuroquery(folder, sources="title", mirror=base)
    return fingerprint(fetched.counts.data, fetched.peaks[["x", "y", "z"]].to_numpy(float))


def points(rows: np.ndarray, sign: float) -> np.ndarray:
    """Points of a hyperboloid of five dimensions."""
    space = np.sin(sign * rows * np.arange(1, 6))
    return np.column_stack([np.sqrt(1 + np.square(space).sum(axis=1)), space])


def write(path: Path, sign: float) -> np.ndarray:
    """Write points to a file and look for neighbours among them."""
    rows = np.arange(N_POINTS)[:, np.newaxis]
    written = transform_to_file(lambda batch: points(batch, sign), rows, path, batch_size=500)
    return PointIndex(written, method="faiss").search(np.array(written[:5]), 3)[0]


def embed(folder: Path) -> str:
    """Fill a cache of embeddings, or read it."""
    cache = EmbeddingCache(folder, "a model")
    found = []
    for number in range(N_TEXTS):
        with suppress(ValueError):
            vector = cache.read(f"text {number}")
            if vector is not None:
                found.append(vector)
                continue
        found.append(np.random.default_rng(number).normal(size=384).astype(np.float32))
        cache.write(f"text {number}", found[-1])
    return fingerprint(*found)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder, ranges included, as slowly as a network."""

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        content = (Path(self.directory) / self.path[1:]).read_bytes()
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.server.starts.append(start)
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        with suppress(ConnectionError):
            for begin in range(start, len(content), 2**14):
                self.wfile.write(content[begin : begin + 2**14])
                time.sleep(0.002)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Serve a folder; yield its address and where each answer so far began."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *request: _Handler(*request, directory=str(folder))
    )
    server.starts = []
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.starts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_release(folder: Path) -> None:
    """Write generated studies to files named as those of NeuroQuery."""
    folder.mkdir()
    literature = make_literature(1500, random_state=0).studies
    literature.metadata.to_csv(folder / f"{RELEASE}metadata.tsv.gz", sep="\t", index=False)
    literature.peaks.to_csv(folder / f"{RELEASE}coordinates.tsv.gz", sep="\t", index=False)
    (folder / VOCABULARY).write_text("\n".join(literature.vocabulary), encoding="utf-8")
    name = VOCABULARY.replace("_vocabulary.txt", "_source-title_type-count_features.npz")
    sparse.save_npz(folder / name, literature.counts)
