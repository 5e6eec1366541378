"""Brain side: peaks, maps, regions and networks."""

from sklearn_mnm.brain.anatomical_labels import AnatomicalLabels, load_anatomical_labels
from sklearn_mnm.brain.anatomy import name_coordinates, name_regions
from sklearn_mnm.brain.clusters import cluster_table
from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.brain.p_values import z_from_p
from sklearn_mnm.brain.regions import PeaksToRegions

__all__ = [
    "AnatomicalLabels",
    "BrainHierarchy",
    "PeaksToRegions",
    "cluster_table",
    "load_anatomical_labels",
    "name_coordinates",
    "name_regions",
    "z_from_p",
]
