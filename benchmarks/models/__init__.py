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
    uses : tuple of str
        Other modules that the result depends on: files or folders of the repository.
    """

    title: str
    module: str
    class_name: str
    params: dict[str, Any] = field(default_factory=dict)
    is_baseline: bool = True
    is_slow: bool = False
    uses: tuple[str, ...] = ()

    def build(self) -> Any:
        """Construct the model; its module is imported only now."""
        module = importlib.import_module(f"models.{self.module}")
        return getattr(module, self.class_name)(**self.params)


_LINEAR = ("benchmarks/models/linear.py",)
_TORCH = ("benchmarks/models/towers.py", "sklearn_mnm/geometry")
_EMBEDDER = (
    *(
        f"sklearn_mnm/{name}.py"
        for name in ("_selection", "closed_form", "decode_head", "embedder", "text_regression")
    ),
    "sklearn_mnm/brain/features.py",
    "sklearn_mnm/geometry",
    "sklearn_mnm/nn",
)

MODELS: dict[str, Entry] = {
    "mean_map": Entry("mean training map", "mean_map", "MeanMap"),
    "kernel_ridge_raw": Entry(
        "kernel ridge, voxel maps as they are (PCA 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "voxels", "transform": "raw"},
        uses=_LINEAR,
    ),
    "kernel_ridge_sqrt": Entry(
        "kernel ridge, square root of voxel maps (PCA 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "voxels", "transform": "sqrt"},
        uses=_LINEAR,
    ),
    "kernel_ridge_regions": Entry(
        "kernel ridge, square root of region sums (Ward 512)",
        "ridge",
        "RidgeModel",
        {"text": "terms", "brain": "regions", "transform": "sqrt"},
        uses=_LINEAR,
    ),
    "lsa_ridge": Entry(
        "ridge on LSA 300, square root of region sums (Ward 512)",
        "ridge",
        "RidgeModel",
        {"text": "lsa", "brain": "regions", "transform": "sqrt"},
        uses=_LINEAR,
    ),
    "cca": Entry(
        "regularised CCA, LSA 300 and Ward 512",
        "cca",
        "RegularisedCCA",
    ),
    "pls": Entry("PLS, LSA 300 and Ward 512", "pls", "PartialLeastSquares", uses=_LINEAR),
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
        uses=_TORCH,
    ),
    "meru": Entry(
        "MERU-style, distance and entailment (LSA 300, Ward 512)",
        "meru",
        "MeruModel",
        uses=_TORCH,
    ),
    "mnm_published": Entry(
        "MNM as published (LSA 300, Ward 512)",
        "mnm",
        "MnmModel",
        {"mended": False},
        is_slow=True,
        uses=_TORCH,
    ),
    "mnm_mended": Entry(
        "MNM as published, centroid target mended",
        "mnm",
        "MnmModel",
        {"mended": True},
        is_slow=True,
        uses=_TORCH,
    ),
    "ours": Entry(
        "HyperbolicBrainTextEmbedder",
        "ours",
        "EmbedderModel",
        is_baseline=False,
        uses=_EMBEDDER,
    ),
    "ours_without_extent": Entry(
        "the same without the hierarchy of extent",
        "ours",
        "EmbedderModel",
        {"extent_weight": 0.0},
        is_baseline=False,
        uses=_EMBEDDER,
    ),
    "control_cosine": Entry(
        "flat control: the same towers, cosine",
        "ours",
        "EmbedderModel",
        {"alignment": "cosine", "extent_weight": 0.0},
        is_baseline=False,
        uses=_EMBEDDER,
    ),
    "control_euclidean": Entry(
        "flat control: the same towers, squared distance",
        "ours",
        "EmbedderModel",
        {
            "alignment": "euclidean",
            "extent_weight": 0.0,
            "text_radius": 0.7,
            "brain_radius": 1.1,
        },
        is_baseline=False,
        uses=_EMBEDDER,
    ),
}
