"""Figures of brain maps, of the hyperbolic space and of how good a model is.

There is one ``plot_`` function a figure. Each draws into the ``ax`` that it is given, or into the
``figure`` where it needs several panels, and without one makes a new figure by pyplot. All return
the figure (or subfigure) that they drew into: ``plot_radii(points).savefig("radii.png")``. Nothing
is shown, saved or closed and no setting of matplotlib is changed, so that ``plt.show()`` and
``plt.style.use(...)`` do what they always do. ``view_`` functions return interactive figures of
plotly. Interactive brains are those of nilearn's ``view_img(encoder.predict_img(["fear"]))``.

Colours are safe for colour blindness: those of Okabe and Ito for kinds, which differ by marker or
line as well, and scales that grow evenly in lightness for values.

Figures need matplotlib, and interactive ones plotly: ``pip install 'sklearn-mnm[plot]'``.
"""

from sklearn_mnm.plotting.brain import plot_levels, plot_map
from sklearn_mnm.plotting.calibration import plot_calibration
from sklearn_mnm.plotting.disk import plot_poincare_disk, view_poincare_disk
from sklearn_mnm.plotting.radii import plot_radii
from sklearn_mnm.plotting.retrieval import plot_retrieval_curve, plot_similarity_matrix
from sklearn_mnm.plotting.training import plot_history
from sklearn_mnm.plotting.walk import plot_walk

__all__ = [
    "plot_calibration",
    "plot_history",
    "plot_levels",
    "plot_map",
    "plot_poincare_disk",
    "plot_radii",
    "plot_retrieval_curve",
    "plot_similarity_matrix",
    "plot_walk",
    "view_poincare_disk",
]
