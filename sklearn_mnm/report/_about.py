"""What a page tells of the model and software behind it."""

import platform
from typing import Any

import joblib

import sklearn_mnm
from sklearn_mnm._tools.dependencies import installed_version

# Packages on which results depend.
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "nilearn")


def about_model(encoder: Any) -> dict[str, Any]:
    """Facts by name that tell one fitted model from another.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted.

    Returns
    -------
    facts : dict
    """
    embedder, hierarchy = encoder.embedder_, encoder.hierarchy_
    return {
        "model": type(encoder).__name__,
        "fingerprint": _fingerprint(encoder),
        "studies": len(encoder.neighbours_.ids),
        "terms": len(encoder.terms_),
        "regions": encoder.n_regions_,
        "levels": [(level, hierarchy.n_networks(level)) for level in hierarchy.levels],
        "dimensions": embedder.n_dimensions_,
        "components": embedder.n_components_,
        "curvature": -float(embedder.curvature_),
        "similarity": embedder.get_params()["objective__similarity"].replace("_", " "),
    }


def versions() -> dict[str, str]:
    """Versions of the package, of Python and of the packages on which results depend."""
    found = {"sklearn-mnm": sklearn_mnm.__version__, "Python": platform.python_version()}
    packages = {name: installed_version(name) for name in _PACKAGES}
    # One that is imported from a folder has none.
    return found | {name: version for name, version in packages.items() if version is not None}


def _fingerprint(encoder: Any) -> str:
    """Tell models apart that are described alike, by what they have learnt."""
    neighbours = encoder.neighbours_
    learnt = [encoder.terms_.astype(str), neighbours.ids.astype(str), neighbours.brain_tangent]
    return joblib.hash([*learnt, neighbours.text_tangent])[:12]
