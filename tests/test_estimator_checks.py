"""scikit-learn's contract, for every public estimator.

Texts and peaks are no arrays of numbers, and scikit-learn has nothing else for its checks. So
estimators of these are checked behind a step that makes texts or peaks of the rows of an array.
"""

import importlib
import inspect
import os
import pickle
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import sklearn_mnm
from sklearn_mnm import (
    HyperbolicBrainTextEmbedder,
    MNMDecoder,
    MNMEncoder,
    MNMObjective,
    PeaksToRegions,
    SentenceTransformerVectorizer,
    TermVectorizer,
)


def texts_of_rows(X):
    """One text per row, that of its numbers."""
    return [" ".join(f"{value:.1f}" for value in row) for row in X]


def peaks_of_rows(X):
    """One study per row, with a peak for each number."""
    columns = np.arange(X.shape[1])
    return [5 * np.column_stack([row, row[::-1], columns]) for row in X]


# By name, as names of tests are made of parameters: functions have another address each time.
MAKERS = {"peaks": peaks_of_rows, "texts": texts_of_rows}


class OfRows(TransformerMixin, BaseEstimator):
    """Make other data of the rows of an array, one for each, by a function or one of `MAKERS`."""

    def __init__(self, make):
        self.make = make

    def fit(self, X, y=None):
        validate_data(self, X)
        return self

    def transform(self, X):
        check_is_fitted(self)
        make = MAKERS.get(self.make, self.make)
        return make(validate_data(self, X, reset=False))


def name_of(value):
    return type(value).__name__ if isinstance(value, BaseEstimator) else str(value)


CLOSED_FORM = HyperbolicBrainTextEmbedder(
    objective=MNMObjective("distance"), max_epochs=0, random_state=0
)
OF_ARRAYS = [
    HyperbolicBrainTextEmbedder(random_state=0),
    MNMEncoder(random_state=0),
    MNMDecoder(random_state=0),
    TermVectorizer(),
]
VARIANTS = [
    HyperbolicBrainTextEmbedder(n_components=1, batch_size=16, max_epochs=1, random_state=0),
    CLOSED_FORM,
    TermVectorizer(sublinear_tf=False, norm=None),
]
OF_TEXTS_AND_PEAKS = [
    PeaksToRegions(n_regions=4, resolution=12, fwhm=20, max_distance=1e9, random_state=0),
    SentenceTransformerVectorizer(device="cpu"),
]
PIPELINES = [
    make_pipeline(OfRows("peaks"), OF_TEXTS_AND_PEAKS[0]),
    make_pipeline(OfRows("texts"), OF_TEXTS_AND_PEAKS[1]),
]

CHECKS_OF_NUMBERS = [
    "check_estimators_pickle",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
]
WORDS = "predict names terms, and the check computes with what predict returns"
CANDIDATES = (
    "a study that is repeated is one more to be told from the others, one of weight 2 is not"
)
IN_PLACE = "scikit-learn's Pipeline fits its steps themselves, not copies of them"
EXPECTED_FAILURES = {
    MNMDecoder: {
        **dict.fromkeys(CHECKS_OF_NUMBERS, WORDS),
        "check_sample_weight_equivalence_on_dense_data": CANDIDATES,
    },
    Pipeline: dict.fromkeys(
        ["check_dont_overwrite_parameters", "check_estimators_overwrite_params"], IN_PLACE
    ),
}


@parametrize_with_checks(
    OF_ARRAYS + VARIANTS + PIPELINES,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator), {}),
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_contract(estimator, check, request):
    if isinstance(estimator, Pipeline) and "model" in estimator[-1].get_params():
        estimator[-1].set_params(model=request.getfixturevalue("minilm"))
    check(estimator)


# What scikit-learn checks of an estimator without giving it data.
@pytest.mark.parametrize(
    "check",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
@pytest.mark.parametrize("estimator", OF_TEXTS_AND_PEAKS, ids=name_of)
def test_estimators_of_texts_and_peaks_are_made_as_scikit_learn_asks(estimator, check):
    getattr(estimator_checks, check)(name_of(estimator), estimator)


@pytest.mark.parametrize("estimator", OF_ARRAYS + OF_TEXTS_AND_PEAKS, ids=name_of)
def test_wrong_parameters_are_refused_as_scikit_learn_refuses_them(estimator):
    estimator_checks.check_param_validation(name_of(estimator), estimator)


# What scikit-learn checks of its own transformers only.
@pytest.mark.parametrize(
    "check",
    [
        "check_dataframe_column_names_consistency",
        "check_get_feature_names_out_error",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
    ],
)
@pytest.mark.parametrize(
    "estimator",
    [
        CLOSED_FORM,
        MNMEncoder(embedder=CLOSED_FORM, random_state=0),
        MNMDecoder(embedder=CLOSED_FORM, random_state=0),
        TermVectorizer(),
    ],
    ids=name_of,
)
@pytest.mark.filterwarnings("ignore")
def test_names_and_data_frames_are_those_of_scikit_learns_transformers(estimator, check):
    if "output" in check and not hasattr(estimator, "set_output"):
        pytest.skip("features are sparse, which no data frame is made of")
    getattr(estimator_checks, check)(name_of(estimator), estimator)


class NumbersOfTheDecoder(MNMDecoder):
    """The decoder without the words of `predict`."""

    predict = property()


@pytest.mark.parametrize("check", CHECKS_OF_NUMBERS)
@pytest.mark.filterwarnings("ignore")
def test_what_the_decoder_says_in_numbers_passes(check):
    getattr(estimator_checks, check)("MNMDecoder", NumbersOfTheDecoder(random_state=0))


def test_words_of_the_decoder_hold_what_the_checks_cannot_compute_with():
    random = np.random.default_rng(0)
    maps, counts = random.random((30, 12)), random.poisson(0.7, (30, 9))
    decoder = MNMDecoder(n_terms=4, random_state=0).fit(maps, counts)
    words = decoder.predict(maps)
    assert len(np.unique(words)) > 4
    order = random.permutation(len(maps))
    np.testing.assert_array_equal(decoder.predict(maps[order]), words[order])
    one_by_one = np.vstack([decoder.predict(row[np.newaxis]) for row in maps])
    np.testing.assert_array_equal(one_by_one, words)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(decoder)).predict(maps), words)
    np.testing.assert_array_equal(decoder.fit(maps, counts).predict(maps), words)


def test_results_are_the_same_where_scikit_learn_dispatches_arrays():
    # SciPy looks at the variable when it is imported: without it the check is skipped.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        [*command, "-k", "check_array_api_input"],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        pytest.skip("this scikit-learn has the check for estimators of other arrays only")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_every_public_estimator_is_checked():
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(sklearn_mnm.__path__, prefix="sklearn_mnm.")
        if "._" not in module.name
    ]
    public = {
        value
        for module in modules
        for name, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, BaseEstimator)
        # Parameters alone, such as an objective, are not fitted.
        and hasattr(value, "fit")
        and value.__module__.startswith("sklearn_mnm.")
        and "._" not in value.__module__
        and not name.startswith("_")
    }
    exported = {getattr(sklearn_mnm, name) for name in sklearn_mnm.__all__}
    checked = {type(estimator) for estimator in OF_ARRAYS + OF_TEXTS_AND_PEAKS}
    assert public - checked == set()
    assert public <= exported
    in_pipelines = [type(pipeline[-1]) for pipeline in PIPELINES]
    assert in_pipelines == [type(estimator) for estimator in OF_TEXTS_AND_PEAKS]
