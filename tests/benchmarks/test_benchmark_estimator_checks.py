import importlib
from functools import partial
from unittest import SkipTest

import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data


class Forgetful(TransformerMixin, BaseEstimator):
    """Breaks two rules: fitting changes a parameter, and what is learnt depends on earlier fits."""

    def __init__(self, n_fits=0):
        self.n_fits = n_fits

    def fit(self, X, y=None):
        validate_data(self, X)
        self.n_fits += 1
        return self

    def transform(self, X):
        check_is_fitted(self)
        return validate_data(self, X, reset=False) * self.n_fits


class Untagged(BaseEstimator):
    """Has a method of transformers and does not say that it is one."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def failing(estimator):
    """Names of the checks that fail, by calling each."""
    names = []
    for checked, check in estimator_checks_generator(estimator):
        try:
            check(clone(checked))
        except SkipTest:
            continue
        except AssertionError:
            names.append(check.func.__name__ if isinstance(check, partial) else check.__name__)
    return names


@pytest.mark.filterwarnings("ignore")
def test_every_check_is_counted_once_under_its_status():
    from benchmarks.robustness.estimator_checks import STATUSES, count

    estimator = Forgetful()
    names = failing(estimator)
    assert len(names) >= 2
    counts = count(estimator, {})
    assert counts.total() == len(list(estimator_checks_generator(estimator)))
    assert counts["failed"] == len(names)
    assert counts["xfail"] == 0
    assert set(counts) <= set(STATUSES)
    expected = count(estimator, dict.fromkeys(names, "known"))
    assert expected["xfail"] == len(names)
    assert expected["failed"] == 0
    assert expected["passed"] == counts["passed"]


@pytest.mark.filterwarnings("ignore")
def test_estimators_without_fault_fail_nothing_and_texts_end_the_checks():
    from benchmarks.robustness.estimator_checks import count

    assert count(StandardScaler(), {})["failed"] == 0
    assert count(StandardScaler(), {})["passed"] > 40
    assert dict(count(CountVectorizer(), {})) == {"passed": 1}


def test_an_estimator_that_is_refused_has_no_checks_and_is_still_in_the_table():
    from benchmarks.robustness.estimator_checks import STATUSES, Case, count, row

    assert count(Untagged(), {}).total() == 0
    cells = row(Case("Untagged", Untagged(), {}, None), {})
    assert cells == ["Untagged", *["0"] * (1 + len(STATUSES)), *[""] * (1 + len(STATUSES))]


def test_estimators_of_a_package_are_its_own_and_need_no_arguments(tmp_path, monkeypatch):
    from benchmarks.robustness.estimator_checks import estimators_in

    folder = tmp_path / "a_zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_private.py").write_text(
        "from sklearn.base import BaseEstimator\n"
        "class Shown(BaseEstimator):\n"
        "    def __init__(self, size=1, **others): ...\n"
        "class Hidden(Shown): ...\n"
        "class Needy(BaseEstimator):\n"
        "    def __init__(self, size): ...\n"
    )
    (folder / "public.py").write_text(
        "from sklearn.cluster import KMeans\n"
        "from a_zoo._private import Needy, Shown\n"
        "class Another(Shown): ...\n"
        "class NoEstimator: ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = estimators_in(importlib.import_module("a_zoo"))
    assert [kind.__name__ for kind in found] == ["Another", "Shown"]


@pytest.mark.filterwarnings("ignore")
def test_ours_are_those_of_the_suite_with_its_expected_failures():
    from benchmarks.robustness.estimator_checks import contract, ours

    suite = contract()
    cases = {case.name: case for case in ours(suite)}
    assert set(cases["MNMDecoder(random_state=0)"].expected) == set(
        suite.EXPECTED_FAILURES[suite.MNMDecoder]
    )
    assert cases["PeaksToRegions"].pipeline in suite.PIPELINES
    assert cases["TermVectorizer()"].pipeline is None
