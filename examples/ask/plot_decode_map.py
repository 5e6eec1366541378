"""
Decode a statistical map into words
===================================

Which words do studies use that report such a map? The map is real, pressing a button with the left
hand rather than the right, and comes with nilearn.
"""

import matplotlib.pyplot as plt
import numpy as np
from nilearn.datasets import load_sample_motor_activation_image

from sklearn_mnm import load_pretrained
from sklearn_mnm.plotting import plot_map

_, decoder = load_pretrained()
observed = load_sample_motor_activation_image()

# %%
# No threshold
# ------------
# The decoder has learnt from peaks, which studies report where a map stands out. So of an image it
# takes by how much values exceed their own 95th percentile, whatever their unit.
best = decoder.predict_topk(observed, k=12)
best

# %%
# The ``probability`` is the chance that the word is one of those that mark a study with this map.
# It was calibrated on left-out studies, and favours frequent words. The ``score``, which orders the
# table, favours them less. ``p_map`` tells whether the map stands out from noise as smooth as it.
#
# Your own words
# --------------
# Words and phrases need not be in the vocabulary as they stand. A phrase gets the mean score of the
# terms that it is read as, so that its score can be compared with those above.
own = ["motor control", "hand movements", "pain", "working memory", "face perception", "reward"]
own_scores = decoder.decision_function(observed, terms=own)[0]

# %%
# Studies with such a map
# -----------------------
decoder.retrieve(observed, k=5, by="brain")

# %%
# The map and its words
# ---------------------
figure = plt.figure(figsize=(10, 6.6), layout="constrained")
above, below = figure.subfigures(2, 1)
plot_map(observed, threshold=3, title="Left hand less right hand", label="z", ax=above.subplots())
left, right = below.subplots(1, 2)
left.barh(best["term"], best["score"], color="#0072b2")
left.invert_yaxis()
left.set(xlabel="score", title="Words of the corpus")
order = np.argsort(own_scores)
right.barh(np.array(own)[order], own_scores[order], color="#d55e00")
right.set(xlabel="score", title="Words of our own")
plt.show()
