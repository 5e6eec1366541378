"""Changed files are read or refused with an error of the package: quickly, and in little memory.

``python -m benchmarks fuzz`` goes on for as long as one likes; what it or these tests found is kept
in ``crashes``, in the shortest form that brought it out.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.robustness.fuzz_targets import TARGETS, try_bytes

CRASHES = sorted((Path(__file__).parent / "crashes").iterdir())
# More with MNM_TIMES, for whoever has the time.
_EXAMPLES = 120 * int(os.environ.get("MNM_TIMES", "1"))
_SECONDS, _BYTES = 5.0, 2**28

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, "", "1", "nan", "\ud800", "a\x00b", "TAL"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def paths_of(node, path=()):
    """Places in a JSON document."""
    yield path
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from paths_of(child, (*path, key))


def with_another(document, path, value):
    """Copy of a JSON document with something else at a place."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = with_another(document[path[0]], path[1:], value)
    return copy


@st.composite
def changed_files(draw, name):
    """A good file with some bytes, words or, in JSON, values changed."""
    target = TARGETS[name]
    content = draw(st.sampled_from(target.seeds()))
    if target.suffix == ".json" and draw(st.booleans()):
        document = json.loads(content)
        for _ in range(draw(st.integers(1, 3))):
            place = draw(st.sampled_from(list(paths_of(document))))
            document = with_another(document, place, draw(json_values))
        return json.dumps(document).encode("utf-8", "surrogatepass")
    words = [word.encode("utf-8") for word in target.words]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 0, 1, 2, 4, 8, 40, 4000]))
        new = draw(st.binary(max_size=8) | st.sampled_from(words) | st.just(b""))
        if draw(st.integers(0, 9)) == 0:
            new = content[start : start + 40] * draw(st.integers(2, 50))
        content = content[:start] + new + content[start + length :]
    return content


def _most_memory():
    """Most memory that this process has used so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def try_within_bounds(name, content):
    """What comes of bytes, in little time and memory (that is used, not merely asked for)."""
    start, before = time.process_time(), _most_memory()
    outcome = try_bytes(name, content)
    assert time.process_time() - start < _SECONDS
    assert _most_memory() - before < _BYTES
    return outcome


@pytest.mark.parametrize("name", TARGETS)
def test_good_files_are_read(name):
    assert [try_bytes(name, seed) for seed in TARGETS[name].seeds()] == [""] * len(
        TARGETS[name].seeds()
    )


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=_EXAMPLES, suppress_health_check=list(HealthCheck))
def test_changed_files_are_read_or_refused(name, data):
    try_within_bounds(name, data.draw(changed_files(name)))


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_what_once_came_out_does_so_no_more(path):
    # The name of the parser, then a few words on what it was.
    name = path.name.split("-")[0].replace("_", " ")
    assert try_within_bounds(name, path.read_bytes()) in ("", "DataFormatError", "ModelFormatError")
