"""Which objects a model file may hold, and what their attributes have to be.

Files of earlier versions go on to be loaded. So whatever is added to a class has to be optional:

- a fitted attribute is marked with "?" below, and read with ``getattr`` or given a default where
  `sklearn_mnm.persistence.objects` restores its class;
- a parameter, or a field of a named tuple, has a default that does what was done without it.

One that is removed, renamed or takes other values is translated when loading, see
`sklearn_mnm.persistence.earlier`.
"""

import importlib
from numbers import Integral, Real
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils._param_validation import validate_parameter_constraints

from sklearn_mnm.nn.fitted_towers import FittedTowers

# What an attribute has to be:
# - a type, or one of the classes above by name;
# - "positive": a finite number above 0;
# - a letter: a size, as an integer; p text features, r regions, d dimensions of the space, t terms,
#   m of the whole space, s of meanings, n studies, b bins. A letter is the same size throughout an
#   object and its parts;
# - a tuple of sizes: an array of finite numbers of this shape, of strings if `str` comes last, a
#   sparse matrix if `csr_matrix` does.
# "?" marks an attribute that may be None or absent.
_BRAIN_TEXT = {
    "n_regions_": "r",
    "map_names_?": ("r", str),
    "regions_?": "PeaksToRegions",
    "vectorizer_": "TermVectorizer",
    "term_vectorizer_": "TermVectorizer",
    "embedder_": "HyperbolicBrainTextEmbedder",
    "hierarchy_": "BrainHierarchy",
    "uncertainty_": dict,
    "terms_": ("t", str),
    "term_counts_": ("t",),
    "study_terms_?": ("n", "t", sparse.csr_matrix),
    "term_head_?": "TermHead",
    "term_posterior_?": "TermPosterior",
    "noise_null_?": "NoiseNull",
    "neighbours_": "StudyNeighbours",
}
_ONTOLOGY = {"terms": pd.DataFrame, "relations": pd.DataFrame, "broader": tuple}
_TOWERS = {"text_tower.basis": ("r", "d"), "brain_tower.basis": ("r", "d")}
# In files towers are named after the classes that train them.
_TOWERS_BY_ANGLE = {True: "AngleModel", False: "BrainTextModel"}


class Saved(NamedTuple):
    """A class whose objects are saved: its module, what its attributes are, and its own name."""

    module: str
    attributes: dict[str, Any]
    #: If None, as in files.
    class_name: str | None = None


