"""Retrieval and map figures: equal to the protocol's own code, and with the right properties."""

import importlib.util
import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.metrics import (
    correct_hubness,
    dice_top,
    map_correlation,
    mix_and_match,
    recall_at_k,
    retrieval_ranks,
    retrieval_report,
)

# Few distinct values, so that ties are common; floats of any size, so that they are not.
square_matrices = st.integers(2, 12).flatmap(
    lambda n: st.one_of(
        hnp.arrays(float, (n, n), elements=st.integers(-2, 2)),
        hnp.arrays(float, (n, n), elements=st.floats(-1e300, 1e300)),
        hnp.arrays(np.float32, (n, n), elements=st.floats(-1e3, 1e3, width=32)),
    )
)
map_pairs = st.tuples(st.integers(1, 5), st.integers(2, 30)).flatmap(
    lambda shape: st.tuples(
        *(
            hnp.arrays(float, shape, elements=st.floats(-1e6, 1e6) | st.integers(-1, 1))
            for _ in range(2)
        )
    )
)


def ranks_by_loop(scores):
    """Count, candidate by candidate, who is at least as high as the true one."""
    ranks = []
    for query, row in enumerate(scores):
        rank = 0
        for candidate, score in enumerate(row):
            if candidate != query and score >= row[query]:
                rank += 1
        ranks.append(rank)
    return ranks


def report_by_loop(scores, ks):
    ranks = ranks_by_loop(scores)
    n = len(ranks)
    report = {f"R@{k}": 100 * sum(rank < k for rank in ranks) / n for k in ks}
    wins = [(n - 1 - rank) / (n - 1) for rank in ranks]
    report["MM"] = 100 * sum(wins) / n
    return report


def correlations_of(predicted, observed):
    constant = any((np.ptp(maps, axis=1) == 0).any() for maps in (predicted, observed))
    with pytest.warns(DataWarning) if constant else nullcontext():
        return map_correlation(predicted, observed)


@pytest.fixture(scope="module")
def protocol_retrieval():
    """Load the function that the frozen evaluation protocol scores with."""
    data = os.environ.get("SKLEARN_MNM_DATA")
    if not data:
        pytest.skip("SKLEARN_MNM_DATA is not set, so there is no protocol beside it")
    path = Path(data).resolve().parent / "bench" / "score.py"
    if not path.is_file():
        pytest.skip(f"{path} does not exist")
    spec = importlib.util.spec_from_file_location("protocol_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.retrieval


@pytest.mark.parametrize("n_values", [2, 10, 10**9], ids=["many ties", "ties", "no ties"])
@pytest.mark.parametrize("n", [2, 37, 300])
def test_report_equals_the_protocols_own_scoring(protocol_retrieval, n, n_values):
    scores = np.random.default_rng(n).integers(n_values, size=(n, n)) / n_values
    scores += 0.3 * np.eye(n)
    assert retrieval_report(scores) == protocol_retrieval(scores)
    assert retrieval_report(scores.T) == protocol_retrieval(scores.T)


@given(square_matrices)
def test_report_equals_counting_one_by_one(scores):
    assert retrieval_ranks(scores).tolist() == ranks_by_loop(scores)
    expected = report_by_loop(scores, (1, 3, 10))
    assert retrieval_report(scores, ks=(1, 3, 10)) == pytest.approx(expected)


def test_ties_count_against_the_model():
    constant = np.zeros((5, 5))
    assert retrieval_ranks(constant).tolist() == [4] * 5
    assert retrieval_report(constant, ks=(1, 4, 5)) == {"R@1": 0, "R@4": 0, "R@5": 100, "MM": 0}


def test_small_example_by_hand():
    scores = [[0.9, 0.1, 0.2], [0.7, 0.5, 0.1], [0.8, 0.6, 0.3]]
    assert retrieval_ranks(scores).tolist() == [0, 1, 2]
    assert recall_at_k(scores, 1) == pytest.approx(100 / 3)
    assert recall_at_k(scores, 2) == pytest.approx(200 / 3)
    assert mix_and_match(scores) == pytest.approx(50)


@given(st.integers(2, 30))
def test_perfect_scores_give_100(n):
    report = retrieval_report(np.eye(n))
    assert set(report.values()) == {100.0}


@given(square_matrices, st.randoms(use_true_random=False))
def test_order_of_the_pairs_does_not_matter(scores, random):
    order = random.sample(range(len(scores)), len(scores))
    shuffled = scores[np.ix_(order, order)]
    assert retrieval_ranks(shuffled).tolist() == retrieval_ranks(scores)[order].tolist()
    assert retrieval_report(shuffled) == pytest.approx(retrieval_report(scores))


@given(square_matrices)
def test_recall_is_bounded_and_grows_with_k(scores):
    n = len(scores)
    recalls = [recall_at_k(scores, k) for k in range(1, n + 3)]
    assert recalls == sorted(recalls)
    assert recalls[0] >= 0
    assert recalls[n - 1 :] == [100.0] * 3
    assert 0 <= mix_and_match(scores) <= 100


@given(square_matrices)
def test_report_agrees_with_the_single_figures(scores):
    report = retrieval_report(scores, ks=(2, 5))
    assert list(report) == ["R@2", "R@5", "MM"]
    assert report["R@2"] == recall_at_k(scores, 2)
    assert report["MM"] == mix_and_match(scores)


def test_report_looks_at_lists_of_1_10_and_100():
    scores = np.random.default_rng(0).normal(size=(150, 150))
    expected = {f"R@{k}": recall_at_k(scores, k) for k in (1, 10, 100)}
    assert retrieval_report(scores) == expected | {"MM": mix_and_match(scores)}


# Not strings, not complex numbers: see below.
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, object])
def test_real_numbers_of_any_dtype_will_do(dtype):
    scores = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 1]]).astype(dtype)
    assert retrieval_ranks(scores).tolist() == [0, 2, 1]


