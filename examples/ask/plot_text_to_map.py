"""
From text to map: activation, z, intervals and networks
=======================================================

One query answers four questions: how much activation is reported where, where that is more than
for unrelated texts, how far a single study may be from it, and what it looks like in networks.
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
# Activation is a density of reported peaks. Some of it is found wherever many studies report,
# whatever they are about; z compares with texts that do not speak of the region.
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
activation = encoder.predict_img([query], resolution=2)
z_map = encoder.predict_img([query], kind="z", resolution=2)
plot_map(activation, title="Activation", label="peaks per cm³", ax=above)
plot_map(z_map, threshold=1.96, title="z", label="z", ax=below)
plt.show()

# %%
# How far a single study may be from it
# -------------------------------------
# Each bar holds nine of ten new studies on the text. All seven bars together hold fewer, as a study
# may lie within one bar and outside another. Most bars begin at zero: even where much is expected,
# many a study reports nothing.
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
ax.margins(y=0.2)  # room for the legend
ax.legend(frameon=False, loc="upper center")
plt.show()

# %%
# From regions to broad networks
# ------------------------------
# The levels are cuts of the tree in which the regions were joined when they were learnt.
plot_levels(encoder, query)
plt.show()
