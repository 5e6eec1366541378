import numpy as np
import pytest


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_a_test_fold_is_a_pool_of_1000_that_no_training_study_is_in(corpus):
    from benchmarks.common.protocol import ALL_FOLDS, split

    studies, folds = corpus
    seen: set[str] = set()
    for fold in ALL_FOLDS:
        train, test = split(studies, folds, fold)
        assert len(test) == 1000
        assert not set(train.ids) & set(test.ids)
        assert len(train) + len(test) == len(studies)
        assert not seen & set(test.ids)
        seen |= set(test.ids)


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_fewer_training_studies_leave_the_test_fold_as_it_is(corpus):
    from benchmarks.common.protocol import split

    full_train, full_test = split(*corpus, 0)
    train, test = split(*corpus, 0, max_train=1500)
    assert len(train) == 1500
    assert set(train.ids) <= set(full_train.ids)
    np.testing.assert_array_equal(test.ids, full_test.ids)


def test_the_validation_split_is_a_partition_and_always_the_same():
    from benchmarks.common.tuning import validation_split

    fit_rows, rows = validation_split(2500)
    assert len(rows) == 1000
    np.testing.assert_array_equal(np.sort(np.concatenate([fit_rows, rows])), np.arange(2500))
    np.testing.assert_array_equal(validation_split(2500)[1], rows)


def test_the_validation_split_needs_more_than_the_pool():
    from benchmarks.common.tuning import validation_split

    with pytest.raises(ValueError, match="1000"):
        validation_split(1000)


def test_both_directions_are_scored_with_texts_in_rows():
    from benchmarks.common.protocol import retrieval_scores

    # Text 0 finds its brain first; seen from the brains, column 1 prefers text 0.
    similarity = np.array([[3.0, 2.0], [0.0, 1.0]])
    scores = retrieval_scores(similarity)
    assert scores["t2b R@1"] == 100
    assert scores["b2t R@1"] == 50


def test_equal_scores_count_against_the_model():
    from benchmarks.common.protocol import retrieval_scores

    scores = retrieval_scores(np.zeros((200, 200)))
    assert scores["t2b R@100"] == scores["b2t MM"] == 0


def test_studies_without_peaks_do_not_enter_map_prediction():
    from benchmarks.common.protocol import map_scores

    observed = np.random.default_rng(0).random((3, 100))
    predicted = observed.copy()
    observed[1] = 0
    scores = map_scores(predicted, observed)
    assert scores["map corr"] == pytest.approx(1)
    assert scores["map Dice"] == pytest.approx(1)
    assert scores["map studies"] == 2
