"""Models saved by earlier versions are loaded and predict what they did.

Each version of the format has a folder of models here, with what they answered when they were
written. NEVER write the files of a folder anew, nor change them: a test that fails on them has
found models of users that are no longer loaded or predict something else. A new version of the
format gets a folder of its own::

    python tests/persistence/test_format.py tests/persistence/format_2
"""

import hashlib
import inspect
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    TermVectorizer,
    Towers,
)
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.datasets import Studies
from sklearn_mnm.exceptions import ModelFormatError
from sklearn_mnm.persistence import load_model, save_model
from sklearn_mnm.persistence.schema import SAVED

HERE = Path(__file__).parent
WRITTEN = (".json", ".safetensors")
# Of these files of a folder, so that none is written anew by mistake.
SHA256 = {
    "format_1": "c3925532316dd514969665a7f9c64f3c390e2616bd9321fecac2d2afc4f79b61",
}
# float32 arithmetic gives relative differences of 1e-6 between processors and versions of torch.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}

# Centre in mm and words of each topic of the made-up studies.
TOPICS = [
    ([-40, -20, 55], "finger tapping motor response"),
    ([45, -70, 5], "visual motion attention display"),
    ([-45, 30, 25], "working memory attention response"),
    ([35, 15, 5], "pain heat stimulation response"),
]
QUESTIONS = {
    "texts": ["Tapping of a finger", "attention to visual motion", "pain and working memory"],
    "peaks": [[[-38, -22, 52], [-4, -4, 60]], [[44, -66, 2], [-42, -70, 6], [2, -80, 4]]],
    "terms": ["visual attention", "pain"],
}


def make_encoder():
    """Fit an encoder to 48 made-up studies: five words of the words of a topic, and peaks."""
    random = np.random.default_rng(0)
    ids = [f"study {number}" for number in range(48)]
    topics = TOPICS * 12
    texts = [" ".join(random.choice([*words.split(), "adults"], 5)) for _, words in topics]
    peaks = [random.normal(centre, 6, size=(8, 3)).round(1) for centre, _ in topics]
    table = pd.DataFrame(np.concatenate(peaks), columns=["x", "y", "z"])
    table["id"] = np.repeat(ids, 8)
    titles = pd.DataFrame({"title": [text.capitalize() for text in texts]})
    encoder = MNMEncoder(
        vectorizer=TermVectorizer(min_df=2),
        regions=PeaksToRegions(n_regions=12, resolution=12, max_distance=20, random_state=0),
        embedder=HyperbolicBrainTextEmbedder(
            n_components=5, towers=Towers(n_hidden=4), max_epochs=2, random_state=0
        ),
        random_state=0,
    )
    return encoder.fit(Studies(ids=ids, texts=texts, peaks=table, metadata=titles))


