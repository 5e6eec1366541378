"""Small fitted models, and what it is to be the same."""

import math

import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, PeaksToRegions, TermVectorizer
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.persistence import save_model

# Made again after loading rather than stored.
REMADE = {"_operator", "_interpolation", "_reader", "_tfidf"}


def same(found, expected):
    """Equal to the bit, types included, attribute by attribute."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype.kind == expected.dtype.kind
        assert expected.dtype.kind == "U" or found.dtype == expected.dtype
        assert found.flags.writeable or not expected.flags.writeable
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, sparse.csr_matrix):
        assert found.shape == expected.shape
        for name in ("data", "indices", "indptr"):
            same(getattr(found, name), getattr(expected, name))
    elif isinstance(expected, nibabel.Nifti1Image):
        same(np.asarray(found.dataobj), np.asarray(expected.dataobj))
        same(found.affine, expected.affine)
    elif isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            same(*pair)
    elif type(expected).__module__.startswith("sklearn_mnm"):
        attributes, others = (
            {key: value for key, value in vars(m).items() if key not in REMADE}
            for m in (found, expected)
        )
        assert attributes.keys() == others.keys()
        for key in others:
            same(attributes[key], others[key])
    elif isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == expected


def literature(n=150, n_terms=40, n_regions=20, seed=0):
    random = np.random.default_rng(seed)
    topics = random.dirichlet(np.full(6, 0.2), size=n)
    X = random.poisson(4 * topics @ random.gamma(0.3, size=(6, n_terms))).astype(float)
    Y = random.poisson(6 * topics @ random.gamma(0.3, size=(6, n_regions))).astype(float)
    return sparse.csr_matrix(X), Y


def make_embedder(**params):
    embedder = HyperbolicBrainTextEmbedder(n_components=5, max_epochs=1, random_state=0)
    return embedder.set_params(towers__n_hidden=7).set_params(**params)


@pytest.fixture(scope="session")
def assert_same():
    return same


@pytest.fixture(scope="session")
def small_embedder():
    return make_embedder


@pytest.fixture(scope="session")
def studies():
    return literature()


@pytest.fixture(scope="session")
def many_studies():
    return literature(n=700, n_terms=300, n_regions=60)


@pytest.fixture(scope="session")
def embedder(studies):
    return make_embedder(store_left_out=True).fit(*studies)


@pytest.fixture(scope="session")
def peaks():
    random = np.random.default_rng(0)
    return [random.uniform([-40, -60, -10], [40, 30, 40], size=(12, 3)) for _ in range(40)]


@pytest.fixture(scope="session")
def mask():
    return load_mask(resolution=10)


@pytest.fixture(scope="session")
def ward(peaks):
    return PeaksToRegions(n_regions=15, resolution=10, random_state=0).fit(peaks)


@pytest.fixture(scope="session")
def encoder(peaks):
    texts = [["finger tapping", "visual motion"][study % 2] + " in adults" for study in range(40)]
    model = MNMEncoder(
        vectorizer=TermVectorizer(min_df=2),
        regions=PeaksToRegions(n_regions=15, resolution=10, random_state=0),
        embedder=make_embedder(),
        random_state=0,
    )
    return model.fit(texts, peaks)


@pytest.fixture(scope="session")
def saved_embedder(embedder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "embedder"
    save_model(embedder, folder)
    return folder


@pytest.fixture(scope="session")
def hierarchies():
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(4), size=30)
    tree = np.array([[0, 1], [2, 3], [4, 5]])
    return [
        BrainHierarchy({"some": shares, "halves": np.arange(30) % 2}, sizes=random.random(30)),
        BrainHierarchy({"x": shares}, strategy="mean", names={"x": list("abcd")}),
        BrainHierarchy.from_tree(tree, {"pair": 2}, sizes=[1, 2, 3, 4]),
        BrainHierarchy({}, sizes=np.ones(5)),
    ]
