"""
Fit to your own corpus, a table of peaks
========================================

A spreadsheet with a row for each peak is enough: the study, its text, and x, y, z. Here such a
table is written first, from n-back and flanker papers that NiMARE carries; start from
:func:`~sklearn_mnm.datasets.load_table` with yours.
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
# ``id`` is the study, here a contrast; ``study_id`` the paper that reports it. Texts stand in one
# row of a study or in all.
source = load_nback_flanker(level="contrast")
columns = ["id", "study_id", "title", "abstract"]
table = source.metadata[columns].merge(source.peaks[["id", "x", "y", "z", "space"]], on="id")
path = Path(tempfile.mkdtemp()) / "peaks.csv"
table.to_csv(path, index=False)
table.head(4)

# %%
# Read it
# -------
# What does not add up is an error that names the line, or a warning that counts.
studies = load_table(path)
studies = studies[studies.texts != ""]
studies

# %%
# Fit, with papers kept whole
# ---------------------------
# Contrasts of a paper share their text: one in the training set would give away the others. A few
# hundred studies want few regions.
splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
train, test = next(splitter.split(studies.ids, groups=studies.groups))
regions = PeaksToRegions(n_regions=128, resolution=6, random_state=0)
encoder = MNMEncoder(regions=regions, random_state=0).fit(studies[train])

# %%
# Is it any good?
# ---------------
# Each text of a held-out paper looks for its own map among those of all held-out contrasts, and
# each map for its text. Two topics, and several contrasts of one text, cannot be told apart well.
texts = encoder.transform(studies[test])
maps = encoder.decoder().transform(studies[test])
plot_retrieval_curve({"fitted to 3/4 of the papers": encoder.embedder_.similarity(texts, maps)})
plt.show()
