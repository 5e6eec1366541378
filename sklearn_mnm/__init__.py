"""Brain-text meta-analysis in hyperbolic space, the scikit-learn way."""

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

# Public name -> module that defines it. Modules are imported on first use, so that
# ``import sklearn_mnm`` costs neither torch nor nilearn nor scikit-learn.
_PUBLIC = {
    "HyperbolicBrainTextEmbedder": "embedder",
    "MNMDecoder": "decoder",
    "MNMEncoder": "encoder",
    "PeaksToRegions": "brain",
    "SentenceTransformerVectorizer": "text",
    "Studies": "datasets",
    "TermVectorizer": "text",
    "fetch_neuroquery": "datasets",
    "fetch_neurosynth": "datasets",
    "get_scorer": "scorers",
    "load_database": "datasets",
    "load_from_hub": "hub",
    "load_model": "persistence",
    "load_pretrained": "pretrained",
    "load_studies": "datasets",
    "load_studyset": "datasets",
    "model_card": "pretrained",
    "push_to_hub": "hub",
    "recall_scorer": "scorers",
    "save_model": "persistence",
    "walk_to_root": "walk",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
