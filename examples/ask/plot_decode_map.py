"""
Decode a statistical map into words
===================================

Which words do studies use that report such a map? The map is real: people pressed a button with the
left hand, compared with the right hand. It comes with nilearn.
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
# The decoder has learnt from peaks. Studies report peaks where a map stands out. Therefore, each
# value of an image counts by its amount above the 95th percentile of the image, in any unit.
best = decoder.predict_topk(observed, k=12)
best

# %%
# The ``probability`` is the chance that the word is among the salient words of a study with this
# map. It was calibrated on left-out studies, and it favours frequent words. The ``score`` orders
# the table, and favours them less. ``p_map`` is small if the map stands out from noise of the same
# smoothness.
#
# The first word, "pain", is wrong: the task has no pain. The next ones, "motor", "movement" and
# "hand", are right. So read the list as candidates, and never take the first word alone.
#
# Your own words
# --------------
# You can also ask for words and phrases that are not in the vocabulary. A phrase gets the mean
# score of the terms as which it is read, so its score can be compared with the scores above.
own = ["motor control", "hand movements", "pain", "working memory", "face perception", "reward"]
own_scores = decoder.decision_function(observed, terms=own)[0]

# %%
# Again "pain" is first. "hand movements" and "motor control" come next, but hardly before "reward".
# They are terms of the vocabulary that few studies use, and the scores of rare terms are low. For a
# question such as "movement or reward?", ask with frequent words: these tell the two apart.
frequent = ["movement", "motor", "reward", "working memory"]
decoder.predict_topk(observed, k=4, terms=frequent)

# %%
# Studies with such a map
# -----------------------
# The similarity is minus the distance between the points of two maps, so the largest is nearest to
# 0.
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
