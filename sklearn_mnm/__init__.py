"""Brain-text meta-analysis in hyperbolic space, the scikit-learn way."""

import importlib
from typing import Any

from sklearn_mnm._tools.moved import keep_old_names

__version__ = "0.1.0.dev0"

# Public name -> module that defines it. Modules are imported on first use, so that
# ``import sklearn_mnm`` costs neither torch nor nilearn nor scikit-learn.
_PUBLIC = {
    "HyperbolicBrainTextEmbedder": "embedder",
    "MNMDecoder": "decoder",
    "MNMEncoder": "encoder",
    "MNMObjective": "model.objective",
    "PeaksToRegions": "brain",
    "SentenceTransformerVectorizer": "text",
    "Studies": "datasets",
    "TermVectorizer": "text",
    "Towers": "model.objective",
    "fetch_neuroquery": "datasets",
    "fetch_neurosynth": "datasets",
    "get_scorer": "scorers",
    "load_database": "datasets",
    "load_from_hub": "persistence.hub",
    "load_model": "persistence",
    "load_pretrained": "persistence.pretrained",
    "load_studies": "datasets",
    "load_studyset": "datasets",
    "model_card": "persistence.pretrained",
    "push_to_hub": "persistence.hub",
    "recall_scorer": "scorers",
    "save_model": "persistence",
    "walk_to_root": "search.walk",
}

__all__ = ["__version__", *sorted(_PUBLIC)]

keep_old_names()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
