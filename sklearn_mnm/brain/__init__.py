"""Brain side: peaks, maps, regions and networks."""

from sklearn_mnm.brain.hierarchy import BrainHierarchy
from sklearn_mnm.brain.regions import PeaksToRegions

__all__ = ["BrainHierarchy", "PeaksToRegions"]
