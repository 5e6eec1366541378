"""Fit and score variants of the embedder on folds, and keep the records."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from benchmarks.common import runner
from benchmarks.common.protocol import (
    FWHM,
    RESOLUTION,
    data_folder,
    load_corpus,
    map_scores,
    retrieval_scores,
    split,
    voxel_maps,
)
from benchmarks.hierarchy_measures.nested import MIN_DIFFERENCE
from benchmarks.models.features import N_REGIONS, SEED, TermFeatures
from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, Studies, load_database
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.brain.features import relative_extent
from sklearn_mnm.metrics import extent_order, radial_order
from sklearn_mnm.model.text_regression import TextRegression, predict_brain

ABOVE, BROAD = "text above brain", "broad above focal"
# In `Variant.regions`, stands for the file, whose place differs from machine to machine.
HARVARD_OXFORD = "Harvard-Oxford"
# Code that a record depends on beside that of all results.
SOURCES = ("benchmarks/quality/variant_runs.py", "benchmarks/hierarchy_measures/nested.py")


@dataclass(frozen=True)
class Variant:
    """One row of a table: what differs from the defaults.

    Parameters
    ----------
    title : str
        Name in the table.
    embedder : dict
        Parameters of `HyperbolicBrainTextEmbedder`. With a weight of networks it is given the
        Ward tree cut at 17 and 7 as hierarchy.
    regions : dict
        Parameters of `PeaksToRegions`.
    sources : tuple of str, optional
        Parts of the papers whose term counts are added up; None for all.
    is_seen : bool, default=False
        Whether what follows the closed form learns from its predictions of studies that it was
        fitted to, rather than of studies left out.
    """

    title: str
    embedder: dict[str, Any] = field(default_factory=dict)
    regions: dict[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] | None = None
    is_seen: bool = False

    @property
    def features(self) -> str:
        """The setting of the features, the same text for the same features."""
        return json.dumps([self.regions, self.sources], sort_keys=True)

    @property
    def key(self) -> str:
        """The whole setting, the same text for variants that differ in title only."""
        setting = [self.embedder, self.regions, self.sources, self.is_seen]
        return json.dumps(setting, sort_keys=True)


class FoldFeatures(NamedTuple):
    """Features of a fold under one setting.

    Attributes
    ----------
    regions : PeaksToRegions
        Fitted on the training studies.
    train, test : tuple of (X, Y)
        Text features and region activations.
    maps : ndarray of shape (n_test, n_voxels)
        What predicted maps are compared with, whatever the regions.
    """

    regions: PeaksToRegions
    train: tuple[Any, np.ndarray]
    test: tuple[Any, np.ndarray]
    maps: np.ndarray


def run(
    variants: Sequence[Variant], fold: int, *, max_train: int | None = None
) -> Iterator[tuple[Variant, dict[str, Any]]]:
    """Return the record of each variant on a fold, from the cache if it is still true.

    Parameters
    ----------
    variants : sequence of Variant
        Those of one key are run once. They come out ordered by features, which are fitted
        once per setting, as is the closed form.
    fold : int
    max_train : int, optional
        See ``protocol.split``.

    Yields
    ------
    variant : Variant
    record : dict
        See :func:`measure`.
    """
    code = code_digest()
    settings: dict[str, dict[str, Variant]] = {}
    for variant in variants:
        settings.setdefault(variant.features, {}).setdefault(variant.key, variant)
    for same_features in settings.values():
        features = None
        with tempfile.TemporaryDirectory() as memory:
            for variant in same_features.values():
                path = record_path(variant, fold, max_train, code)
                if not path.exists():
                    features = features or fold_features(variant, fold, max_train)
                    record = {"fold": fold, **measure(variant, features, memory)}
                    if code_digest() != code:
                        raise RuntimeError("the code changed during the run; run again.")
                    _write(path, record)
                yield variant, json.loads(path.read_text())


def code_digest() -> str:
    """Digest of the code that every record depends on."""
    return runner.code_digest(*SOURCES)


def record_path(variant: Variant, fold: int, max_train: int | None, code: str) -> Path:
    """File of a record: its name changes with the setting and with the code."""
    content = json.dumps([variant.key, max_train, code])
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return runner.CACHE / f"variants-fold{fold}-{digest}.json"


def fold_features(variant: Variant, fold: int, max_train: int | None) -> FoldFeatures:
    """Fit text and brain features of a variant on the training studies of a fold."""
    train, test = split(*_corpus(variant.sources), fold, max_train)
    text = TermFeatures()
    X_train = text.fit_transform(train)
    regions = make_regions(variant).fit(train)
    return FoldFeatures(
        regions,
        (X_train, regions.transform(train)),
        (text.transform(test), regions.transform(test)),
        _observed_maps(fold),
    )


def make_regions(variant: Variant) -> PeaksToRegions:
    """Make the converter from peaks to regions, not fitted yet."""
    params = {"n_regions": N_REGIONS, "resolution": RESOLUTION, "fwhm": FWHM, **variant.regions}
    if params.get("atlas") == HARVARD_OXFORD:
        params["atlas"] = harvard_oxford()
    return PeaksToRegions(random_state=SEED, **params)


def harvard_oxford() -> Path:
    """Harvard-Oxford cortical atlas (48 labels, threshold 25 %, 2 mm) that NiMARE's package has."""
    package = find_spec("nimare")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The Harvard-Oxford atlas comes with NiMARE: pip install nimare.")
    folder = Path(package.submodule_search_locations[0]) / "resources" / "atlases"
    return folder / "HarvardOxford-cort-maxprob-thr25-2mm.nii.gz"


