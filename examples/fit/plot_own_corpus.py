"""
Fit to your own corpus, a table of peaks
========================================

You need only a spreadsheet with a row for each peak: the study, its text, and x, y, z. This example
first writes such a table, from n-back and flanker papers that come with NiMARE. With your own
table, start at :func:`~sklearn_mnm.datasets.load_table`.
"""

import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import GroupShuffleSplit

from sklearn_mnm import MNMEncoder, PeaksToRegions
from sklearn_mnm.datasets import load_nback_flanker, load_table
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.plotting import plot_retrieval_curve

# Counts of peaks that were converted or lie outside the brain, and of studies without any.
warnings.simplefilter("ignore", DataWarning)

# %%
# The table
# ---------
# ``id`` is the study, here a contrast. ``study_id`` is the paper that reports it. The text may be
# in one row of the study, or in all of its rows.
source = load_nback_flanker(level="contrast")
columns = ["id", "study_id", "title", "abstract"]
table = source.metadata[columns].merge(source.peaks[["id", "x", "y", "z", "space"]], on="id")
path = Path(tempfile.mkdtemp()) / "peaks.csv"
table.to_csv(path, index=False)
table.head(4)

# %%
# Read it
# -------
# A value that cannot be right raises an error, which names the line. Studies and peaks that are
# left out are counted in a warning.
studies = load_table(path)
studies = studies[studies.texts != ""]
studies

# %%
# Fit, with papers kept whole
# ---------------------------
# Contrasts of one paper share their text. If one of them were in the training set, the test on the
# others would be too easy. So papers are kept whole. A few hundred studies support few regions:
# 128.
splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
train, test = next(splitter.split(studies.ids, groups=studies.groups))
regions = PeaksToRegions(n_regions=128, resolution=6, random_state=0)
encoder = MNMEncoder(regions=regions, random_state=0).fit(studies[train])

# %%
# Is it any good?
# ---------------
# Each text of a held-out paper looks for its own map among the maps of all held-out contrasts, and
# each map looks for its text. Both are better than chance, but most partners are not among the
# first ten. There are only two tasks, and several contrasts have the same text, so they are hard to
# distinguish.
texts = encoder.transform(studies[test])
maps = encoder.decoder().transform(studies[test])
similarity = encoder.embedder_.similarity(texts, maps)
figure = plot_retrieval_curve({"fitted to 3/4 of the papers": similarity})
figure.suptitle("Recall on papers that the model has not seen")
plt.show()
