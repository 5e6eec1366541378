"""Modules that moved go on to be imported by their old names."""

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType

# Documented name of a module of an earlier version -> where it is.
_MOVED = {
    "sklearn_mnm.hierarchy_metrics": "sklearn_mnm.metrics",
    "sklearn_mnm.hub": "sklearn_mnm.persistence.hub",
    "sklearn_mnm.index": "sklearn_mnm.search.index",
    "sklearn_mnm.inner_product": "sklearn_mnm.search.inner_product",
    "sklearn_mnm.map_uncertainty": "sklearn_mnm.model.map_uncertainty",
    "sklearn_mnm.out_of_core": "sklearn_mnm.model.out_of_core",
    "sklearn_mnm.pretrained": "sklearn_mnm.persistence.pretrained",
    "sklearn_mnm.term_head": "sklearn_mnm.model.term_head",
    "sklearn_mnm.walk": "sklearn_mnm.search.walk",
}


class _Moved(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules by their old names."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name in _MOVED else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(_MOVED[spec.name])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It was executed under its own name, and keeps it.
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def keep_old_names() -> None:
    """Let ``import sklearn_mnm.index`` and the like find what moved."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
