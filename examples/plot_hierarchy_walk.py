"""
The hierarchy: from a text to the root of the space
===================================================

Near the origin of the space, its root, lies what is general; far from it what is specific. Texts
lie nearer than maps, and broad maps nearer than focal ones.
"""

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import torch

from sklearn_mnm import load_pretrained
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.plotting import plot_poincare_disk, plot_radii, plot_walk

encoder, _ = load_pretrained()
embedder = encoder.embedder_

# %%
# Radii of texts and maps
# -----------------------
# The 12,000 studies that the model was fitted to, each text as predicted without its own study.
# That texts lie nearer was asked for in training; :doc:`/benchmarks` says what holds for studies
# that a model has not seen.
studies = encoder.neighbours_
tangents = {"maps": studies.brain_tangent, "texts": studies.text_tangent}
points = {
    kind: exp_map0(torch.from_numpy(values).double(), embedder.curvature_)
    for kind, values in tangents.items()
}
plot_radii(points, curvature=embedder.curvature_)
plt.show()

# %%
# Maps and the broader maps that they are part of
# -----------------------------------------------
# Each predicted map is averaged over 17 networks, 7 networks and the whole brain. The radius is
# shown exactly, directions by their two main components only.
queries = ["reward anticipation", "working memory", "fear", "finger tapping", "reading words"]
ancestors = embedder.ancestors(encoder.predict(queries))
edges = [("brain", "ward7"), ("ward7", "ward17"), ("ward17", "region")]
plot_poincare_disk(ancestors, edges=edges, labels={"region": queries})
plt.show()

# %%
# A walk
# ------
# On the straight line from a text to the root, words and the map become more general; at the root
# is what all studies have in common.
plot_walk(encoder, "reward anticipation")
plt.show()
