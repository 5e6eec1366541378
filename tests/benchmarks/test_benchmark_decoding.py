import numpy as np
import pytest
from scipy import sparse


def test_a_perfect_ranking_scores_100_and_the_worst_far_less():
    from decoding import ranking_scores

    truth = np.random.default_rng(0).random((20, 50)) < 0.1
    truth[:, 0] = True
    perfect = ranking_scores(truth.astype(float), truth)
    assert perfect == pytest.approx({"mAP": 100, "nDCG@10": 100})
    assert ranking_scores(-truth.astype(float), truth)["mAP"] < 20


def test_average_precision_and_gain_are_as_by_hand():
    from decoding import ranking_scores

    scores = ranking_scores(np.array([[4.0, 3, 2, 1]]), np.array([[True, False, True, False]]), k=2)
    assert scores["mAP"] == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert scores["nDCG@2"] == pytest.approx(100 / (1 + 1 / np.log2(3)))


def test_association_maps_square_to_chi_square():
    from decoding import association_maps
    from scipy.stats import chi2_contingency

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
    from decoding import calibration_error

    truth = np.tile([True, False], 1000).reshape(20, 100)
    assert calibration_error(np.full(truth.shape, 0.7), truth, n_bins=1) == pytest.approx(0.2)
