"""
Decode a statistical map into words
===================================

Which words do studies use that report such a map? The map is real, pressing a button with the left
hand rather than the right, and comes with nilearn.
"""

import matplotlib.pyplot as plt
import numpy as np
from nilearn.datasets import load_sample_motor_activation_image
from nilearn.image import threshold_img

from sklearn_mnm import load_pretrained
from sklearn_mnm.plotting import plot_map

_, decoder = load_pretrained()
observed = load_sample_motor_activation_image()

# %%
# Threshold first
# ---------------
# Peaks are reported where a map is significant, and the decoder has learnt from peaks. Values
# below zero count as zero; noise all over the brain would count as activation all over the brain.
motor = threshold_img(observed, 3, two_sided=False, copy_header=True)
best = decoder.predict_topk(motor, k=12)
best

# %%
# The score favours no word for being frequent; the probability, calibrated on left-out studies,
# does: it is the chance that the word is one of those that mark a study with this map.
#
# Your own words
# --------------
# Words and phrases need not be in the vocabulary as they stand. Their scores are standard
# deviations from the mean over the maps of the corpus.
own = ["motor control", "hand movements", "pain", "working memory", "face perception", "reward"]
own_scores = decoder.decision_function(motor, terms=own)[0]

# %%
# Studies with such a map
# -----------------------
decoder.retrieve(motor, k=5, by="brain")

# %%
# The map and its words
# ---------------------
figure = plt.figure(figsize=(10, 6.6), layout="constrained")
above, below = figure.subfigures(2, 1)
plot_map(motor, threshold=3, title="Left hand less right hand", label="z", ax=above.subplots())
left, right = below.subplots(1, 2)
left.barh(best["term"], best["score"], color="#0072b2")
left.invert_yaxis()
left.set(xlabel="score: log-odds with the map less without", title="Words of the corpus")
order = np.argsort(own_scores)
right.barh(np.array(own)[order], own_scores[order], color="#d55e00")
right.axvline(0, color="black", linewidth=0.8)
right.set(xlabel="standard deviations from the mean", title="Words of our own")
plt.show()
