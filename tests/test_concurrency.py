"""Fitted objects are asked by several threads at once and answer as they do to one."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMDecoder, MNMEncoder
from sklearn_mnm.model.out_of_core import transform_to_file
from sklearn_mnm.search.index import PointIndex
from sklearn_mnm.text import TermVectorizer

N_THREADS, N_CALLS = 8, 64
WORDS = ["pain", "heat", "memory", "load", "fear", "faces", "motor", "reading", "reward", "speech"]


@pytest.fixture(autouse=True)
def frequent_switches():
    """Threads take turns a thousand times more often than they do by default."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def corpus(n=120):
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 4)) for _ in range(n)]
    maps = np.array([[text.count(word) for word in WORDS] for text in texts], dtype=float)
    return texts, maps @ random.gamma(0.3, size=(len(WORDS), 9)) + random.random((n, 9))


TEXTS, MAPS = corpus()
PARTS = {"embedder": HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0), "random_state": 0}


def encoder():
    return MNMEncoder(vectorizer=TermVectorizer(min_df=1), **PARTS).fit(TEXTS, MAPS)


def decoder():
    return MNMDecoder(vectorizer=TermVectorizer(min_df=1), **PARTS).fit(MAPS, TEXTS)


def embedder_calls():
    fitted = encoder()
    embedder, X = fitted.embedder_, fitted.vectorizer_.transform(TEXTS)
    points = embedder.transform(X)
    return {
        "transform": lambda rows: embedder.transform(X[rows], MAPS[rows]),
        "predict": lambda rows: embedder.predict(X[rows]),
        "inverse_transform": lambda rows: embedder.inverse_transform(points[rows]),
        "similarity": lambda rows: embedder.similarity(points[rows], points),
    }


def encoder_calls():
    fitted, texts = encoder(), np.array(TEXTS)
    return {
        "transform": lambda rows: fitted.transform(texts[rows]),
        "predict": lambda rows: fitted.predict(texts[rows], return_std=True),
        "retrieve": lambda rows: fitted.retrieve(texts[rows], k=5),
        "ancestors": lambda rows: fitted.ancestors(texts[rows], k=5),
        "walk": lambda rows: fitted.walk(TEXTS[rows[0]]),
        "explain": lambda rows: str(fitted.explain(f"{TEXTS[rows[0]]} memmory")),
    }


def decoder_calls():
    fitted = decoder()
    return {
        "transform": lambda rows: fitted.transform(MAPS[rows]),
        "decision_function": lambda rows: fitted.decision_function(MAPS[rows]),
        "predict_topk": lambda rows: fitted.predict_topk(MAPS[rows], k=5),
        "retrieve": lambda rows: fitted.retrieve(MAPS[rows], k=5),
        "ancestors": lambda rows: fitted.ancestors(MAPS[rows], k=5),
        "walk": lambda rows: fitted.walk(MAPS[rows[:1]]),
    }


def vectorizer_calls():
    fitted = TermVectorizer(min_df=1).fit(TEXTS)
    return {"transform": lambda rows: fitted.transform([TEXTS[row] for row in rows]).toarray()}


def index_calls(tmp_path):
    points = encoder().transform(TEXTS)
    # Pages of the file are given back while others read them.
    stored = transform_to_file(lambda rows: rows, points, tmp_path / "points.npy")
    exact, near = PointIndex(points, method="exact"), PointIndex(points, method="faiss")
    on_disk = PointIndex(stored, method="exact")
    return {
        "exact": lambda rows: exact.search(points[rows], 7),
        "faiss": lambda rows: near.search(points[rows], 7),
        "on disk": lambda rows: on_disk.search(points[rows], 7),
    }


def answer(found):
    """All bits of arrays, data frames and tuples."""
    if isinstance(found, tuple):
        return [answer(part) for part in found]
    return (
        found.to_csv() if hasattr(found, "to_csv") else getattr(found, "tobytes", lambda: found)()
    )


@pytest.mark.parametrize(
    "make", [embedder_calls, encoder_calls, decoder_calls, vectorizer_calls, index_calls]
)
def test_eight_threads_get_what_one_gets(make, tmp_path):
    calls = make(tmp_path) if make is index_calls else make()
    generator = np.random.default_rng(1)
    work = [
        (name, generator.choice(len(TEXTS), 3, replace=False))
        for _ in range(N_CALLS)
        for name in calls
    ]

    def do(call):
        name, rows = call
        return answer(calls[name](rows))

    # Threads first, so that what is made at the first call is made by several.
    with ThreadPoolExecutor(N_THREADS) as threads:
        found = list(threads.map(do, work))
    for call, together in zip(work, found, strict=True):
        assert together == do(call), call[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_asking_again_and_again_takes_no_more_memory():
    index = PointIndex(encoder().transform(TEXTS))

    def own_kilobytes():
        gc.collect()
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(dict(line.split(":", 1) for line in lines)["RssAnon"].split()[0])

    def ask(times):
        for number in range(times):
            index.search(index.points[number % 100 : number % 100 + 5], 3)

    ask(200)
    before = own_kilobytes()
    ask(800)
    # The similarities of all calls, if something kept them, would be 4,000.
    assert own_kilobytes() - before < 1000