def make_embedder():
    """Fit an embedder whose coefficients are enough to be rounded in a compact file."""
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.2), size=60)
    X, Y = (random.poisson(5 * topics @ random.gamma(0.3, size=(6, size))) for size in (128, 80))
    embedder = HyperbolicBrainTextEmbedder(
        n_components=4,
        objective=MNMObjective(
            network_weight=0.1,
            hierarchy=BrainHierarchy({"eights": np.arange(80) // 10}),
            learn_curvature=True,
        ),
        towers=Towers(n_hidden=4),
        max_epochs=2,
        store_left_out=True,
        random_state=0,
    )
    return embedder.fit(X.astype(float), Y.astype(float)), X[:3], Y[:3]


def answers_of_encoder(encoder, questions):
    texts, peaks = (questions[key] for key in ("texts", "peaks"))
    peaks = [np.array(positions, dtype=float) for positions in peaks]
    decoder = encoder.decoder(n_terms=3)
    activations, std = encoder.predict(texts, return_std=True)
    # What was the default of each then.
    studies = encoder.retrieve(texts, k=3, by="brain")
    similar = decoder.retrieve(peaks, k=3, by="text")
    return {
        "points of texts": encoder.transform(texts),
        "activations": activations,
        "std": std,
        "interval": np.stack(encoder.predict_interval(texts)),
        "z of networks": encoder.predict_z(texts, level="ward7"),
        "image": encoder.predict_img(texts[:1]).get_fdata().sum(axis=(0, 1)),
        "studies": studies[["id", "title"]].to_numpy().tolist(),
        "points of maps": decoder.transform(peaks),
        "terms": decoder.predict(peaks).tolist(),
        "scores": decoder.decision_function(peaks),
        "probability": decoder.predict_proba(peaks, level="ward7"),
        "similar": similar["id"].tolist(),
        "regions": list(encoder.regions_.region_names_),
    }


def answers_of_embedder(embedder, questions):
    X, Y = (np.array(questions[key], dtype=float) for key in "XY")
    text, brain = embedder.transform(X, Y)
    return {
        "points of texts": text,
        "points of maps": brain,
        "similarity": embedder.similarity(text, brain),
        "activations": embedder.predict(X),
        "networks": embedder.transform_brain(Y, level="eights"),
        "training texts": embedder.left_out_points_[:5],
        "alpha": embedder.alpha_,
    }


ANSWERS = {"encoder": answers_of_encoder, "embedder": answers_of_embedder}


def write_models(folder):
    """Write the models of the present version, and what they answer, to a new folder."""
    embedder, X, Y = make_embedder()
    models = {
        "encoder": (make_encoder(), "full", QUESTIONS),
        "embedder": (embedder, "compact", {"X": X.tolist(), "Y": Y.tolist()}),
    }
    for name, (model, precision, questions) in models.items():
        save_model(model, folder / name, precision=precision)
        # Of the model in the file, which is not that in memory if it is compact.
        answers = ANSWERS[name](load_model(folder / name), questions)
        content = {"questions": questions, "answers": {k: _short(a) for k, a in answers.items()}}
        (folder / f"{name}.json").write_bytes(json.dumps(content).encode())


def _short(answer):
    """Seven digits, all that single precision has."""
    if isinstance(answer, list):
        return answer
    return np.vectorize(lambda number: float(f"{number:.7g}"))(answer).tolist()


def assert_answers(folder, name):
    content = json.loads((folder / f"{name}.json").read_bytes())
    # Terms of one's own are averaged over those that they are read as; they were compared as texts.
    content["answers"].pop("scores of own terms", None)
    found = ANSWERS[name](load_model(folder / name), content["questions"])
    assert found.keys() == content["answers"].keys()
    for key, expected in content["answers"].items():
        if isinstance(found[key], list):
            assert found[key] == expected, key
        else:
            np.testing.assert_allclose(found[key], expected, err_msg=key, **TOLERANCE)


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize("version", sorted(SHA256))
def test_models_of_earlier_versions_predict_what_they_did(version, name):
    assert_answers(HERE / version, name)


@pytest.mark.parametrize("version", sorted(SHA256))
def test_models_of_earlier_versions_are_those_that_were_written_then(version):
    sha256 = hashlib.sha256()
    files = [path for path in (HERE / version).rglob("*") if path.suffix in WRITTEN]
    for path in sorted(files, key=Path.as_posix):
        sha256.update(path.relative_to(HERE).as_posix().encode() + path.read_bytes())
    assert sha256.hexdigest() == SHA256[version]


def test_the_present_version_writes_models_that_predict_the_same_later(tmp_path):
    write_models(tmp_path)
    for name in ANSWERS:
        assert_answers(tmp_path, name)


def rewritten(target, change, name="embedder", **layout):
    """Copy a model of the first version, with its description changed and laid out otherwise."""
    shutil.copytree(HERE / "format_1" / name, target)
    path = target / "model.json"
    description = change(json.loads(path.read_bytes()))
    path.write_text(json.dumps(description, **layout), encoding="utf-8", newline="\r\n")
    return target


def state_of(description):
    state = description["model"]["state"]
    return state["params"]["items"], state["fitted"]["items"]


@pytest.mark.parametrize(
    "part",
    [
        ("params", "items"),
        ("params", "items", "hierarchy", "state"),
        ("fitted", "items", "activation_scaler_", "state"),
        ("fitted", "items", "model_", "state"),
    ],
)
def test_what_only_a_newer_version_knows_is_named_with_the_remedy(part, tmp_path):
    def add(description):
        node = description["model"]["state"]
        for key in part:
            node = node[key]
        node["warp"] = 1
        return description

    folder = rewritten(tmp_path / "model", add)
    with pytest.raises(ModelFormatError, match=r"has no 'warp' in this .*Upgrade sklearn-mnm") as e:
        load_model(folder)
    assert str(folder) in str(e.value)
    assert "damaged" not in str(e.value)


def test_a_class_that_only_a_newer_version_knows_is_named_with_the_remedy(tmp_path):
    def rename(description):
        description["model"]["class"] = "SphericalEmbedder"
        return description

    with pytest.raises(ModelFormatError, match=r"'SphericalEmbedder' is no class.*Upgrade sklearn"):
        load_model(rewritten(tmp_path / "model", rename))


def test_parameters_that_an_older_version_lacked_take_their_defaults(tmp_path):
    def remove(description):
        state_of(description)[0].clear()
        return description

    loaded = load_model(rewritten(tmp_path / "model", remove))
    defaults = inspect.signature(HyperbolicBrainTextEmbedder).parameters
    assert loaded.get_params(deep=False) == {
        name: parameter.default for name, parameter in defaults.items()
    }
    content = json.loads((HERE / "format_1" / "embedder.json").read_bytes())
    X = np.array(content["questions"]["X"], dtype=float)
    np.testing.assert_allclose(loaded.predict(X), content["answers"]["activations"], **TOLERANCE)


def test_optional_attributes_may_be_missing(tmp_path):
    def remove(description):
        fitted = state_of(description)[1]
        for key in [
            key for key in SAVED["HyperbolicBrainTextEmbedder"].attributes if key[-1] == "?"
        ]:
            fitted.pop(key[:-1], None)
        return description

    load_model(rewritten(tmp_path / "model", remove))


def with_kind_last(node):
    """Objects with their entries in another order, which has no meaning but in "items"."""
    if isinstance(node, list):
        return [with_kind_last(part) for part in node]
    if not isinstance(node, dict):
        return node
    items = [(key, with_kind_last(part)) for key, part in node.items()]
    return dict(reversed(items) if "kind" in node or "format" in node else items)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_layout_and_line_endings_of_the_description_do_not_matter(name, tmp_path):
    folder = tmp_path / "format_1"
    rewritten(folder / name, with_kind_last, name=name, indent=1, ensure_ascii=False)
    shutil.copy(HERE / "format_1" / f"{name}.json", folder)
    assert b"\r\n" in (folder / name / "model.json").read_bytes()
    assert_answers(folder, name)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
