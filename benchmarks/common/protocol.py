"""The frozen evaluation protocol: folds, pools, targets and scores.

Folds 0 to 9 hold 1,000 studies each, fold -1 is always training data. A model is fitted on every
study outside the test fold, chooses everything it chooses on a part of those, and is scored once
on the 1,000 studies of the fold, which are both the queries and the pool.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_mnm import PeaksToRegions, Studies, load_database

POOL_SIZE = 1000
EVERYDAY_FOLDS = (0, 1, 2)
ALL_FOLDS = tuple(range(10))
RANKS = (1, 10, 100)
TOP_FRACTION = 0.05
# Resolution in mm and width in mm of the maps that predictions are compared with.
RESOLUTION = 4
FWHM = 9.0


def data_folder() -> Path:
    """Return the folder that holds the databases, from ``SKLEARN_MNM_DATA``."""
    folder = os.environ.get("SKLEARN_MNM_DATA")
    if not folder:
        raise SystemExit("Set SKLEARN_MNM_DATA to the folder that holds neuroquery/.")
    return Path(folder)


def load_corpus() -> tuple[Studies, np.ndarray]:
    """Load the corpus and the fold of each study.

    Returns
    -------
    studies : Studies
        Title, abstract and keyword counts added up, and peaks in mm, MNI152.
    folds : ndarray of int, shape (n_studies,)
        From ``../bench/neuroquery_folds.csv`` beside the data.
    """
    studies = load_database(data_folder() / "neuroquery")
    path = data_folder().parent / "bench" / "neuroquery_folds.csv"
    table = pd.read_csv(path, dtype={"id": str}).set_index("id")["fold"]
    missing = np.setdiff1d(studies.ids, table.index)
    if len(missing):
        raise SystemExit(f"{path}: no fold for {len(missing)} studies, e.g. {missing[0]}.")
    return studies, table.loc[studies.ids].to_numpy()


def split(
    studies: Studies, folds: np.ndarray, test_fold: int, max_train: int | None = None
) -> tuple[Studies, Studies]:
    """Return the training and the test studies of a fold.

    Parameters
    ----------
    studies : Studies
    folds : ndarray of int, shape (n_studies,)
    test_fold : int
    max_train : int, optional
        Keep a random part of the training studies (seed 0), for trying things out only.

    Returns
    -------
    train, test : Studies
    """
    train = np.flatnonzero(folds != test_fold)
    if max_train is not None and max_train < len(train):
        chosen = np.random.default_rng(0).choice(len(train), max_train, replace=False)
        train = train[np.sort(chosen)]
    test = np.flatnonzero(folds == test_fold)
    if len(test) != POOL_SIZE:
        raise SystemExit(f"fold {test_fold} holds {len(test)} studies, not {POOL_SIZE}.")
    return studies[train], studies[test]


def voxel_maps(studies: Studies) -> np.ndarray:
    """Gaussian peak maps (FWHM 9 mm) on the in-mask 4 mm voxels, shape (n_studies, n_voxels)."""
    from nilearn.datasets import load_mni152_brain_mask

    # A mask is an atlas of one region; its voxel maps need no parcellation.
    mask = load_mni152_brain_mask(resolution=RESOLUTION)
    converter = PeaksToRegions(atlas=mask, resolution=RESOLUTION, fwhm=FWHM).fit()
    return converter.transform_voxels(studies)


def retrieval_scores(similarity: np.ndarray) -> dict[str, float]:
    """Score retrieval in both directions.

    Parameters
    ----------
    similarity : ndarray of shape (n, n)
        Rows are texts, columns brains, true pairs on the diagonal.

    Returns
    -------
    scores : dict of str to float
        ``"t2b R@10"`` and so on, in percent. Ties count against the model. ``"t2b R@10
        corrected"`` is with CSLS (k = 10) over the pool: test-time correction, never the headline.
    """
    # Imported late so that a model's own memory is not measured with that of the scorer.
    from sklearn_mnm.metrics import correct_hubness, recall_at_k, retrieval_report

    if similarity.shape != (len(similarity), len(similarity)):
        raise ValueError(f"similarity has shape {similarity.shape}, expected a square.")
    scores = {}
    for direction, matrix in (("t2b", similarity), ("b2t", similarity.T)):
        for name, value in retrieval_report(matrix, ks=RANKS).items():
            scores[f"{direction} {name}"] = float(value)
        corrected = correct_hubness(matrix, k=10)
        scores[f"{direction} R@10 corrected"] = recall_at_k(corrected, k=10)
    return scores


def map_scores(predicted: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Voxel correlation and Dice of the top 5 %, means over studies with peaks in the mask."""
    from sklearn_mnm.metrics import dice_top, map_correlation

    active = observed.any(axis=1)
    predicted, observed = predicted[active], observed[active]
    return {
        "map corr": float(np.mean(map_correlation(predicted, observed))),
        "map Dice": float(np.mean(dice_top(predicted, observed, fraction=TOP_FRACTION))),
        "map studies": int(active.sum()),
    }
