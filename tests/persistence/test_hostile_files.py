"""Files that were tampered with are refused, or do no harm."""

import builtins
import contextlib
import copy
import hashlib
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from numbers import Real

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval

from sklearn_mnm.exceptions import InvalidInputError, ModelFormatError
from sklearn_mnm.persistence import load_model, save_model, state
from sklearn_mnm.persistence.schema import SAVED, check_parameters
from sklearn_mnm.persistence.state import StateReader

# More with MNM_TIMES, for whoever has the time.
_TIMES = int(os.environ.get("MNM_TIMES", "1"))


def edit(folder, change, target):
    """Copy a model, with a change of its description."""
    description = json.loads((folder / "model.json").read_text())
    change(description)
    target.mkdir(exist_ok=True)
    (target / "model.json").write_text(json.dumps(description))
    (target / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
    return target


def put(path, value):
    """Change of a description: set the entry at a path of keys."""

    def change(description):
        *parents, last = path.split("/")
        node = description
        for key in parents:
            node = node[int(key) if isinstance(node, list) else key]
        if value is put:
            del node[last]
        else:
            node[last] = value

    return change


FITTED = "model/state/fitted/items/"
PARAMS = "model/state/params/items/"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("format", "pickle", "does not describe a model"),
        ("format_version", 2, r"format_version is 2.*Upgrade"),
        ("format_version", True, "format_version is True"),
        ("format_version", 0, "format_version is 0"),
        ("format_version", put, "format_version is None"),
        ("weights_sha256", "0" * 64, "checksum"),
        ("weights_sha256", put, "'weights_sha256' is missing"),
        ("weights_sha256", None, "checksum"),
        ("model", put, "'model' is missing"),
        ("model", [1, 2], "it holds a list, no model"),
        ("model/class", "os.system", r"'os\.system' is no class"),
        ("model/class", "../../evil", "is no class"),
        ("model/class", "__class__", "is no class"),
        ("model/class", ["DecodeHead"], "expected str"),
        ("model/class", "DecodeHead", "params"),
        ("model/kind", "pickle", "no kind of value 'pickle'"),
        ("model/kind", put, "kind"),
        ("model/state", 3, "expected dict"),
        (PARAMS + "memory", "folder/of/sender", "memory is not None.*must not bring"),
        (PARAMS + "checkpoint", "folder/of/sender", "checkpoint is not None.*must not bring"),
        (PARAMS + "curvature", -1, "'curvature'"),
        (PARAMS + "towers/state/params/items/n_hidden", 0, "'n_hidden'"),
        (PARAMS + "towers/state/params/items/n_hidden", "many", "'n_hidden'"),
        (PARAMS + "towers/state/params/items/evil", 1, "'evil'"),
        (PARAMS + "towers", 1, "'towers'"),
        (PARAMS + "objective", 1, "'objective'"),
        (PARAMS + "evil", 1, "evil"),
        (FITTED + "__class__", "x", "no fitted attribute"),
        (FITTED + "fit", 1, "no fitted attribute"),
        (FITTED + "_n_features_out", 1, "no fitted attribute"),
        (FITTED + "n_features_in_", put, "n_features_in_ is missing"),
        (FITTED + "joint_space_", None, "of different alignments"),
        (FITTED + "decode_head_", put, "decode_head_ is missing"),
        (FITTED + "decode_head_", 1, "decode_head_ is of type int"),
        (FITTED + "n_regions_", 10**15, "other parts need 10{15}"),
        (FITTED + "n_regions_", 10**30, "too large"),
        (FITTED + "curvature_", 0.0, "curvature=0.0 must be positive"),
        (FITTED + "curvature_", {"kind": "float", "value": "inf"}, "curvature"),
        (FITTED + "text_coef_/values", "/etc/passwd", "/etc/passwd"),
        (FITTED + "text_coef_/dtype", "object", "object"),
        (FITTED + "text_coef_/dtype", "int8", "safe"),
        (FITTED + "text_coef_/scale", "fitted.feature_weights_", "scales of shape"),
        (FITTED + "text_coef_/shape", [10**9, 10**9], "cannot be bits"),
        (FITTED + "text_coef_/shape", [0, 10**18], "cannot be bits"),
        (FITTED + "text_coef_/shape", [-1, -800], "cannot be bits"),
        (FITTED + "history_", {"kind": "same", "object": 99}, "index out of range"),
        (
            FITTED + "history_",
            {"kind": "same", "object": 0},
            "history_ is of type Towers",
        ),
        (FITTED + "history_", {"kind": "tuple", "items": 3}, "expected list"),
        ("model/state/output", "print", "output is 'print'"),
    ],
)
def test_changed_descriptions_are_refused(saved_embedder, path, value, problem, tmp_path):
    folder = edit(saved_embedder, put(path, value), tmp_path / "model")
    with pytest.raises(ModelFormatError, match=problem) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": NaN}',
        b'{"a": ' * 100_000,
        b"9" * 10_000,
    ],
)
def test_files_that_are_no_description_are_refused(saved_embedder, content, tmp_path):
    folder = edit(saved_embedder, lambda description: None, tmp_path / "model")
    (folder / "model.json").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"model\.json"):
        load_model(folder)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_are_refused(saved_embedder, number, tmp_path):
    folder = edit(saved_embedder, put(FITTED + "best_epoch_", "HERE"), tmp_path / "model")
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"HERE"', number))
    with pytest.raises(ModelFormatError, match=r"is not allowed|is no number"):
        load_model(folder)


