"""
The hierarchy: from a text to terms of more and more studies
============================================================

The distance of a term from the root of the space is half its information. Terms in many studies lie
near the root, and terms in few studies lie far from it. A walk goes from a text towards the root,
by terms that apply to the text. Where the figure says "general", it means: in many studies.
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
# A text lies about as far from the root as its rarest term. Maps lie beyond the texts: the less of
# the brain a map activates, the farther it lies from the root. These distances are computed from
# counts, for any studies. They are not findings. What the model learns are the directions.
studies = encoder.neighbours_
tangents = {"maps": studies.brain_tangent, "texts": studies.text_tangent}
points = {
    kind: exp_map0(values.astype(np.float64), embedder.curvature_)
    for kind, values in tangents.items()
}
points["terms"] = embedder.term_points()
figure = plot_radii(points, curvature=embedder.curvature_)
figure.axes[0].set_title("Radii of terms, texts and maps of the bundled model")
plt.show()

# %%
# A term and those of fewer studies
# ---------------------------------
# Terms of fewer studies to which "memory" applies. The probability is that a study with such a term
# also contains "memory". In the disk, distances from the root are exact. Directions are only a
# hint, because two of many dimensions are shown.
rarer = encoder.descendants("memory", k=12)
print(rarer.round(2).to_string(index=False))
names = ["memory", *rarer["term"]]
rows = [np.flatnonzero(encoder.terms_ == name)[0] for name in names]
figure = plot_poincare_disk(
    {"terms of fewer studies": points["terms"][rows[1:]], "memory": points["terms"][rows[:1]]},
    curvature=embedder.curvature_,
    labels={"terms of fewer studies": names[1:], "memory": names[:1]},
)
figure.axes[0].set_title("“memory” and terms of fewer studies in the Poincaré disk")
plt.show()

# %%
# A walk
# ------
# Each step is nearer to the root than the step before: it is in more studies. It need not be the
# kind or the whole of the step before. The probability is that a study with the words of the text
# also contains the term.
plot_walk(encoder, "reward anticipation")
plt.show()
