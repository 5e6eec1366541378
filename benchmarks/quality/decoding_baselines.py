"""What decoding of maps into terms is compared with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from sklearn.utils import gen_batches

from benchmarks.common.protocol import RESOLUTION
from benchmarks.common.tuning import validation_split
from benchmarks.models.features import SEED, RegionBasis
from sklearn_mnm import Studies
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.model.salience import salient_terms

# Penalties of the ridge baselines; their maps have unit norm.
ALPHAS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
# A region is active in a study above this share of the study's largest value.
ACTIVE = 0.1
# Sweeps of GC-LDA; NiMARE's default of 5,000 takes more than 2 hours a fold.
GCLDA_SWEEPS = 100
# Terms whose maps of association are held at once.
BLOCK = 500


def active_regions(activations: np.ndarray) -> np.ndarray:
    """Regions above a tenth of the largest value of their study, bool."""
    return activations > ACTIVE * activations.max(axis=1, keepdims=True)


def association_maps(
    active: np.ndarray | sparse.csr_matrix, terms: sparse.csr_matrix
) -> np.ndarray:
    """Return z of the difference in activation between studies with and without each term.

    Parameters
    ----------
    active : {ndarray, csr_matrix} of shape (n_studies, n_regions)
        1 or True where active.
    terms : csr_matrix of shape (n_studies, n_terms)

    Returns
    -------
    z : ndarray of shape (n_terms, n_regions)
        Signed root of the chi-square statistic of the 2 x 2 table.
    """
    n_studies = active.shape[0]
    present = (terms > 0).astype(np.float64)
    with_term = np.asarray(present.sum(axis=0)).ravel()[:, np.newaxis]
    rate = np.asarray(active.mean(axis=0)).ravel()
    both = present.T @ active.astype(np.float64)
    excess = (both.toarray() if sparse.issparse(both) else both) - with_term * rate
    variance = with_term * (n_studies - with_term) / n_studies * rate * (1 - rate)
    return excess / np.sqrt(np.maximum(variance, 1e-12))


def sphere_maps(studies: Studies, mask: Any) -> sparse.csr_matrix:
    """NiMARE's MKDA maps, 1 within 10 mm of a peak, shape (n_studies, n_voxels)."""
    from nilearn.maskers import NiftiMasker

    kernel = import_optional("nimare.meta.kernel", extra="nimare", purpose="Comparing decoders")
    peaks = studies.peaks[["x", "y", "z"]].assign(id=studies.study_index)
    masker = NiftiMasker(mask).fit()
    values = kernel.MKDAKernel().transform(peaks, masker=masker, return_type="sparse").tocoo()
    rows = np.unique(studies.study_index)[values.row]
    shape = (len(studies), values.shape[1])
    return sparse.csr_matrix((values.data, (rows, values.col)), shape)


def correlation_decoder_scores(
    train: Studies, maps: np.ndarray, terms: sparse.csr_matrix
) -> np.ndarray:
    """Scores of NiMARE's `CorrelationDecoder` with its defaults but the resolution.

    The same numbers, but all terms at once: it spends 20 s on a term, a day on all.

    Parameters
    ----------
    train : Studies
    maps : ndarray of shape (n_maps, n_voxels)
        On the voxels of the mask of the protocol.
    terms : csr_matrix of shape (n_train, n_terms)
        Which studies have a term.

    Returns
    -------
    r : ndarray of shape (n_maps, n_terms)
        Correlation over voxels of the map with the z map of the term.
    """
    from nilearn.datasets import load_mni152_brain_mask

    active = sphere_maps(train, load_mni152_brain_mask(resolution=RESOLUTION))
    return np.hstack(
        [
            correlation(maps, association_maps(active, terms[:, block]))
            for block in gen_batches(terms.shape[1], BLOCK)
        ]
    )