def make_embedder(variant: Variant, regions: Any, memory: str) -> HyperbolicBrainTextEmbedder:
    """Make the embedder of a variant, not fitted yet.

    Parameters
    ----------
    variant : Variant
    regions : PeaksToRegions
        Fitted; its tree is read if the variant has a weight of networks.
    memory : str
        Folder in which the closed form is kept.

    Returns
    -------
    embedder : HyperbolicBrainTextEmbedder
    """
    params = dict(variant.embedder)
    if params.get("objective__network_weight"):
        params["objective__hierarchy"] = BrainHierarchy.from_tree(
            regions.children_, cuts={"ward17": 17, "ward7": 7}, sizes=regions.region_volumes_
        )
    # What is kept is of studies left out.
    kept = None if variant.is_seen else memory
    return HyperbolicBrainTextEmbedder(memory=kept, random_state=SEED).set_params(**params)


def fitted_embedder(
    variant: Variant, regions: Any, memory: str, X: Any, Y: np.ndarray
) -> HyperbolicBrainTextEmbedder:
    """Make the embedder of a variant and fit it."""
    embedder = make_embedder(variant, regions, memory)
    with _seen_studies() if variant.is_seen else nullcontext():
        return embedder.fit(X, Y)


@contextmanager
def _seen_studies() -> Iterator[None]:
    """Let the closed form predict studies that it was fitted to where it leaves them out."""
    fit = TextRegression.fit

    def fit_seen(X: Any, *args: Any, **options: Any) -> TextRegression:
        found = fit(X, *args, **options)
        seen = predict_brain(X, found.coef, found.short_coef, found.mean_terms)
        return found._replace(left_out=seen)

    with mock.patch.object(TextRegression, "fit", fit_seen):
        yield


def measure(variant: Variant, features: FoldFeatures, memory: str) -> dict[str, Any]:
    """Fit a variant and score it on the test studies.

    Parameters
    ----------
    variant : Variant
    features : FoldFeatures
    memory : str
        Folder in which the closed form is kept.

    Returns
    -------
    record : dict
        The parameters; what was chosen; ``train_seconds``, those of the closed form included only
        in the first variant of a setting; ``scores``, in percent but for map prediction.
    """
    start = time.perf_counter()
    embedder = fitted_embedder(variant, features.regions, memory, *features.train)
    seconds = time.perf_counter() - start
    text, brain = embedder.transform(*features.test)
    predicted = features.regions.voxels_from_regions(embedder.predict(features.test[0]))
    return {
        "embedder": variant.embedder,
        "regions": variant.regions,
        "sources": variant.sources,
        "n_train": len(features.train[1]),
        "n_regions": features.regions.n_regions_,
        "alpha": embedder.alpha_,
        "curvature": embedder.curvature_,
        "train_seconds": seconds,
        "scores": {
            **retrieval_scores(embedder.similarity(text, brain)),
            **map_scores(predicted.astype(np.float32), features.maps),
            **hierarchy_scores(text, brain, relative_extent(features.test[1])),
        },
    }


def hierarchy_scores(text: np.ndarray, brain: np.ndarray, extent: np.ndarray) -> dict[str, float]:
    """Shares of pairs whose radii are in order, for any curvature."""
    # At one curvature the radius grows with the length of the space coordinates.
    text_radii, brain_radii = (np.linalg.norm(points[:, 1:], axis=1) for points in (text, brain))
    known = text_radii > 0  # a text without a known term is at the origin
    return {
        ABOVE: radial_order(text[known], brain[known]),
        BROAD: extent_order(brain_radii, extent, MIN_DIFFERENCE),
    }


@lru_cache(maxsize=1)
def _corpus(sources: tuple[str, ...] | None) -> tuple[Studies, np.ndarray]:
    studies, folds = load_corpus()
    if sources is None:
        return studies, folds
    other = load_database(data_folder() / "neuroquery", sources=sources)
    return other.select(ids=studies.ids), folds


@lru_cache(maxsize=1)
def _observed_maps(fold: int) -> np.ndarray:
    return voxel_maps(split(*_corpus(None), fold)[1])


def _write(path: Path, record: dict[str, Any]) -> None:
    """Write a record whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(record, indent=1, default=float))
    unfinished.replace(path)
