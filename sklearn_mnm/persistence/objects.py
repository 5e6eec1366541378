"""Objects of the package as dictionaries of plain values, and back.

What is quickly made again (smoothing operators, tables of words) is left out.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm.exceptions import ModelFormatError
from sklearn_mnm.persistence.earlier import present_columns, present_params
from sklearn_mnm.persistence.schema import (
    SAVED,
    check_object,
    check_parameters,
    check_value,
    class_name,
    class_named,
)
from sklearn_mnm.persistence.towers import angle_towers, lift_towers, towers_state


class UnknownPartError(ModelFormatError):
    """A file names a class, a parameter or a field that this version of the package lacks."""


# Parameters that are None in every file.
_NOT_KEPT = {"callbacks", "checkpoint", "memory"}
# From one of which terms are told; the second in files of earlier versions.
_TERM_EVIDENCE = ("term_posterior_", "term_head_")


def state_of(value: Any) -> dict[str, Any]:
    """Return the values that an object of a known class is made from.

    Parameters
    ----------
    value : object
        Of one of the classes of `sklearn_mnm.persistence.schema`.

    Returns
    -------
    state : dict of str to object
        Arrays, images, plain Python values, and objects of known classes.
    """
    name = str(class_name(value))
    if name in _PARTS:
        return _PARTS[name][0](value)
    if isinstance(value, tuple):
        return value._asdict()  # type: ignore[attr-defined]  # the known ones are named tuples
    fitted = None
    if _fitted_attributes(value):
        fitted = _FITTED.get(name, _AS_IT_IS)[0](value)
    output = getattr(value, "_sklearn_output_config", {})
    return {"params": _params(value), "fitted": fitted, "output": output.get("transform")}


def from_state(name: str, state: dict[str, Any]) -> Any:
    """Make an object of a known class from its values.

    Parameters
    ----------
    name : str
        Of the class.
    state : dict of str to object
        As :func:`state_of` gives it; anything else is taken for an error.

    Raises
    ------
    UnknownPartError
        If the name or a value's name is unknown.
    Exception
        Of whatever kind if the values do not fit each other.
    """
    if name not in SAVED:
        raise UnknownPartError(f"{name!r} is no class of this package that can be loaded")
    made_by = class_named(name)
    if name in _PARTS:
        restore = partial(_PARTS[name][1], made_by)
        _check_names(name, state, restore)
        value = restore(**state)
    elif issubclass(made_by, tuple):
        _check_names(name, state, made_by)
        value = made_by(**state)
    else:
        value = _estimator_from_state(name, made_by, **state)
        if state["fitted"] is None:
            return value
    check_parameters(value)
    check_object(value)
    if name in ("MNMEncoder", "MNMDecoder"):
        evidence = [part for part in _TERM_EVIDENCE if hasattr(value, part)]
        if not evidence or any(getattr(value, part) is None for part in evidence):
            raise ValueError(f"{' or '.join(_TERM_EVIDENCE)} is missing")
        for level in value.hierarchy_.levels:
            sizes = {"r": value.hierarchy_.n_networks(level)}
            check_value("uncertainty_", value.uncertainty_[level], "MapUncertainty", sizes)
    return value


def _check_names(name: str, values: dict[str, Any], made_by: Callable[..., Any]) -> None:
    if unknown := values.keys() - inspect.signature(made_by).parameters.keys():
        raise UnknownPartError(f"{name} has no {', '.join(map(repr, sorted(unknown)))}")


def _params(estimator: Any) -> dict[str, Any]:
    params = estimator.get_params(deep=False)
    # Functions cannot be stored, and a file must not lead a later fit to folders of its sender's
    # choice, which may hold pickles.
    params.update(dict.fromkeys(_NOT_KEPT & params.keys()))
    # A generator of random numbers cannot be stored: it would not go on where it was.
    if "random_state" in params and not isinstance(params["random_state"], int | np.integer):
        params["random_state"] = None
    if sparse.issparse(params.get("term_parts")):
        params["term_parts"] = sparse.csr_matrix(params["term_parts"])
    if class_name(estimator) == "PeaksToRegions":
        params.update(_atlas_params(**params))
    return params


def _atlas_params(atlas: Any, region_names: Any, **others: Any) -> dict[str, Any]:
    """Image and names of an atlas, as of a masker or what a fetcher returns no more is used."""
    from sklearn_mnm.brain.atlas import _open_atlas
    from sklearn_mnm.brain.region_names import plain_names

    image, names, background = _open_atlas(atlas)
    if background != 0:
        return {}
    names = plain_names(names if region_names is None else region_names)
    return {"atlas": image, "region_names": names}


def _estimator_from_state(
    name: str, made_by: Any, params: dict[str, Any], fitted: dict[str, Any] | None, output: Any
) -> Any:
    if brought := [name for name in _NOT_KEPT if params.get(name) is not None]:
        raise ValueError(f"{brought[0]} is not None: a model must not bring one")
    if name == "HyperbolicBrainTextEmbedder":
        params = present_params(params)
    _check_names(name, params, made_by)
    # Parameters that an older file lacks take their defaults.
    estimator = made_by(**params)
    check_parameters(estimator)
    if fitted is not None:
        _FITTED.get(name, _AS_IT_IS)[1](estimator, fitted)
    if output not in (None, "default", "pandas", "polars"):
        raise ValueError(f"output is {output!r}")
    return estimator if output is None else estimator.set_output(transform=output)


def _is_fitted_attribute(name: str) -> bool:
    return name.isidentifier() and name.endswith("_") and not name.startswith("_")


def _fitted_attributes(estimator: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(estimator).items() if _is_fitted_attribute(name)}


def _set_attributes(estimator: Any, fitted: Mapping[str, Any]) -> None:
    for name, value in fitted.items():
        if not _is_fitted_attribute(name) or hasattr(type(estimator), name):
            raise ValueError(f"{name!r} is no fitted attribute")
        setattr(estimator, name, value)


def _embedder_state(embedder: Any) -> dict[str, Any]:
    fitted = _fitted_attributes(embedder)
    if isinstance(history := fitted.get("history_"), pd.DataFrame):
        records = history.to_dict("records")
        fitted["history_"] = [{k: v for k, v in row.items() if not pd.isna(v)} for row in records]
    if "left_out_points_" in fitted:
        # The time coordinate follows from the others: so points come back to the hyperboloid
        # however coarsely these are stored.
        fitted["left_out_points_"] = fitted["left_out_points_"][:, 1:]
    return fitted


def _restore_embedder(embedder: Any, fitted: dict[str, Any]) -> None:
    # Files of models with learnt radii do not tell of other dimensions.
    earlier = {"term_space_": None, "joint_space_": None, "short_coef_": None}
    if "n_components_" in fitted:
        earlier["n_dimensions_"] = fitted["n_components_"]
    _set_attributes(embedder, {**earlier, **fitted})
    if (embedder.joint_space_ is None) == embedder.model_.by_angle:
        raise ValueError("joint_space_ and model_ are of different alignments")
    if (joint := embedder.joint_space_) is not None:
        check_value("joint_space_", joint, "JointSpace", {})
        space = embedder.term_space_
        n_meanings = 1 if space is None else space.directions.shape[1]
        if joint.n_dimensions(n_meanings) != embedder.n_dimensions_:
            raise ValueError("n_dimensions_ is not that of term_space_ and joint_space_")
    if isinstance(history := fitted.get("history_"), list):
        embedder.history_ = pd.DataFrame(present_columns(history))
    if "left_out_points_" in fitted:
        from sklearn_mnm.geometry import from_space

        embedder.left_out_points_ = from_space(fitted["left_out_points_"], embedder.curvature_)


def _regions_state(regions: Any) -> dict[str, Any]:
    names = ["mask_img_", "region_names_", "children_", "peak_tally_"]
    state = {name: getattr(regions, name) for name in names}
    if regions.labels_img_ is None:
        return {**state, "labels": None, "membership_": regions.membership_}
    inside = np.asarray(regions.mask_img_.dataobj) != 0
    return {**state, "labels": np.asarray(regions.labels_img_.dataobj)[inside], "membership_": None}


def _restore_regions(regions: Any, state: dict[str, Any]) -> None:
    from sklearn_mnm.brain._networks import networks_of_tree
    from sklearn_mnm.brain.atlas import Regions, regions_from_labels

    regions.mask_img_ = state["mask_img_"]
    regions.children_, regions.peak_tally_ = state["children_"], state["peak_tally_"]
    mask, affine = np.asarray(regions.mask_img_.dataobj), regions.mask_img_.affine
    if not (mask.ndim == 3 and mask.min() >= 0 and mask.max() == 1 and np.linalg.det(affine)):
        raise ValueError("mask_img_ is no mask of a brain")
    names, membership = state["region_names_"], state["membership_"]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("region_names_ holds something else than strings")
    n_voxels = np.count_nonzero(mask)
    if membership is None:
        check_value("labels", state["labels"], (n_voxels,), {})
        regions._set_regions(regions_from_labels(state["labels"].astype(np.int64) - 1, names))
    elif membership.shape == (n_voxels, len(names)):
        regions._set_regions(Regions(membership, names, are_labels=False))
    else:
        raise ValueError(f"membership_ has shape {membership.shape}")
    if regions.children_ is not None:
        networks_of_tree(regions.children_, {"regions": len(names)})


def _vectorizer_state(vectorizer: Any) -> dict[str, Any]:
    reader = vectorizer._reader
    return {
        "n_features_in_": vectorizer.n_features_in_,
        "feature_names_in_": getattr(vectorizer, "feature_names_in_", None),
        "kept_columns": vectorizer.kept_columns_,
        "idf": vectorizer.idf_,
        "terms": None if reader is None else reader.terms,
    }


def _restore_vectorizer(vectorizer: Any, state: dict[str, Any]) -> None:
    state = dict(state)
    n_features, names = state.pop("n_features_in_"), state.pop("feature_names_in_")
    state.pop("are_matched", None)  # of earlier versions, which read words learnt otherwise
    kept, terms = state["kept_columns"], state["terms"]
    sizes: dict[str, int] = {}
    check_value("n_features_in_", n_features, "f", sizes)
    check_value("kept_columns_", kept, ("p",), sizes)
    check_value("idf_", state["idf"], ("p",), sizes)
    if kept.dtype.kind not in "iu" or kept.min() < 0 or kept.max() >= n_features:
        raise ValueError("kept_columns_ holds numbers that are no columns")
    vectorizer.n_features_in_ = n_features
    if names is not None:
        check_value("feature_names_in_", names, ("f", str), sizes)
        vectorizer.feature_names_in_ = names
    if terms is not None and len(terms) != n_features:
        raise ValueError(f"there are {len(terms)} terms for {n_features} columns")
    vectorizer._restore(**state)


def _hierarchy_state(hierarchy: Any) -> dict[str, Any]:
    levels = {level: hierarchy.memberships(level) for level in hierarchy.levels[1:-1]}
    return {
        "levels": {
            level: shares.argmax(axis=1) if hierarchy.is_partition(level) else shares
            for level, shares in levels.items()
        },
        "sizes": hierarchy.sizes,
        "strategy": hierarchy.strategy,
        "names": {level: hierarchy.network_names(level) for level in hierarchy.levels},
    }


def _hierarchy_from_state(
    made_by: Any,
    levels: dict[str, Any],
    sizes: Any = None,
    strategy: str = "sum",
    names: Any = None,
) -> Any:
    return made_by._restored(levels, sizes=sizes, strategy=strategy, names=names)


def _ontology_state(ontology: Any) -> dict[str, Any]:
    tables = {"terms": ontology.terms, "relations": ontology.relations}
    columns = {
        name: {str(column): table[column].tolist() for column in table}
        for name, table in tables.items()
    }
    return {**columns, "broader": ontology.broader}


def _ontology_from_state(
    made_by: Any,
    terms: dict[str, list[Any]],
    relations: dict[str, list[Any]],
    broader: tuple[str, ...],
) -> Any:
    for row, aliases in enumerate(terms["aliases"]):
        if not isinstance(aliases, tuple) or not all(isinstance(alias, str) for alias in aliases):
            raise ValueError(f"aliases of row {row} are no strings")
    if not all(isinstance(name, str) for name in terms["name"]):
        raise ValueError("the name of a term is no string")
    return made_by(pd.DataFrame(terms), pd.DataFrame(relations), broader)


# How classes are saved and restored that are no estimators, and no named tuples of their fields.
_PARTS: dict[str, tuple[Callable[[Any], dict[str, Any]], Callable[..., Any]]] = {
    "AngleModel": (towers_state, angle_towers),
    "BrainHierarchy": (_hierarchy_state, _hierarchy_from_state),
    "BrainTextModel": (towers_state, lift_towers),
    "CognitiveAtlas": (_ontology_state, _ontology_from_state),
    "Ontology": (_ontology_state, _ontology_from_state),
}
# What estimators have learnt: most keep their fitted attributes as they are.
_AS_IT_IS: tuple[Callable[[Any], dict[str, Any]], Callable[[Any, Any], None]] = (
    _fitted_attributes,
    _set_attributes,
)
_FITTED = {
    "HyperbolicBrainTextEmbedder": (_embedder_state, _restore_embedder),
    "PeaksToRegions": (_regions_state, _restore_regions),
    "TermVectorizer": (_vectorizer_state, _restore_vectorizer),
}
