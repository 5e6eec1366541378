"""Parts of the server by themselves: cache, workers, what is forgotten, files of any bytes."""

import asyncio
import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.app.conftest import image_of, zipped

pytest.importorskip("starlette")

from sklearn_mnm.app import create_app
from sklearn_mnm.app._cache import BodyCache
from sklearn_mnm.app._nifti import MapRefused, read_map
from sklearn_mnm.app._uploads import UploadedMaps
from sklearn_mnm.app._workers import TooBusy, Workers
from sklearn_mnm.app.server import _address
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.exceptions import InvalidInputError

MASK = load_mask(resolution=8)
WHOLE = image_of(np.arange(2016, dtype=np.float32).reshape(12, 14, 12))
PACKED = zipped(WHOLE)


def test_cache_keeps_what_was_asked_for_last_and_no_more_bytes_than_it_may():
    made = []
    cache = BodyCache(10_000)

    def get(key, size=4000):
        def make():
            made.append(key)
            return bytes(size)

        return cache.get(key, make)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == bytes(4000)
        assert cache.n_bytes <= 10_000
    # b was asked for longest ago when c came.
    assert made == ["a", "b", "c", "b"]
    assert get("large", 10_001) == bytes(10_001)
    get("a")
    assert made == ["a", "b", "c", "b", "large"]
    assert 800 < cache.n_bytes <= 10_000


def test_a_body_that_many_wait_for_is_made_once():
    cache, made, ready = BodyCache(100), [], threading.Event()

    def make():
        made.append(1)
        ready.wait(10)
        return b"body"

    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(cache.get, "key", make) for _ in range(5)]
        ready.set()
        assert [future.result(10) for future in waiting] == [b"body"] * 5
    assert made == [1]


def test_a_failure_is_told_and_not_kept():
    cache = BodyCache(100)

    def fail():
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        cache.get("key", fail)
    assert cache.get("key", lambda: b"body") == b"body"


def test_workers_take_a_limited_number_of_tasks():
    async def crowd():
        workers, go = Workers(2, 3), threading.Event()
        running = [asyncio.ensure_future(workers.run(go.wait, 10)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await workers.run(go.is_set)
        go.set()
        assert await asyncio.gather(*running) == [True] * 5
        assert await workers.run(go.is_set)
        workers.close()

    asyncio.run(crowd())


def test_maps_not_looked_at_are_forgotten():
    kept = UploadedMaps(2)
    first, second = kept.add("map 1"), kept.add("map 2")
    assert kept.get(first) == "map 1"
    third = kept.add("map 3")
    assert kept.get(second) is None
    assert [kept.get(first), kept.get(third)] == ["map 1", "map 3"]
    assert kept.get("") is None


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), "64"])
def test_sizes_of_uploads_that_are_none_are_refused(encoder, size):
    with pytest.raises(InvalidInputError, match="max_upload_mb"):
        create_app(encoder, max_upload_mb=size)


def test_a_model_that_knows_no_places_is_refused(small_corpus):
    from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder

    vocabulary = small_corpus.studies.vocabulary
    texts = [" ".join(vocabulary[row.indices]) for row in small_corpus.studies.counts]
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=0, random_state=0)
    encoder = MNMEncoder(embedder=embedder, random_state=0).fit(texts, small_corpus.maps)
    with pytest.raises(InvalidInputError, match="fitted to maps given as arrays"):
        create_app(encoder)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/"),
        ("0.0.0.0", "http://127.0.0.1:80/"),
        ("::", "http://[::1]:80/"),
        ("brain.example.org", "http://brain.example.org:80/"),
    ],
)
def test_address_is_one_that_a_browser_finds(host, address):
    assert _address(host, 80) == address


def read(content):
    """Read a map or say why not; anything but a refusal is an error."""
    try:
        found = read_map(io.BytesIO(content), MASK, max_voxels=10_000)
    except MapRefused as error:
        refusal = error
    else:
        assert found.image.get_fdata().max() > 0
        return found
    assert refusal.status in (400, 413, 415)
    assert str(refusal).endswith(".")
    return None


def test_the_map_that_is_damaged_below_is_whole():
    assert read(WHOLE) is not None
    assert read(PACKED) is not None


@given(st.binary(max_size=800))
@settings(max_examples=200)
def test_any_bytes_are_refused(content):
    assert read(content) is None


@given(st.data())
@settings(max_examples=300)
def test_any_damage_of_the_header_is_survived(data):
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 351))
        content[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        # Of nibabel, for numbers that overflow.
        warnings.simplefilter("ignore", RuntimeWarning)
        read(bytes(content))


def test_an_orientation_that_only_the_image_looks_at_may_be_damaged():
    content = bytearray(WHOLE)
    content[255], content[267] = 255, 64
    assert read(bytes(content)) is None


@given(st.integers(0, len(PACKED) - 1))
@settings(max_examples=100)
def test_any_end_too_early_is_refused(length):
    assert read(PACKED[:length]) is None


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
@settings(max_examples=100)
def test_any_damage_of_the_compression_is_survived(place, change):
    content = bytearray(PACKED)
    content[place] ^= change
    read(bytes(content))