# Nothing else is loaded, whatever a file says.
SAVED = {
    "ActivationScaler": Saved("sklearn_mnm.brain.features", {"power": "positive", "mean": ("r",)}),
    "AngleModel": Saved("sklearn_mnm.nn.fitted_towers", _TOWERS, "FittedTowers"),
    "BrainHierarchy": Saved("sklearn_mnm.brain.hierarchy", {"n_regions": "r"}),
    "BrainTextModel": Saved("sklearn_mnm.nn.fitted_towers", _TOWERS, "FittedTowers"),
    "CognitiveAtlas": Saved("sklearn_mnm.text.cognitive_atlas", _ONTOLOGY),
    "DecodeHead": Saved(
        "sklearn_mnm.model.decode_head",
        {
            "coef": ("d", "r"),
            "intercept": ("r",),
            "power": "positive",
            "scale": float,
            "nonnegative": bool,
        },
    ),
    "HyperbolicBrainTextEmbedder": Saved(
        "sklearn_mnm.embedder",
        {
            "n_features_in_": "p",
            "n_regions_": "r",
            "n_components_": "d",
            "curvature_": "positive",
            "alpha_": "positive",
            "alpha_scores_": dict,
            "text_coef_": ("p", "r"),
            "short_coef_?": ("p", "r"),
            "mean_terms_": "positive",
            "feature_weights_": ("p",),
            "feature_names_in_?": ("p", str),
            "activation_scaler_": "ActivationScaler",
            "model_": "AngleModel|BrainTextModel",
            "n_dimensions_": "m",
            "term_space_?": "TermSpace",
            "joint_space_?": "JointSpace",
            "decode_head_": "DecodeHead",
            "left_out_points_?": ("n", "m+1"),
            "left_out_activations_?": ("n", "r"),
            "statistics_?": "RidgeStatistics",
            "history_": pd.DataFrame,
            "best_epoch_": int,
            "objective?": "MNMObjective",
        },
    ),
    "JointSpace": Saved(
        "sklearn_mnm.model.joint_space",
        {
            "n_components": "d",
            "balance": "positive",
            "largest_height": "positive",
            "unit": "positive",
            "least_radius": "positive",
            "largest_strength": "positive",
            "typical_strength": "positive",
        },
    ),
    "MNMDecoder": Saved("sklearn_mnm.decoder", _BRAIN_TEXT),
    "MNMEncoder": Saved("sklearn_mnm.encoder", _BRAIN_TEXT),
    "MNMObjective": Saved("sklearn_mnm.model.objective", {"hierarchy?": "BrainHierarchy"}),
    "MapUncertainty": Saved(
        "sklearn_mnm.model.map_uncertainty",
        {
            "power": "positive",
            "nonnegative": bool,
            "variance": (3,),
            "region_factors": ("r",),
            "bin_edges": ("b-1",),
            "half_widths": (13, "b"),
            "null_mean": ("r",),
            "null_std": ("r",),
            "null_quantiles": (33,),
        },
    ),
    "NoiseNull": Saved(
        "sklearn_mnm.model.noise_null",
        {
            "mean": ("t",),
            "spread": ("t",),
            "units": (2, 2),
            "fwhm": ("b",),
            "statistic": ("b",),
        },
    ),
    "Ontology": Saved("sklearn_mnm.text.ontology", _ONTOLOGY),
    "PeakTally": Saved(
        "sklearn_mnm.brain.peaks", {"n_peaks": int, "n_moved": int, "n_dropped": int}
    ),
    "PeaksToRegions": Saved(
        "sklearn_mnm.brain.regions",
        {"n_regions_": "r", "region_names_": list, "peak_tally_?": "PeakTally"},
    ),
    "RidgeStatistics": Saved(
        "sklearn_mnm.model.ridge",
        {
            "gram": ("p", "p"),
            "moment": ("p", "r"),
            "energy": float,
            "n_samples": int,
        },
    ),
    "StudyNeighbours": Saved(
        "sklearn_mnm.search.neighbours",
        {
            "text_tangent": ("n", "m"),
            "brain_tangent": ("n", "m"),
            "ids": ("n", str),
            "titles?": ("n", str),
        },
    ),
    "TermHead": Saved(
        "sklearn_mnm.model.term_head",
        {
            "coef": ("d", "t"),
            "intercept": ("t",),
            "prior_log_odds": ("t",),
            "reliability": ("t",),
            "alpha": float,
            "pseudo_studies": float,
        },
    ),
    "TermPosterior": Saved(
        "sklearn_mnm.model.term_posterior",
        {"salience": ("n", "t", sparse.csr_matrix), "calibration": (3,)},
    ),
    "TermSpace": Saved(
        "sklearn_mnm.model.term_space",
        {
            "directions": ("p", "s"),
            "information": ("p",),
            "parts": ("p", "p", sparse.csr_matrix),
        },
    ),
    "TermVectorizer": Saved("sklearn_mnm.text.terms", {"idf_": ("p",), "vocabulary_": dict}),
    "Towers": Saved("sklearn_mnm.model.objective", {}),
}
_NUMBERS: dict[type, Any] = {int: Integral, float: Real}


def class_named(name: str) -> Any:
    """Return one of `SAVED`, whose module is imported only now."""
    saved = SAVED[name]
    return getattr(importlib.import_module(saved.module), saved.class_name or name)


