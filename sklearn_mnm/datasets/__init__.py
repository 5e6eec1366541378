"""Corpora of neuroimaging studies: loaders, fetchers, the container they return, export."""

from sklearn_mnm.brain.spaces import talairach_to_mni152
from sklearn_mnm.datasets.bundled import load_nback_flanker
from sklearn_mnm.datasets.database import load_database
from sklearn_mnm.datasets.fetchers import fetch_neuroquery, fetch_neurosynth
from sklearn_mnm.datasets.formats import load_studies
from sklearn_mnm.datasets.images import ImageCollection, load_images
from sklearn_mnm.datasets.literature import make_literature
from sklearn_mnm.datasets.neurovault import fetch_neurovault_image
from sklearn_mnm.datasets.nimare_export import to_nimare
from sklearn_mnm.datasets.nimare_import import from_nimare
from sklearn_mnm.datasets.peak_table import load_table
from sklearn_mnm.datasets.pubget import load_pubget
from sklearn_mnm.datasets.references import format_references
from sklearn_mnm.datasets.sleuth import load_sleuth, save_sleuth
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.datasets.studyset import load_studyset

__all__ = [
    "ImageCollection",
    "Studies",
    "fetch_neuroquery",
    "fetch_neurosynth",
    "fetch_neurovault_image",
    "format_references",
    "from_nimare",
    "load_database",
    "load_images",
    "load_nback_flanker",
    "load_pubget",
    "load_sleuth",
    "load_studies",
    "load_studyset",
    "load_table",
    "make_literature",
    "save_sleuth",
    "talairach_to_mni152",
    "to_nimare",
]
