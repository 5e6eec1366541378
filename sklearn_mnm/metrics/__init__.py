"""How well texts and brains find each other, how well maps are predicted, what order there is.

Plain functions on arrays.
"""

from sklearn_mnm.metrics.hierarchy import (
    cone_containment,
    extent_correlation,
    extent_order,
    radial_order,
)
from sklearn_mnm.metrics.pairs import (
    correct_hubness,
    dice_top,
    map_correlation,
    mix_and_match,
    recall_at_k,
    retrieval_ranks,
    retrieval_report,
)
from sklearn_mnm.metrics.trees import TreeRecovery, tree_distances, tree_recovery

__all__ = [
    "TreeRecovery",
    "cone_containment",
    "correct_hubness",
    "dice_top",
    "extent_correlation",
    "extent_order",
    "map_correlation",
    "mix_and_match",
    "radial_order",
    "recall_at_k",
    "retrieval_ranks",
    "retrieval_report",
    "tree_distances",
    "tree_recovery",
]
