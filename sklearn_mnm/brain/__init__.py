"""Brain side: peaks, maps and regions."""

from sklearn_mnm.brain.regions import PeaksToRegions

__all__ = ["PeaksToRegions"]