def test_missing_folders_and_files_are_named(saved_embedder, tmp_path):
    with pytest.raises(ModelFormatError, match=r"nowhere.*written by save_model"):
        load_model(tmp_path / "nowhere")
    folder = edit(saved_embedder, lambda description: None, tmp_path / "model")
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ModelFormatError, match=r"weights\.safetensors: there is no such file"):
        load_model(folder)
    os.mkfifo(folder / "weights.safetensors")
    with pytest.raises(ModelFormatError, match="there is no such file"):
        load_model(folder)


def test_huge_descriptions_are_refused_unread(saved_embedder, tmp_path):
    folder = edit(saved_embedder, lambda description: None, tmp_path / "model")
    os.truncate(folder / "model.json", 2**40)  # takes no space
    with pytest.raises(ModelFormatError, match="bytes are no description"):
        load_model(folder)


def peak_of(action):
    """Bytes that Python's allocators, those of numpy included, held at most."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refuse(folder, problem):
    with pytest.raises(ModelFormatError, match=problem):
        load_model(folder)


@pytest.mark.parametrize("size", [2**20, 2**42])
@pytest.mark.parametrize("is_told", [True, False])
def test_weights_that_are_not_as_long_as_told_are_refused_unread(
    saved_embedder, size, is_told, tmp_path
):
    """Files take no space; those of earlier versions do not tell how long they are."""
    change = put("weights_bytes", size) if is_told else lambda d: d.pop("weights_bytes")
    folder = edit(saved_embedder, change, tmp_path / "model")
    os.truncate(folder / "weights.safetensors", size)
    assert peak_of(lambda: refuse(folder, "its header tells of")) < 2**20
    folder = edit(saved_embedder, lambda description: None, tmp_path / "other")
    os.truncate(folder / "weights.safetensors", size)
    assert peak_of(lambda: refuse(folder, r"model\.json tells of")) < 2**20


def test_weights_beyond_all_memory_are_refused_unread(saved_embedder, tmp_path):
    folder = edit(saved_embedder, lambda d: d.pop("weights_bytes"), tmp_path / "model")
    n = 2**43
    header = json.dumps({"x": {"dtype": "U8", "shape": [n], "data_offsets": [0, n]}}).encode()
    path = folder / "weights.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    try:
        os.truncate(path, 8 + len(header) + n)
    except OSError:
        pytest.skip("files of this size are not possible here")
    assert peak_of(lambda: refuse(folder, "GiB of memory")) < 2**20


@pytest.mark.parametrize(
    "header", [b"[]", b"{}x", b'{"x": 1}', b'{"x": {"data_offsets": [0, -1]}}', b"[" * 9999]
)
def test_headers_of_weights_that_are_none_are_refused(saved_embedder, header, tmp_path):
    folder = edit(saved_embedder, lambda d: d.pop("weights_bytes"), tmp_path / "model")
    path = folder / "weights.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refuse(folder, "header")


@pytest.mark.parametrize(
    ("unit", "problem"),
    [(b"{},", "more than 500000 objects"), (b"[[]],", "objects and lists"), (b"1,", "values")],
)
def test_descriptions_that_unfold_in_memory_are_refused(saved_embedder, unit, problem, tmp_path):
    folder = edit(saved_embedder, lambda description: None, tmp_path / "model")
    path = folder / "model.json"
    content = path.read_bytes()[:-1] + b', "more": [' + unit * (2**25 // len(unit)) + b"1]}"
    path.write_bytes(content)
    assert peak_of(lambda: refuse(folder, problem)) < 2 * len(content)


def test_a_key_that_stands_twice_is_refused(saved_embedder, tmp_path):
    folder = edit(saved_embedder, lambda description: None, tmp_path / "model")
    path = folder / "model.json"
    text = path.read_text()
    for key in ("class", "n_components"):
        path.write_text(text.replace(f'"{key}": ', f'"{key}": 1, "{key}": ', 1))
        refuse(folder, f"'{key}' stands twice")
    # Quickly, however many there are.
    path.write_text('{"a": 1, ' + ", ".join(f'"{n}": 1' for n in range(10**5)) + ', "a": 2}')
    refuse(folder, "'a' stands twice")


@pytest.mark.parametrize(
    ("place", "value", "owner"),
    [
        ("towers/state/params/items/dropout", -1, "Towers"),
        ("towers/state/params/items/inverse_temperature", -3.0, "Towers"),
        ("max_epochs", -1, "Hyper"),
        ("alpha", [1], "Hyper"),
    ],
)
def test_impossible_parameters_are_refused_by_name(saved_embedder, place, value, owner, tmp_path):
    change = put(f"model/state/params/items/{place}", value)
    name = place.split("/")[-1]
    refuse(edit(saved_embedder, change, tmp_path / "model"), f"'{name}' parameter of {owner}")


@pytest.mark.parametrize("dropout", [[-1, -1], [0.2, 1.0], [2.0, 0.2]])
def test_impossible_dropout_of_towers_is_refused(saved_embedder, dropout, tmp_path):
    change = put(FITTED + "model_/state/dropout", dropout)
    refuse(edit(saved_embedder, change, tmp_path / "model"), "dropout of (text|brain)_tower")


def test_anything_that_says_what_its_parameters_may_be_is_checked(monkeypatch):
    """Not estimators alone."""

    class Objective:
        _parameter_constraints = {"weight": [Interval(Real, 0, None, closed="left")]}  # noqa: RUF012
        weight = -2.0

    with pytest.raises(ValueError, match="'weight' parameter of Objective"):
        check_parameters(Objective())
    check_parameters(object())


def test_arrays_that_are_stored_once_and_made_often_are_refused(monkeypatch):
    monkeypatch.setattr(state, "_LARGEST_STRINGS", 2**20)
    array = np.zeros(2**10, np.uint8)
    bits = {"kind": "array", "dtype": "float64", "values": "x", "shape": [2**13]}
    with pytest.raises(ModelFormatError, match="more memory than"):
        StateReader({"x": array}).decode([bits] * 40, "x")
    StateReader({"x": array}).decode([bits], "x")


def test_deep_nesting_is_refused(saved_embedder, tmp_path):
    nested = []
    for _ in range(200):
        nested = [nested]
    folder = edit(saved_embedder, put(FITTED + "history_", nested), tmp_path / "model")
    with pytest.raises(ModelFormatError, match="nested too deeply"):
        load_model(folder)


def hostile_array(arrays, **node):
    """Model whose attribute is an array of the sender's choice, checksum included."""
    weights = safetensors.numpy.save(arrays)
    return weights, {"kind": "array", "dtype": "float32", "values": "x", **node}


