"""Corpora of neuroimaging studies: loaders, the container they return, export to NiMARE."""

from sklearn_mnm.datasets.bundled import load_nback_flanker
from sklearn_mnm.datasets.database import load_database
from sklearn_mnm.datasets.literature import make_literature
from sklearn_mnm.datasets.nimare_export import to_nimare
from sklearn_mnm.datasets.spaces import talairach_to_mni152
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import load_studyset

__all__ = [
    "Studies",
    "load_database",
    "load_nback_flanker",
    "load_studyset",
    "make_literature",
    "talairach_to_mni152",
    "to_nimare",
]