def class_name(value: Any) -> str | None:
    """Name by which the class of an object is known in files; None if it cannot be stored."""
    if isinstance(value, FittedTowers):
        return _TOWERS_BY_ANGLE[value.by_angle]
    name = type(value).__qualname__
    return name if name in SAVED and SAVED[name].module == type(value).__module__ else None


def check_parameters(value: Any) -> None:
    """Check the parameters of an object that says what they may be.

    Parameters
    ----------
    value : object
        With ``_parameter_constraints``, as estimators have them; others pass.
    """
    constraints = getattr(type(value), "_parameter_constraints", None)
    if constraints:
        params = {name: getattr(value, name) for name in constraints if hasattr(value, name)}
        validate_parameter_constraints(constraints, params, caller_name=type(value).__name__)


def check_object(value: Any, sizes: dict[str, int] | None = None) -> None:
    """Check that the attributes of an object and its parts fit each other.

    Parameters
    ----------
    value : object
        Of one of the classes above; estimators fitted.
    sizes : dict of str to int, optional
        Sizes known so far, by letter; those found are added.
    """
    sizes = {} if sizes is None else sizes
    for key, expected in SAVED[str(class_name(value))].attributes.items():
        attribute = key.rstrip("?")
        try:
            found = attrgetter(attribute)(value)
        except AttributeError:
            found = None
        if found is not None:
            check_value(attribute, found, expected, sizes)
        elif attribute == key:
            raise ValueError(f"{attribute} is missing")


def check_value(attribute: str, value: Any, expected: Any, sizes: dict[str, int]) -> None:
    """Check one value, see :func:`check_object`; `expected` is one of the forms listed above."""
    if isinstance(expected, tuple):
        _check_array(attribute, value, expected, sizes)
    elif isinstance(expected, str) and SAVED.keys() >= set(expected.split("|")):
        if class_name(value) not in expected.split("|"):
            raise ValueError(f"{attribute} is of type {type(value).__name__}, not {expected}")
        check_object(value, sizes)
    elif isinstance(expected, str):
        check_value(attribute, value, float if expected == "positive" else int, sizes)
        if value <= 0:
            raise ValueError(f"{attribute} is {value}, not positive")
        if expected != "positive":
            _check_size(attribute, value, expected, sizes)
    elif expected in _NUMBERS:
        if not isinstance(value, _NUMBERS[expected]) or isinstance(value, bool):
            raise ValueError(f"{attribute} is of type {type(value).__name__}, not a number")
        if not np.isfinite(value):
            raise ValueError(f"{attribute} is {value}")
    elif not isinstance(value, expected):
        raise ValueError(f"{attribute} is of type {type(value).__name__}, not {expected.__name__}")


def _check_array(attribute: str, value: Any, expected: tuple, sizes: dict[str, int]) -> None:
    array = value
    if not isinstance(array, sparse.csr_matrix if sparse.csr_matrix in expected else np.ndarray):
        raise ValueError(f"{attribute} is of type {type(value).__name__}, not an array")
    shape = tuple(size for size in expected if not isinstance(size, type))
    if array.ndim != len(shape):
        raise ValueError(f"{attribute} has {array.ndim} dimensions, not {len(shape)}")
    for size, found in zip(shape, array.shape, strict=True):
        _check_size(attribute, found, size, sizes)
    if str in expected:
        if array.dtype.kind not in "OU":
            raise ValueError(f"{attribute} holds {array.dtype}, not strings")
    elif sparse.csr_matrix in expected:
        numbers = np.asarray(array.data)
        if numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all():
            raise ValueError(f"{attribute} does not hold finite numbers")
    elif array.dtype.kind not in "iuf" or not np.isfinite(np.asarray(array)).all():
        raise ValueError(f"{attribute} does not hold finite numbers")


def _check_size(attribute: str, found: int, expected: str | int, sizes: dict[str, int]) -> None:
    if isinstance(expected, str):
        offset = int(expected[1:] or 0)
        expected = sizes.setdefault(expected[0], found - offset) + offset
    if found != expected:
        raise ValueError(f"{attribute} has size {found}, but other parts need {expected}")
