"""Intervals of held-out papers of the n-back and flanker corpus."""

import logging
import warnings

from sklearn.model_selection import train_test_split

from sklearn_mnm import MNMEncoder, PeaksToRegions
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.plotting import plot_calibration

warnings.simplefilter("ignore", DataWarning)
logging.getLogger("nimare").setLevel(logging.ERROR)
studies = load_nback_flanker(level="study")
studies = studies[(studies.peak_counts > 0) & (studies.texts != "")]
train, test = train_test_split(studies, test_size=0.3, random_state=0)
regions = PeaksToRegions(n_regions=64, resolution=6, random_state=0)
encoder = MNMEncoder(regions=regions, random_state=0).fit(train)
plot_calibration(encoder, test, levels=["region", "ward17"])
