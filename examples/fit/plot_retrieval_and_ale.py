"""
Find studies by a text, and run a meta-analysis of them
=======================================================

A predicted map tests nothing. But the model can find studies for a meta-analysis, and `NiMARE
<https://nimare.readthedocs.io>`_ then runs it. The studies of this example are the 906 n-back and
flanker contrasts that come with NiMARE.
"""

import logging
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from nilearn.image import resample_to_img
from nimare.meta.cbma import ALE

from sklearn_mnm import MNMDecoder, MNMEncoder, PeaksToRegions
from sklearn_mnm.datasets import load_nback_flanker, to_nimare
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.plotting import plot_map

# Counts of peaks that were converted or lie outside the brain, and of studies without any.
warnings.simplefilter("ignore", DataWarning)
logging.getLogger("nimare").setLevel(logging.ERROR)

studies = load_nback_flanker(level="contrast")
regions = PeaksToRegions(n_regions=128, resolution=6, random_state=0)
encoder = MNMEncoder(regions=regions, random_state=0).fit(studies)

# %%
# Choose by texts
# ---------------
# By default, both the texts and the maps of studies count. But maps that are chosen because they
# are similar agree with each other, whatever they are about. For a test of agreement, choose
# studies without looking at their maps: ``by="text"`` compares words, and the meaning of words as
# learnt from the texts in which they occur.
query = "working memory load"
found = encoder.retrieve([query], k=60, by="text")
found[["rank", "title", "similarity"]].head(8)

# %%
# The meta-analysis
# -----------------
# ALE needs sample sizes. Most of these contrasts have none, so 20 is used for them. The z values
# are not corrected for the number of voxels: NiMARE's correctors do that. Contrasts of one paper
# are not independent. If you want to publish a meta-analysis, keep one contrast of each paper.
chosen = studies.select(ids=found["id"])
result = ALE().fit(to_nimare(chosen, sample_size=20))
chosen

# %%
# What the model predicts, and where the studies agree
# ----------------------------------------------------
# All studies of this corpus are about two related tasks. z compares the query with the other texts
# of the corpus. So it shows what is unusual about the query, and not what all of these studies
# share. ALE shows where the chosen studies agree, whatever the other studies report. So compare ALE
# with the predicted activation, and not with z:
activation = encoder.predict_img([query], resolution=2)
z_map = encoder.predict_img([query], kind="z", resolution=2)
ale = resample_to_img(result.get_map("z"), activation, force_resample=True, copy_header=True)
inside = activation.get_fdata() > 0
for kind, image in {"activation": activation, "z": z_map}.items():
    correlation = np.corrcoef(image.get_fdata()[inside], ale.get_fdata()[inside])[0, 1]
    print(f"correlation of {kind} with ALE: {correlation:.2f}")

# %%
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
title = f"Activation predicted for “{query}”"
plot_map(activation, title=title, label="peaks per cm³", ax=above)
title = "Where the 60 contrasts agree: ALE, uncorrected p < 0.001"
plot_map(result.get_map("z"), threshold=3.09, title=title, label="z", ax=below)
plt.show()

# %%
# Words for the result
# --------------------
# A map of NiMARE is decoded like any other map. The bundled model was fitted to other data:
decoder = MNMDecoder.from_pretrained()
decoder.predict_topk(result.get_map("z"), k=8)[["rank", "term", "score", "n_studies"]]

# %%
# From NiMARE's machine learning
# ------------------------------
# ``Studyset.to_bunch`` of NiMARE returns data for scikit-learn. You can give them to ``fit`` as
# they are. Here the texts are given separately, as a Series whose index are the ids of the
# contrasts. If the Bunch has labels of an annotation, these can be the texts.
bunch = to_nimare(studies).to_bunch()
texts = pd.Series(studies.texts, index=studies.ids)
regions = PeaksToRegions(n_regions=64, resolution=8, random_state=0)
from_bunch = MNMEncoder(regions=regions, random_state=0).fit(texts, bunch)
from_bunch.retrieve([query], k=3)
