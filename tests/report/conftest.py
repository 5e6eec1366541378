"""The bundled model, and one real report of each kind."""

import warnings

import matplotlib

matplotlib.use("Agg")

import pytest

from sklearn_mnm import load_pretrained, model_card
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.exceptions import MNMWarning
from sklearn_mnm.report import model_report, query_report

ATTACK = 'fear <script>alert("x")</script><img src=x onerror=alert(1)> of misophonia'
UNKNOWN = "qwxzzy"


@pytest.fixture(scope="session")
def encoder():
    return load_pretrained().encoder


@pytest.fixture(scope="session")
def of_queries(encoder):
    return query_report(encoder, ["reward anticipation", ATTACK, UNKNOWN], k=7)


@pytest.fixture(scope="session")
def of_model(encoder):
    return model_report(encoder, card=model_card() + "\n<b>Not bold.</b>")


@pytest.fixture(scope="session")
def literature():
    """Two hundred generated studies with peaks and counts."""
    tree = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
    return make_literature(200, **tree, n_terms=60, random_state=0).studies


@pytest.fixture(scope="session")
def small_encoder(literature):
    """Fitted to the first 140 of them."""
    from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, PeaksToRegions

    regions = PeaksToRegions(n_regions=30, resolution=8, max_distance=1000, random_state=0)
    embedder = HyperbolicBrainTextEmbedder(8, max_epochs=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MNMWarning)
        return MNMEncoder(regions=regions, embedder=embedder, random_state=0).fit(literature[:140])


@pytest.fixture(scope="session")
def of_measured_model(small_encoder, literature):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MNMWarning)
        return model_report(small_encoder, literature[140:])


@pytest.fixture(params=["of_queries", "of_model", "of_measured_model"])
def report(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(report, read_page):
    return read_page(report.html)
