"""The public functions and methods, and which of them take no input that could be bad."""

import importlib
import inspect
from collections.abc import Iterator

MODULES = (
    "sklearn_mnm",
    "sklearn_mnm.app",
    "sklearn_mnm.brain",
    "sklearn_mnm.datasets",
    "sklearn_mnm.geometry",
    "sklearn_mnm.geometry.information",
    "sklearn_mnm.metrics.hierarchy",
    "sklearn_mnm.persistence.hub",
    "sklearn_mnm.search.index",
    "sklearn_mnm.search.inner_product",
    "sklearn_mnm.metrics",
    "sklearn_mnm.nn.distributed",
    "sklearn_mnm.model.out_of_core",
    "sklearn_mnm.persistence",
    "sklearn_mnm.plotting",
    "sklearn_mnm.report",
    "sklearn_mnm.scorers",
    "sklearn_mnm.text",
    "sklearn_mnm.search.walk",
)

#: Names without a case, and why.
EXEMPT = {
    "AnatomicalLabels": "a record that load_anatomical_labels fills",
    "load_anatomical_labels": "takes nothing",
    "CognitiveAtlas": "a record that load_cognitive_atlas fills, which has its own cases",
    "HTMLReport": "a record that query_report and model_report fill",
    "HTMLReport.open_in_browser": "takes nothing",
    "ImageCollection": "a record that load_images fills, which has its own cases",
    "Ontology.circles": "takes nothing",
    "QueryExplanation": "a record that explain_query fills",
    "SidedPhrase": "a record that sided_phrases fills",
    "TreeRecovery": "a record that tree_recovery fills",
    "Walk": "a record that walk_to_root fills",
    "check_choice": "inside the package only: not in the manual",
    "lifted": "inside the package only: not in the manual",
    "shared_if_asked": "inside the package only: not in the manual",
    "load_nback_flanker": "reads a file of NiMARE's; its argument is that of load_studyset",
    "MNMDecoder.encoder": "takes nothing",
    "BrainHierarchy.from_yeo": "downloads; the labels go through BrainHierarchy.from_labels",
    "PeaksToRegions.get_feature_names_out": "ignores its argument, as scikit-learn has it",
    "SentenceTransformerVectorizer.get_feature_names_out": "ignores its argument",
}


def public_names() -> Iterator[str]:
    """Yield functions, classes and ``Class.method``."""
    seen = set()
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        listed = getattr(module, "__all__", None)
        names = listed or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module_name
        ]
        for name in names:
            value = getattr(module, name)
            if name in seen or not callable(value):
                continue
            seen.add(name)
            yield name
            if inspect.isclass(value):
                yield from (f"{name}.{method}" for method in _methods(value))


def _methods(of_class: type) -> Iterator[str]:
    bases = [base for base in of_class.__mro__[1:] if base.__module__.startswith("sklearn_mnm")]
    of_public_bases = {name for base in bases if base.__name__[0] != "_" for name in vars(base)}
    for name in dir(of_class):
        if name in of_public_bases - set(vars(of_class)):
            continue  # has its cases there
        value = getattr(of_class, name, None)
        function = getattr(value, "__func__", value)
        own = getattr(function, "__module__", "") or ""
        if not name.startswith("_") and callable(value) and own.startswith("sklearn_mnm"):
            yield name
