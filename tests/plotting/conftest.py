"""The bundled model, a real corpus, and a matplotlib that has to stay as it is."""

import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nilearn.plotting  # noqa: F401  (settles the backend, once)
import numpy as np
import pytest

from sklearn_mnm import MNMEncoder, load_pretrained
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import MNMWarning


@pytest.fixture(autouse=True)
def settings_of_matplotlib_stay():
    plt.close("all")
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="session")
def model():
    return load_pretrained()


@pytest.fixture(scope="session")
def encoder(model):
    return model.encoder


@pytest.fixture(scope="session")
def studies():
    """Sixty n-back and flanker studies with texts and peaks, the tasks mixed."""
    pytest.importorskip("nimare")
    pytest.importorskip("pyarrow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MNMWarning)
        corpus = load_nback_flanker(level="study")
    corpus = corpus[(corpus.peak_counts > 0) & (corpus.texts != "")]
    return corpus[np.random.default_rng(0).choice(len(corpus), 60, replace=False)]


@pytest.fixture(scope="session")
def points(encoder, studies):
    """Points of the studies by kind, from texts to broad networks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MNMWarning)  # of peaks outside the brain
        activations = encoder.regions_.transform(studies)
    maps = encoder.embedder_.ancestors(activations)
    return {"texts": encoder.transform(studies), **maps}


@pytest.fixture(scope="session")
def placeless():
    """Encoder fitted to arrays, which does not know where regions are."""
    random = np.random.default_rng(0)
    texts = ["finger tapping", "visual motion"] * 20
    return MNMEncoder(random_state=0).fit(texts, random.poisson(1.0, size=(40, 12)) + 0.1)