@pytest.mark.parametrize(
    ("arrays", "node"),
    [
        ({"x": np.zeros((0, 2**40), np.float32)}, {}),
        ({"x": np.zeros(1, np.uint8)}, {"shape": [2**33]}),
        ({"x": np.zeros(0, np.uint8)}, {"shape": [2**40, 0]}),
        ({"x": np.zeros((4, 1), np.int8), "s": np.zeros((1, 9), np.float32)}, {"scale": "s"}),
    ],
)
def test_arrays_that_claim_more_than_there_is_are_refused(saved_embedder, arrays, node, tmp_path):
    weights, node = hostile_array(arrays, **node)

    def change(description):
        put(FITTED + "history_", node)(description)
        description["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        description["weights_bytes"] = len(weights)
        # Only the array matters; the rest of the model would be missing first.
        description["model"] = description["model"]["state"]["fitted"]["items"]["history_"]

    folder = edit(saved_embedder, change, tmp_path / "model")
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(ModelFormatError, match=r"shape|entries"):
        load_model(folder)


@pytest.mark.parametrize(
    "node",
    [
        {"kind": "csr", "shape": [10**12, 3]},
        {"kind": "csr", "shape": [2, 10**12]},
        {"kind": "csr", "shape": [2, 1]},
        {"kind": "strings", "dtype": "str", "items": ["a" * 10**5, *([""] * 10**5)]},
        {"kind": "strings", "dtype": "object", "items": ["a", 1]},
        {"kind": "strings", "dtype": "O", "items": ["a"]},
        {"kind": "number", "dtype": "int8", "value": 300},
        {"kind": "image", "data": {"kind": "array", "dtype": "float16", "values": "data"}},
    ],
)
def test_values_that_do_not_fit_are_refused(node):
    arrays = {"data": np.ones(2), "indices": np.array([0, 2]), "indptr": np.array([0, 1, 2])}
    parts = {name: {"kind": "array", "dtype": a.dtype.name, "values": name}
             for name, a in arrays.items()}  # fmt: skip
    if node["kind"] == "csr":
        node = {**parts, **node}
    with pytest.raises(ModelFormatError):
        StateReader(arrays).decode(node, "x")


def paths_of(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from paths_of(child, (*path, key))
        else:
            yield (*path, key)


def at(node, path):
    for key in path:
        node = node[key]
    return node


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 50),
        st.sampled_from([10**9, 2**63, -(10**18), 10**40]),
        st.floats(),
        st.sampled_from(["", "array", "object", "str", "float64", "int8", "uint8", *SAVED]),
        st.text(max_size=5),
    ),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "items", "value", "class", "state", "x_"]), parts
        )
    ),
    max_leaves=4,
)


