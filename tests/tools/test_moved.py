"""Modules that moved are found by their former names."""

import importlib
import subprocess
import sys

import pytest

from sklearn_mnm._tools.moved import _MOVED


@pytest.mark.parametrize("old", _MOVED)
def test_an_old_name_is_the_module_itself(old):
    former, now = importlib.import_module(old), importlib.import_module(_MOVED[old])
    assert former is now
    assert now.__name__ == now.__spec__.name == _MOVED[old]


def test_names_can_be_imported_from_old_places_first():
    code = (
        "from sklearn_mnm.hierarchy_metrics import tree_recovery\n"
        "import sklearn_mnm.index\n"
        "from sklearn_mnm.metrics import tree_recovery as now\n"
        "assert tree_recovery is now and sklearn_mnm.index.PointIndex\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_are_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("sklearn_mnm.indices")
