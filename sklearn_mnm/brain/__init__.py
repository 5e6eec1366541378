"""Brain side: peaks, maps, regions and networks."""

from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.brain.p_values import z_from_p
from sklearn_mnm.brain.regions import PeaksToRegions

__all__ = ["BrainHierarchy", "PeaksToRegions", "z_from_p"]
