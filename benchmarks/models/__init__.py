"""The models that are compared, by name.

Each model is a class in a module of this folder with

- ``fit(train)``: learn from `Studies`, tuning included, and return self;
- ``similarity(test)``: array of shape (n, n), texts in rows, brains in columns, higher is closer,
  or None for a model that only predicts maps;
- ``predict_voxels(test)``: maps of shape (n, n_voxels) from the texts of the studies, on the voxels
  of the 4 mm mask, or None for a model that only retrieves;
- ``chosen``: dict of what the tuning chose.
"""

import importlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Parameters
    ----------
    title : str
        Name in the table.
    module, class_name : str
        Where the model is defined, below this package.
    params : dict
        Arguments of the class.
    is_baseline : bool
        Whether the row can be the bar that others are compared with.
    is_slow : bool
        Whether the model is left out unless asked for by name.
    """

    title: str
    module: str
    class_name: str
    params: dict[str, Any] = field(default_factory=dict)
    is_baseline: bool = True
    is_slow: bool = False

    def build(self) -> Any:
        """Construct the model; its module is imported only now."""
        module = importlib.import_module(f"benchmarks.models.{self.module}")
        return getattr(module, self.class_name)(**self.params)


MODELS: dict[str, Entry] = {
    "mean_map": Entry("mean training map", "mean_map", "MeanMap"),
    "kernel_ridge_raw": Entry(
        "kernel ridge, voxel maps as they are (PCA 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "voxels", "transform": "raw"},
    ),
    "kernel_ridge_sqrt": Entry(
        "kernel ridge, square root of voxel maps (PCA 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "voxels", "transform": "sqrt"},
    ),
    "kernel_ridge_regions": Entry(
        "kernel ridge, square root of region sums (Ward 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "regions", "transform": "sqrt"},
    ),
    "lsa_ridge": Entry(
        "ridge on LSA 300, square root of region sums (Ward 512)",
        "ridge",
        "RidgeModel",
        {"text": "lsa", "brain": "regions", "transform": "sqrt"},
    ),
    "cca": Entry(
        "regularised CCA, LSA 300 and Ward 512",
        "cca",
        "RegularisedCCA",
    ),
    "pls": Entry("PLS, LSA 300 and Ward 512", "pls", "PartialLeastSquares"),
    "neuroquery": Entry(
        "NeuroQuery's model, by its package (Ward 512)",
        "neuroquery_model",
        "NeuroQueryModel",
        is_slow=True,
    ),
    "clip": Entry(
        "CLIP, NeuroConText's projection heads (LSA 300, Ward 512)",
        "clip",
        "ClipModel",
    ),
    "meru": Entry(
        "MERU-style, distance and entailment (LSA 300, Ward 512)",
        "meru",
        "MeruModel",
    ),
    "mnm_published": Entry(
        "MNM as published (LSA 300, Ward 512)",
        "mnm",
        "MnmModel",
        {"mended": False},
        is_slow=True,
    ),
    "mnm_mended": Entry(
        "MNM as published, centroid target mended",
        "mnm",
        "MnmModel",
        {"mended": True},
        is_slow=True,
    ),
    "ours": Entry(
        "HyperbolicBrainTextEmbedder",
        "ours",
        "EmbedderModel",
        is_baseline=False,
    ),
    "ours_exterior_angle": Entry(
        "the same towers with the paper's objective, exterior angle and learnt radii",
        "ours",
        "EmbedderModel",
        {"objective__similarity": "exterior_angle"},
        is_baseline=False,
    ),
    "control_cosine": Entry(
        "flat control: the same towers, cosine",
        "ours",
        "EmbedderModel",
        {"objective__similarity": "cosine", "objective__extent_weight": 0.0},
        is_baseline=False,
    ),
    "control_euclidean": Entry(
        "flat control: the same towers, squared distance",
        "ours",
        "EmbedderModel",
        {
            "objective__similarity": "euclidean",
            "objective__extent_weight": 0.0,
            "objective__text_radius": 0.7,
            "objective__brain_radius": 1.1,
        },
        is_baseline=False,
    ),
}
