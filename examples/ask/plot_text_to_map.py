"""
From text to map: activation, z, intervals and networks
=======================================================

Four questions about one text. How much activation do studies report, and where? Where is this more
than for unrelated texts? How far may a single study be from it? And how does it look in networks?
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_mnm import load_pretrained
from sklearn_mnm.plotting import plot_levels, plot_map

encoder, _ = load_pretrained()
query = "fear conditioning in patients with anxiety disorders"

# %%
# Activation and z
# ----------------
# Activation is the expected density of reported peaks. Some regions are reported by studies of all
# kinds, so they also have some activation here. z removes this: it compares the text with texts
# that are unrelated to the region.
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
activation = encoder.predict_img([query], resolution=2)
z_map = encoder.predict_img([query], kind="z", resolution=2)
plot_map(activation, title=f"Activation for “{query}”", label="peaks per cm³", ax=above)
plot_map(z_map, threshold=1.96, title="z of the same text, above 1.96", label="z", ax=below)
plt.show()

# %%
# How far a single study may be from it
# -------------------------------------
# Each bar contains the values of about nine of ten new studies on the text. Fewer studies lie
# within all seven bars at once. Most bars start at zero: many studies report nothing even where
# much is expected.
queries = [query, "visual motion"]
expected = encoder.predict(queries, level="ward7")
lower, upper = encoder.predict_interval(queries, level="ward7", coverage=0.9)
figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for row, (text, marker) in enumerate(zip(queries, "os", strict=True)):
    places = np.arange(expected.shape[1]) + 0.24 * row - 0.12
    reach = [expected[row] - lower[row], upper[row] - expected[row]]
    ax.errorbar(places, expected[row], yerr=reach, fmt=marker, capsize=3, label=text)
ax.set_xticks(range(expected.shape[1]), labels=encoder.hierarchy_.network_names("ward7"))
ax.set(ylabel="peaks of a study", title="Seven networks, intervals of 90 %")
ax.set_ylim(0, 1.2 * upper.max())  # room for the legend
ax.legend(frameon=False, loc="upper center")
plt.show()

# %%
# From regions to broad networks
# ------------------------------
# Regions were learnt by joining voxels, step by step. Networks are the regions joined further: 512
# regions, then 17 networks, then 7. In each row, a network has one value.
plot_levels(encoder, query)
plt.show()