def test_single_precision_is_not_copied_to_double():
    scores = np.eye(4, dtype=np.float32)
    assert correct_hubness(scores, k=2).dtype == np.float32
    assert correct_hubness(scores.astype(int), k=2).dtype == np.float64


@settings(max_examples=20)
@given(square_matrices, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_scores_that_are_not_finite_are_refused(scores, value):
    scores = scores.copy()
    scores[1, 0] = value
    for function in (retrieval_ranks, mix_and_match, retrieval_report, correct_hubness):
        with pytest.raises(InvalidInputError, match=r"^scores: 1 entries .* row 1 "):
            function(scores)


def test_a_single_pair_has_no_wrong_candidate():
    assert recall_at_k([[0.2]], 1) == 100
    with pytest.raises(InvalidInputError, match="at least two"):
        mix_and_match([[0.2]])


def test_correlation_equals_numpys():
    random = np.random.default_rng(0)
    predicted, observed = random.normal(size=(2, 600, 40))
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(predicted, observed, strict=True)]
    np.testing.assert_allclose(map_correlation(predicted, observed), expected, atol=1e-12)


@given(map_pairs)
def test_correlation_is_bounded_and_symmetric(maps):
    predicted, observed = maps
    correlation = correlations_of(predicted, observed)
    assert (np.abs(correlation) <= 1).all()
    np.testing.assert_allclose(correlations_of(observed, predicted), correlation, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_correlation_ignores_scale_and_offset(scale):
    maps = np.random.default_rng(1).normal(size=(4, 50))
    np.testing.assert_allclose(map_correlation(maps, scale * maps), 1)
    np.testing.assert_allclose(map_correlation(maps, 3 - 2 * maps), -1)


def test_rounding_takes_no_correlation_beyond_its_bounds():
    maps = np.random.default_rng(5).normal(size=(5000, 7))
    for sign in (1, -1):
        correlation = map_correlation(maps, sign * maps)
        assert (np.abs(correlation) <= 1).all()
        np.testing.assert_allclose(correlation, sign)


# The mean of 0.1 repeated 30 times is not 0.1 in floating point.
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6])
def test_constant_maps_count_as_zero_and_are_reported(constant):
    random = np.random.default_rng(2)
    predicted, observed = random.normal(size=(2, 3, 30))
    observed[1] = constant
    predicted[2] = constant
    message = "1 predicted and 1 observed maps of 3 are constant"
    with pytest.warns(DataWarning, match=message) as caught:
        correlation = map_correlation(predicted, observed)
    assert caught[0].filename == __file__
    assert correlation[1:].tolist() == [0, 0]
    assert correlation[0] == pytest.approx(np.corrcoef(predicted[0], observed[0])[0, 1])


def test_dice_equals_sets_of_the_highest_voxels():
    random = np.random.default_rng(3)
    predicted, observed = random.normal(size=(2, 300, 200))
    expected = [
        len(set(np.argsort(a)[-10:]) & set(np.argsort(b)[-10:])) / 10
        for a, b in zip(predicted, observed, strict=True)
    ]
    np.testing.assert_allclose(dice_top(predicted, observed), expected)