def embedder_works(model):
    X, Y = np.ones((1, 40)), np.ones((1, 20))
    model.transform(X, Y)
    return np.isfinite(model.score(X.repeat(3, axis=0), Y.repeat(3, axis=0)))


def encoder_works(model):
    model.retrieve(["finger"], k=2)
    model.explain("finger")
    return model.predict(["finger"], return_std=True)[0].shape == (1, 15)


def decoder_works(model):
    peaks = [np.zeros((1, 3))]
    model.retrieve(peaks, k=2)
    model.predict_topk(peaks, k=2)
    return model.predict_proba(peaks).shape == (1, len(model.terms_))


@pytest.fixture(scope="module")
def saved_models(embedder, encoder, ward, hierarchies, tmp_path_factory):
    """Descriptions and weights of models, and what shows that one of them works."""
    folder = tmp_path_factory.mktemp("saved")
    models = {
        "embedder": (embedder, embedder_works),
        "encoder": (encoder, encoder_works),
        "decoder": (encoder.decoder(), decoder_works),
        "ward": (ward, lambda m: m.transform([np.zeros((1, 3))]).shape == (1, 15)),
        "hierarchy": (hierarchies[0], lambda m: m.smooth(np.ones(30), m.levels[1]).shape == (30,)),
        "vectorizer": (encoder.vectorizer_, lambda m: m.transform(["finger"]).shape[0] == 1),
    }
    saved = {}
    for name, (model, works) in models.items():
        save_model(model, folder / name)
        description = json.loads((folder / name / "model.json").read_text())
        saved[name] = description, (folder / name / "weights.safetensors").read_bytes(), works
    return saved


