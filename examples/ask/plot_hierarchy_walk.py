"""
The hierarchy: from a text to terms of ever more studies
========================================================

The distance of a term from the root of the space is half its information: near the root lie the
terms of many studies, far from it those of few. A walk goes from a text towards the root, by
terms that hold for it. "General" means this here: of many studies.
"""

# sphinx_gallery_thumbnail_number = 3
import matplotlib.pyplot as plt
import numpy as np

from sklearn_mnm import load_pretrained
from sklearn_mnm.geometry import exp_map0
from sklearn_mnm.plotting import plot_poincare_disk, plot_radii, plot_walk

encoder, _ = load_pretrained()
embedder = encoder.embedder_

# %%
# Radii of terms, texts and maps
# ------------------------------
# A text lies about as far out as its rarest term. A map lies the farther out the less of the brain
# it activates, and beyond the texts. All this is so by construction, for the 12,000 studies of the
# fit as for any others; what is learnt are the directions.
studies = encoder.neighbours_
tangents = {"maps": studies.brain_tangent, "texts": studies.text_tangent}
points = {
    kind: exp_map0(values.astype(np.float64), embedder.curvature_)
    for kind, values in tangents.items()
}
points["terms"] = embedder.term_points()
plot_radii(points, curvature=embedder.curvature_)
plt.show()

# %%
# A term and those of fewer studies
# ---------------------------------
# Terms for which "memory" holds, with the probability that a study with them holds it. Radii are
# shown exactly, directions by their two main components only.
special = encoder.descendants("memory", k=12)
print(special.round(2).to_string(index=False))
names = ["memory", *special["term"]]
rows = [np.flatnonzero(encoder.terms_ == name)[0] for name in names]
plot_poincare_disk(
    {"terms of fewer studies": points["terms"][rows[1:]], "memory": points["terms"][rows[:1]]},
    curvature=embedder.curvature_,
    labels={"terms of fewer studies": names[1:], "memory": names[:1]},
)
plt.show()

# %%
# A walk
# ------
# Each step is nearer to the root than the one before, and holds for a study with the words of the
# text with the probability that is given. It is in more studies than the step before; it need not
# be its kind or its whole.
plot_walk(encoder, "reward anticipation")
plt.show()