def gclda_scores(
    train: Studies, maps: np.ndarray, terms: sparse.csr_matrix, n_sweeps: int = GCLDA_SWEEPS
) -> np.ndarray:
    """Scores of NiMARE's `gclda_decode_map`, whose topics are those of salient terms and peaks.

    Parameters
    ----------
    train : Studies
    maps : ndarray of shape (n_maps, n_voxels)
        On the voxels of the mask of the protocol.
    terms : csr_matrix of shape (n_train, n_terms)
        TF-IDF. With counts of all terms, decoding ranks what is often said, not what is salient.
    n_sweeps : int
        Of the sampler over all terms and peaks.

    Returns
    -------
    weights : ndarray of shape (n_maps, n_terms)
    """
    from nilearn.datasets import load_mni152_brain_mask

    gclda = import_optional("nimare.annotate.gclda", extra="nimare", purpose="Comparing decoders")
    model = gclda.GCLDAModel(
        pd.DataFrame(salient_terms(terms).toarray().astype(int), index=train.ids),
        train.peaks[["id", "x", "y", "z"]],
        mask=load_mni152_brain_mask(resolution=RESOLUTION),
        seed_init=SEED,
    )
    # Its log-likelihood takes as long as several sweeps.
    model.fit(n_iters=n_sweeps, loglikely_freq=n_sweeps + 1)
    weights = np.zeros((len(maps), terms.shape[1]))
    topics = maps @ model.p_topic_g_voxel_
    weights[:, model.vocabulary] = topics @ model.p_word_g_topic_.T
    return weights


def neuroquery_scores(train: Studies, maps: np.ndarray, terms: sparse.csr_matrix) -> np.ndarray:
    """Correlation of maps with those that NeuroQuery's model predicts from each term alone.

    `SmoothedRegression` of the package ``neuroquery`` with its own defaults, on the square root of
    the sums over 512 Ward regions; its z maps, as NeuroQuery shows them.

    Parameters
    ----------
    train : Studies
    maps : ndarray of shape (n_maps, n_voxels)
        On the voxels of the mask of the protocol.
    terms : csr_matrix of shape (n_train, n_terms)
        TF-IDF.

    Returns
    -------
    r : ndarray of shape (n_maps, n_terms)
        Over voxels; 0 for terms from which it predicts nothing.
    """
    from benchmarks.models.neuroquery_model import fitted_regression, predicted_output

    basis = RegionBasis("sqrt")
    regression = fitted_regression(terms.toarray(), basis.fit_transform(train))
    scores = []
    for block in gen_batches(terms.shape[1], BLOCK):
        alone = np.eye(terms.shape[1], dtype=np.float32)[block]
        predicted = predicted_output(regression, alone, "z values")
        scores.append(correlation(maps, basis.painted(predicted)))
    return np.hstack(scores)


def correlation(maps: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Correlation of each map with each pattern, shape (n_maps, n_patterns)."""

    def standardised(values: np.ndarray) -> np.ndarray:
        centred = values - values.mean(axis=1, keepdims=True)
        return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)

    return standardised(maps) @ standardised(patterns).T


def ridge_scores(
    train: Studies,
    test: Studies,
    terms: sparse.csr_matrix,
    score: Callable[[np.ndarray, np.ndarray], float],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Predicted TF-IDF and salience, and their penalties.

    The penalty is that of the highest score on validation studies.

    Parameters
    ----------
    train, test : Studies
    terms : csr_matrix of shape (n_train, n_terms)
        TF-IDF.
    score : callable
        Of predictions and the terms that are true, both of shape (n_studies, n_terms).

    Returns
    -------
    predicted : dict of str to ndarray of shape (n_test, n_terms)
    alphas : dict of str to float
    """
    basis = RegionBasis("sqrt")
    brain = basis.fit_transform(train).astype(np.float64)
    fit_rows, rows = validation_split(len(brain))
    salience = salient_terms(terms)
    truth = salience[rows].toarray()
    predicted, alphas = {}, {}
    for name, targets in {"ridge": terms, "ridge to salience": salience}.items():
        targets = targets.astype(np.float64)

        def tried(alpha: float, targets: sparse.csr_matrix = targets) -> float:
            scores = _ridge_prediction(brain[fit_rows], targets[fit_rows], brain[rows], alpha)
            return score(scores, truth)

        alphas[name] = max(ALPHAS, key=tried)
        predicted[name] = _ridge_prediction(brain, targets, basis.transform(test), alphas[name])
    return predicted, alphas


def _ridge_prediction(
    brain: np.ndarray, terms: sparse.csr_matrix, new: np.ndarray, alpha: float
) -> np.ndarray:
    centre, mean = brain.mean(axis=0), np.asarray(terms.mean(axis=0)).ravel()
    centred = brain - centre
    system = centred.T @ centred + alpha * np.eye(brain.shape[1])
    moment = np.asarray((terms.T @ centred).T)
    return mean + (new - centre) @ linalg.solve(system, moment, assume_a="pos")
