"""Texts, maps, groups and weights that carry ids are paired by these, whatever their order."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import (
    ShuffleSplit,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)

from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMDecoder,
    MNMEncoder,
    PeaksToRegions,
    Studies,
    TermVectorizer,
    recall_scorer,
)
from sklearn_mnm.datasets import make_literature, to_nimare
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.model.pairing import paired

N = 90
ORDER = np.random.default_rng(0).permutation(N)


def parts():
    return {
        "vectorizer": TermVectorizer(min_df=1),
        "regions": PeaksToRegions(n_regions=12, resolution=12, max_distance=1000, random_state=0),
        "embedder": HyperbolicBrainTextEmbedder(n_components=4, max_epochs=1, random_state=0),
        "random_state": 0,
    }


@pytest.fixture(scope="module")
def studies():
    tree = {"n_domains": 2, "n_tasks_per_domain": 2}
    made = make_literature(N, **tree, n_terms=60, random_state=0).studies
    papers = [f"p{n // 2}" for n in range(N)]
    return Studies(made.ids, texts=made.texts, peaks=made.peaks, groups=papers)


@pytest.fixture(scope="module")
def texts(studies):
    return pd.Series(list(studies.texts), index=studies.ids)


@pytest.fixture(scope="module")
def activations(studies):
    regions = parts()["regions"].fit(studies)
    return pd.DataFrame(regions.transform(studies), index=pd.Index(studies.ids, name="id"))


@pytest.fixture(scope="module")
def weights(studies):
    return pd.Series(np.random.default_rng(1).uniform(0.1, 3, N), index=studies.ids)


def values_in_order(y, studies, activations):
    """Maps as one array of activations, or peaks, by study."""
    if isinstance(y, Studies):
        return y.ids.tolist()
    if "x" in getattr(y, "columns", ()):
        return list(dict.fromkeys(y["id"]))
    return y.index.tolist()


@pytest.mark.parametrize("form", ["studies", "peaks", "activations", "activations with a column"])
def test_maps_of_any_form_come_in_the_order_of_the_texts(form, studies, texts, activations):
    maps = {
        "studies": studies[ORDER],
        "peaks": studies.peaks.sample(frac=1, random_state=0),
        "activations": activations.iloc[ORDER],
        "activations with a column": activations.iloc[ORDER].reset_index(),
    }[form]
    y = paired(texts, maps)[1]
    assert values_in_order(y, studies, activations) == studies.ids.tolist()
    if form.startswith("activations"):
        np.testing.assert_array_equal(y.to_numpy(), activations.to_numpy())
    if form == "peaks":
        # Peaks of a study stay as they were among themselves.
        assert len(y) == len(studies.peaks)
        sizes = y["id"].value_counts().reindex(studies.ids).tolist()
        assert sizes == studies.peak_counts.tolist()


def test_texts_groups_and_weights_come_in_the_order_of_the_maps(studies, texts, weights):
    groups = pd.Series(studies.groups, index=studies.ids)
    X, y, by_index, weight = paired(studies, texts.iloc[ORDER], groups[::-1], weights.iloc[ORDER])
    assert X is studies
    assert y.tolist() == studies.texts.tolist()
    assert by_index.tolist() == studies.groups.tolist()
    assert weight.tolist() == weights.tolist()
    table = pd.DataFrame({"id": studies.ids, "text": studies.texts}).iloc[ORDER]
    assert paired(studies, table)[1].tolist() == studies.texts.tolist()
    assert paired(studies, pl.from_pandas(table))[1].tolist() == studies.texts.tolist()
    of_studies = paired(studies, None, studies[ORDER], table.rename(columns={"text": "w"}))
    assert of_studies[2].tolist() == studies.groups.tolist()


def test_weights_follow_the_ids_of_the_maps_where_texts_have_none(studies, weights):
    weight = paired(list(studies.texts), studies, None, weights.iloc[ORDER])[3]
    assert weight.tolist() == weights.tolist()


def test_a_bunch_of_nimare_is_paired_by_its_ids():
    pytest.importorskip("nimare.nimads")
    peaks = pd.DataFrame({"id": ["p-1", "p-2", "p-2"], "x": [10.0, -40, 38], "y": -20.0, "z": 50.0})
    sizes = pd.DataFrame({"sample_size": [20, 20]})
    studies = Studies(["p-1", "p-2"], metadata=sizes, peaks=peaks, groups=["p", "p"])
    studyset = to_nimare(studies)
    texts = pd.Series(["memory", "pain"], index=pd.Index(["p-1", "p-2"], name="id"))
    _, maps, _, _ = paired(texts, studyset.to_bunch())
    assert isinstance(maps, Studies)
    assert maps.ids.tolist() == ["p-1", "p-2"]
    assert maps.peak_counts.tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="from_nimare"):
        paired(texts, studyset)


def test_a_fit_does_not_depend_on_the_order_of_what_carries_ids(studies, texts, weights):
    test = studies.texts[:5]
    fitted = MNMEncoder(**parts()).fit(studies.texts, studies, sample_weight=weights.to_numpy())
    peaks = studies.peaks[["id", "x", "y", "z"]].sort_values("x")
    groups = pd.Series(studies.groups, index=studies.ids)[::-1]
    other = MNMEncoder(**parts()).fit(texts, peaks, groups, weights.iloc[ORDER])
    np.testing.assert_array_equal(other.predict(test), fitted.predict(test))
    scores = [recall_scorer(10)(fitted, texts, y) for y in (studies, peaks)]
    assert scores[0] == scores[1] == recall_scorer(10)(fitted, studies)
    assert fitted.score(texts, peaks) == fitted.score(studies)
    decoder = fitted.decoder()
    assert decoder.score(studies, texts[::-1]) == decoder.score(studies)


def test_studies_in_another_order_are_paired_and_told_of(studies):
    with pytest.warns(DataWarning, match="y has the studies of X in another order"):
        y = paired(studies, studies[ORDER])[1]
    assert y.ids.tolist() == studies.ids.tolist()


def renamed(studies):
    return pd.Series(list(studies.texts), index=[f"s{i}" for i in studies.ids])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:-1], "1 of 90 ids of X are not in y: 'study_90'"),
        (lambda s: s.peaks[s.peaks["id"] != "study_1"], "1 of 90 .* not in y: 'study_1'"),
        (renamed, "90 of 90 ids of y are not in X: 'sstudy_1', 'sstudy_2', 'sstudy_3', ..."),
    ],
)
def test_ids_that_differ_are_an_error(studies, texts, change, message):
    with pytest.raises(InvalidInputError, match=rf"different ids.*{message}.*select"):
        paired(texts, change(studies))
    if isinstance(change(studies), Studies):
        with pytest.raises(InvalidInputError, match="different ids"):
            MNMEncoder(**parts()).fit(texts, change(studies))
    with pytest.raises(InvalidInputError, match="X and sample_weight are of different ids"):
        paired(texts, None, None, pd.Series(1.0, index=["a"] * N))


def test_ids_that_repeat_are_no_hindrance_in_the_same_order(texts):
    papers = texts.set_axis([f"p{n // 2}" for n in range(N)])
    maps = pd.DataFrame(np.eye(N), index=papers.index)
    assert paired(papers, maps)[1] is maps
    with pytest.raises(InvalidInputError, match="its ids occur more than once and are in another"):
        paired(papers, maps[::-1])


def test_numbers_of_an_index_are_ids_only_where_the_other_has_the_same(studies, texts):
    numbers = pd.Index([int(i.removeprefix("study_")) for i in studies.ids])
    peaks = studies.peaks.assign(id=studies.peaks["id"].str.removeprefix("study_"))
    numbered = texts.set_axis(numbers).iloc[ORDER]
    assert list(dict.fromkeys(paired(numbered, peaks)[1]["id"])) == [str(n) for n in numbered.index]
    # Rows of a larger table, and an index that counts rows.
    for unnamed in (texts.set_axis(numbers + 500), texts.reset_index(drop=True)):
        assert paired(unnamed, peaks)[1] is peaks
    with pytest.raises(InvalidInputError, match="different ids"):
        paired(texts.set_axis((numbers + 500).rename("pmid")), peaks)


def test_splits_of_scikit_learn_keep_pairs_together(studies, texts):
    cv = ShuffleSplit(1, random_state=0)
    scores = [
        cross_val_score(MNMEncoder(**parts()), X, studies, cv=cv, error_score="raise")
        for X in (studies, texts, texts.reset_index(drop=True), list(texts))
    ]
    assert len({score.item() for score in scores}) == 1


def test_learning_curves_take_studies_as_both(studies):
    arguments = {"cv": 3, "train_sizes": [1.0], "error_score": "raise"}
    both = learning_curve(MNMEncoder(**parts()), studies, studies, **arguments)
    alone = learning_curve(MNMEncoder(**parts()), studies, None, **arguments)
    np.testing.assert_array_equal(both[2], alone[2])


def test_permutation_tests_shuffle_what_has_no_ids_and_refuse_what_has(studies):
    arguments = {"cv": 2, "n_permutations": 2, "random_state": 0}
    for estimator, y in ((MNMEncoder, studies.coordinates), (MNMDecoder, studies.texts)):
        score, shuffled, _ = permutation_test_score(estimator(**parts()), studies, y, **arguments)
        # Pairs that were put back by id would score the same each time.
        assert len({score, *shuffled}) == 3
    with pytest.raises(InvalidInputError, match=r"permutation_test_score.*studies\.coordinates"):
        permutation_test_score(MNMEncoder(**parts()), studies, studies, **arguments)


def test_coordinates_are_the_peaks_of_each_study(studies):
    places = studies.coordinates
    assert [len(place) for place in places] == studies.peak_counts.tolist()
    np.testing.assert_array_equal(np.concatenate(places), studies.peaks[["x", "y", "z"]])
    assert Studies(["a", "b"]).coordinates[1].shape == (0, 3)
    assert Studies([]).coordinates == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert paired(studies, places)[1] is places