@pytest.mark.parametrize(
    "name", ["embedder", "encoder", "decoder", "ward", "hierarchy", "vectorizer"]
)
def test_descriptions_that_lack_an_entry_are_refused_or_do_no_harm(name, saved_models, tmp_path):
    original, weights, works = saved_models[name]
    (tmp_path / "weights.safetensors").write_bytes(weights)
    entries = [path for path in paths_of(original["model"]) if path]
    # Of rows of terms and of names one is as good as all.
    entries = [path for path in entries if not isinstance(path[-1], int) or path[-1] == 0]
    refused = []
    for path in entries:
        description = copy.deepcopy(original)
        del at(description["model"], path[:-1])[path[-1]]
        (tmp_path / "model.json").write_text(json.dumps(description))
        try:
            loaded = load_model(tmp_path)
        except ModelFormatError:
            refused.append(path)
            continue
        # E.g. unfitted.
        with contextlib.suppress(InvalidInputError, NotFittedError):
            assert works(loaded), path
    assert 0 < len(refused) < len(entries)


@given(data=st.data())
@settings(
    max_examples=300 * _TIMES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_changes_of_descriptions_are_refused_or_do_no_harm(data, saved_models, tmp_path):
    original, weights, works = saved_models[data.draw(st.sampled_from(sorted(saved_models)))]
    description = copy.deepcopy(original)
    paths = list(paths_of(description["model"]))[1:]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(paths))
        action = data.draw(st.sampled_from(["replace", "delete", "swap", "rename"]))
        try:
            parent, key = at(description["model"], path[:-1]), path[-1]
            if action == "replace":
                parent[key] = data.draw(json_values)
            elif action == "delete":
                del parent[key]
            elif action == "swap":
                parent[key] = copy.deepcopy(
                    at(original["model"], data.draw(st.sampled_from(paths)))
                )
            else:
                parent[data.draw(st.sampled_from(["__init__", "_x", "x_", key]))] = parent[key]
        except (KeyError, IndexError, TypeError):
            pass  # an earlier change took this place away
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "weights.safetensors").write_bytes(weights)
    try:
        loaded = load_model(tmp_path)
    except ModelFormatError:
        return
    if type(loaded).__name__ == original["class"]:
        # E.g. unfitted.
        with contextlib.suppress(InvalidInputError, NotFittedError):
            assert works(loaded)


@given(data=st.data())
@settings(
    max_examples=150 * _TIMES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_random_changes_of_weights_are_refused_or_do_no_harm(data, saved_models, tmp_path):
    description, weights, works = saved_models["encoder"]
    changed = bytearray(weights)
    header = 8 + int.from_bytes(weights[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        end = data.draw(st.sampled_from([8, header, len(weights)]))
        changed[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    changed = changed[: data.draw(st.sampled_from([len(changed), len(changed) // 2, 0]))]
    if not data.draw(st.booleans()):
        changed += b"\0"
    told = {"weights_sha256": hashlib.sha256(changed).hexdigest(), "weights_bytes": len(changed)}
    description = {**description, **told}
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "weights.safetensors").write_bytes(changed)
    try:
        loaded = load_model(tmp_path)
    except ModelFormatError:
        return
    assert works(loaded)


def test_loading_unpickles_and_evaluates_nothing(saved_embedder, encoder, tmp_path, monkeypatch):
    save_model(encoder, tmp_path / "encoder")
    load_model(tmp_path / "encoder")  # all modules are imported

    def forbidden(*args, **kwargs):
        raise AssertionError("code from a file")

    for module, name in [
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
        (torch, "load"),
        (builtins, "eval"),
        (builtins, "exec"),
        (builtins, "compile"),
        (os, "system"),
        (subprocess, "Popen"),
    ]:
        monkeypatch.setattr(module, name, forbidden)
    load_model(tmp_path / "encoder")
    load_model(saved_embedder)


def test_loading_needs_no_nilearn(encoder, tmp_path):
    save_model(encoder, tmp_path / "model")
    code = (
        "import sys; from sklearn_mnm.persistence import load_model; "
        f"model = load_model({str(tmp_path / 'model')!r}); "
        "print(model.predict(['finger']).sum(), 'nilearn' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    total, imported = result.stdout.split()
    assert imported == "False"
    assert float(total) == pytest.approx(float(encoder.predict(["finger"]).sum()))
