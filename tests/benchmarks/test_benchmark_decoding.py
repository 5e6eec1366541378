import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm import Studies


def literature(n_studies, seed=0):
    """Studies of 5 peaks each; those with the first of 3 terms lie behind the others."""
    random = np.random.default_rng(seed)
    terms = random.random((n_studies, 3)) < 0.4
    xyz = random.uniform([-45, -60, -10], [45, 30, 45], size=(n_studies, 5, 3))
    xyz[terms[:, 0], :, 1] = -abs(xyz[terms[:, 0], :, 1])
    peaks = pd.DataFrame(xyz.reshape(-1, 3), columns=["x", "y", "z"])
    ids = [f"study{row:03d}" for row in range(n_studies)]
    return Studies(ids, peaks=peaks.assign(id=np.repeat(ids, 5))), sparse.csr_matrix(terms * 0.5)


def test_a_perfect_ranking_scores_100_and_the_worst_far_less():
    from benchmarks.quality.decoding import ranking_scores

    truth = np.random.default_rng(0).random((20, 50)) < 0.1
    truth[:, 0] = True
    perfect = ranking_scores(truth.astype(float), truth)
    assert perfect == pytest.approx({"mAP": 100, "nDCG@10": 100})
    assert ranking_scores(-truth.astype(float), truth)["mAP"] < 20


def test_average_precision_and_gain_are_as_by_hand():
    from benchmarks.quality.decoding import ranking_scores

    scores = ranking_scores(np.array([[4.0, 3, 2, 1]]), np.array([[True, False, True, False]]), k=2)
    assert scores["mAP"] == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert scores["nDCG@2"] == pytest.approx(100 / (1 + 1 / np.log2(3)))


def test_association_maps_square_to_chi_square():
    from scipy.stats import chi2_contingency

    from benchmarks.quality.decoding_baselines import association_maps

    random = np.random.default_rng(0)
    active, term = random.random((200, 1)) < 0.4, random.random((200, 1)) < 0.3
    table = np.array(
        [
            [(active & term).sum(), (active & ~term).sum()],
            [(~active & term).sum(), (~active & ~term).sum()],
        ]
    )
    z = association_maps(active, sparse.csr_matrix(term.astype(float)))
    assert z[0, 0] ** 2 == pytest.approx(chi2_contingency(table, correction=False).statistic)


def test_calibration_error_is_the_gap():
    from benchmarks.quality.decoding import calibration_error

    truth = np.tile([True, False], 1000).reshape(20, 100)
    assert calibration_error(np.full(truth.shape, 0.7), truth, n_bins=1) == pytest.approx(0.2)


@pytest.mark.filterwarnings("ignore")
def test_maps_and_scores_are_those_of_the_decoder_of_nimare():
    pytest.importorskip("nimare")
    from nilearn.datasets import load_mni152_brain_mask
    from nilearn.masking import unmask
    from nimare.dataset import Dataset
    from nimare.decode.continuous import CorrelationDecoder

    from benchmarks.quality.decoding_baselines import association_maps, correlation, sphere_maps

    studies, terms = literature(30)
    mask = load_mni152_brain_mask(resolution=8)
    xyz = studies.peaks.groupby("id")[["x", "y", "z"]]
    source = {
        name: {"contrasts": {"1": {"metadata": {}, "coords": {"space": "MNI", **rows}}}}
        for name, rows in ((name, frame.to_dict("list")) for name, frame in xyz)
    }
    dataset = Dataset(source, mask=mask)
    labels = pd.DataFrame(terms.toarray(), columns=["a", "b", "c"], index=dataset.annotations.index)
    dataset.annotations = pd.concat([dataset.annotations, labels], axis=1)
    decoder = CorrelationDecoder(features=["a", "b", "c"])
    decoder.fit(dataset)
    expected = np.array([decoder.results_.maps[name] for name in "abc"])
    maps = association_maps(sphere_maps(studies, mask), terms)
    np.testing.assert_allclose(maps, expected, atol=1e-5)

    image = np.random.default_rng(1).random(maps.shape[1])
    np.testing.assert_allclose(
        correlation(image[np.newaxis], maps)[0],
        decoder.transform(unmask(image, mask)).loc[["a", "b", "c"], "r"],
        atol=1e-5,
    )


def test_studies_without_peaks_have_empty_sphere_maps():
    pytest.importorskip("nimare")
    from nilearn.datasets import load_mni152_brain_mask

    from benchmarks.quality.decoding_baselines import sphere_maps

    studies, _ = literature(4)
    peaks = studies.peaks[studies.peaks["id"] != "study001"]
    maps = sphere_maps(Studies(studies.ids, peaks=peaks), load_mni152_brain_mask(resolution=8))
    np.testing.assert_array_equal(maps.getnnz(axis=1) > 0, [True, False, True, True])


def test_ridge_predicts_the_terms_of_the_part_of_the_brain():
    from benchmarks.quality.decoding import ranking_scores
    from benchmarks.quality.decoding_baselines import ALPHAS, ridge_scores

    train, terms = literature(1200)
    test, truth = literature(200, seed=1)
    # Terms of different weights, of which one is salient.
    weights = sparse.csr_matrix(terms.toarray() * [3.0, 1.0, 2.0])
    predicted, alphas = ridge_scores(
        train, test, weights, lambda scores, truth: ranking_scores(scores, truth, k=2)["mAP"]
    )
    behind = truth.toarray()[:, 0] > 0
    for name in ("ridge", "ridge to salience"):
        assert alphas[name] in ALPHAS
        assert predicted[name][behind, 0].min() > predicted[name][~behind, 0].mean()


def test_a_score_of_frequency_has_popularity_1_and_a_constant_shift_changes_nothing():
    from benchmarks.quality.decoding import popularity_scores

    frequency = np.arange(1.0, 41)
    scores = np.tile(frequency, (5, 1))
    for shift in (0, 7):
        popularity = popularity_scores(scores + shift, frequency)
        assert popularity == pytest.approx({"popularity rho": 1, "top 10 frequency": 35.5})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_gclda_finds_the_term_of_the_part_of_the_brain():
    pytest.importorskip("nimare")
    from benchmarks.common.protocol import voxel_maps
    from benchmarks.quality.decoding_baselines import gclda_scores

    train, terms = literature(300)
    test, truth = literature(60, seed=1)
    weights = gclda_scores(
        train, voxel_maps(test), sparse.csr_matrix(terms.toarray() * [3.0, 1.0, 2.0]), 20
    )
    behind = truth.toarray()[:, 0] > 0
    assert weights.shape == (60, 3)
    share = weights[:, 0] / weights.sum(axis=1)
    assert share[behind].mean() > share[~behind].mean() + 0.05