@given(map_pairs, st.randoms(use_true_random=False))
def test_dice_is_bounded_symmetric_and_blind_to_voxel_order(maps, random):
    # Positive voxels in every map, so that none is without active voxels.
    predicted, observed = (np.abs(values) + 0.5 for values in maps)
    dice = dice_top(predicted, observed, fraction=0.2)
    assert ((dice >= 0) & (dice <= 1)).all()
    np.testing.assert_array_equal(dice_top(observed, predicted, fraction=0.2), dice)
    order = random.sample(range(predicted.shape[1]), predicted.shape[1])
    shuffled = dice_top(predicted[:, order], observed[:, order], fraction=0.2)
    np.testing.assert_array_equal(shuffled, dice)
    np.testing.assert_array_equal(dice_top(predicted, predicted, fraction=0.2), 1)


def test_background_of_a_map_with_few_active_voxels_is_not_active():
    observed = np.zeros((1, 100))
    observed[0, 50:52] = [1.0, 2.0]
    predicted = np.arange(100.0)[np.newaxis]  # the top 5 are voxels 95 to 99
    assert dice_top(predicted, observed) == [0]
    assert dice_top(observed, observed) == [1]
    predicted[0, 50] = 200
    assert dice_top(predicted, observed) == [pytest.approx(2 * 1 / (5 + 2))]


def test_ties_at_the_cut_are_all_taken():
    observed = np.tile([1.0, 0.0], (1, 10))  # a mask: 10 of 20 voxels share the top
    assert dice_top(observed, observed, fraction=0.1) == [1]
    predicted = np.arange(20.0)[np.newaxis]  # voxels 18 and 19; only 18 is in the mask
    assert dice_top(predicted, observed, fraction=0.1) == [pytest.approx(2 * 1 / (2 + 10))]


def test_maps_of_zeros_have_no_overlap_and_are_reported():
    maps = np.zeros((3, 40))
    maps[0, :5] = 1
    message = "2 predicted and 2 observed maps of 3 are without an active voxel .* counts as 0"
    with pytest.warns(DataWarning, match=message) as caught:
        assert dice_top(maps, maps).tolist() == [1, 0, 0]
    assert caught[0].filename == __file__


def test_fractions_reach_from_one_voxel_to_all():
    predicted, observed = np.array([[3.0, 4.0, 1.0, 2.0]]), np.array([[4.0, 3.0, 1.0, 2.0]])
    assert dice_top(predicted, observed, fraction=0.01) == [0]  # voxels 1 and 0
    assert dice_top(predicted, observed, fraction=0.5) == [1]
    assert dice_top(predicted, observed, fraction=1) == [1]


@pytest.mark.parametrize("function", [map_correlation, dice_top])
def test_maps_that_do_not_fit_together_are_refused(function):
    maps = np.random.default_rng(4).normal(size=(3, 10))
    with pytest.raises(InvalidInputError, match=r"\(3, 10\).*\(2, 10\)"):
        function(maps, maps[:2])
    spoilt = np.where(np.arange(3)[:, np.newaxis] == 2, np.nan, maps)
    with pytest.raises(InvalidInputError, match=r"^observed: 10 entries.*row 2"):
        function(maps, spoilt)
    with pytest.raises(InvalidInputError, match=r"^predicted: 10 entries.*row 2"):
        function(spoilt, maps)


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, np.nan])
def test_fraction_must_be_a_share(fraction):
    with pytest.raises(InvalidInputError, match="fraction"):
        dice_top(np.eye(3), np.eye(3), fraction=fraction)


def test_correction_is_that_of_the_published_formula():
    random = np.random.default_rng(0)
    scores = random.normal(size=(6, 8))
    corrected = correct_hubness(scores, k=3)
    of_queries = np.sort(scores, axis=1)[:, -3:].mean(axis=1)
    of_candidates = np.sort(scores, axis=0)[-3:].mean(axis=0)
    for i, j in np.ndindex(scores.shape):
        expected = 2 * scores[i, j] - of_queries[i] - of_candidates[j]
        assert corrected[i, j] == pytest.approx(expected)


def test_correction_takes_ten_neighbours_or_all_there_are():
    scores = np.random.default_rng(1).normal(size=(30, 40))
    np.testing.assert_array_equal(correct_hubness(scores), correct_hubness(scores, k=10))
    assert not np.array_equal(correct_hubness(scores), correct_hubness(scores, k=11))
    few = scores[:3, :4]
    of_all = 2 * few - few.mean(axis=1, keepdims=True) - few.mean(axis=0)
    np.testing.assert_allclose(correct_hubness(few), of_all)


@pytest.mark.parametrize("k", [0, 1.5, True])
def test_correction_needs_a_number_of_neighbours(k):
    with pytest.raises(InvalidInputError, match="k="):
        correct_hubness(np.eye(3), k=k)
