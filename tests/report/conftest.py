"""The bundled model, one real report of each kind, and a reader of pages."""

import re
import warnings
from html.parser import HTMLParser

import matplotlib

matplotlib.use("Agg")

import pytest

from sklearn_mnm import load_pretrained, model_card
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.exceptions import MNMWarning
from sklearn_mnm.report import model_report, query_report

ATTACK = 'fear <script>alert("x")</script><img src=x onerror=alert(1)> of misophonia'
UNKNOWN = "qwxzzy"
# HTML elements without an end tag.
VOID = {"br", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """Elements of a page, their nesting checked on the way, and its words."""

    def __init__(self, text):
        super().__init__()
        self.html = text
        self.open, self.elements, self.words, self.headings, self.rows = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "tr":
            self.rows.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> at {self.getpos()} ends nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} ends another element"

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, before = self.headings[-1]
            self.headings[-1] = level, before + data
        if "tr" in self.open:
            self.rows[-1] += f" {data.strip()}"

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="session")
def read_page():
    return Page


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
def page(report):
    return Page(report.html)
