"""Whether intervals of predicted maps cover as much as they say."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.inputs import region_activations, target_columns
from sklearn_mnm.model.map_uncertainty import COVERAGES
from sklearn_mnm.plotting._brain_panels import described
from sklearn_mnm.plotting._figure import COLOURS, MARKERS, SOFT, axes_or_new

# Share of the predictions that counts as strong.
_STRONG = 0.1


def plot_calibration(
    encoder: Any, X: Any, y: Any = None, *, levels: Sequence[str] | None = None, ax: Any = None
) -> Any:
    """Nominal against observed coverage of the intervals of predicted maps.

    The intervals are those of :meth:`MNMEncoder.predict_interval`. Where they are right, curves
    lie on the diagonal; above it, intervals are wider than they need to be, as they are where the
    activations of more studies than the nominal share are 0.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted.
    X : Studies, list of str, or array of shape (n_studies, n_terms)
        Texts of studies that the encoder has not seen.
    y : maps as for :meth:`MNMEncoder.fit`, default=None
        Of the same studies. If None, use the peaks of `X`.
    levels : sequence of str or None, default=None
        Of ``encoder.hierarchy_``. If None, use all but the whole brain. At most 7.
    ax : matplotlib.axes.Axes or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        For each level a solid line over all regions and studies, and a dashed one over the tenth
        with the strongest predictions.

    Raises
    ------
    InvalidInputError
        If texts and maps do not pair, or there is no such level.
    MissingDependencyError
        If matplotlib is not installed.
    """
    known = encoder.hierarchy_.levels
    levels = known[:-1] if levels is None else levels
    if isinstance(levels, str) or not 1 <= len(levels) <= len(COLOURS) or set(levels) - set(known):
        raise InvalidInputError(f"levels={levels!r}: give a list of 1 to 7 of {known}.")
    observed = region_activations(
        X if y is None else target_columns(y),
        encoder.regions_,
        encoder.n_regions_,
        name="X" if y is None else "y",
        owner=type(encoder).__name__,
    )
    if not observed.any():
        raise InvalidInputError(
            f"{'X' if y is None else 'y'}: all {len(observed)} maps are zero everywhere, so there "
            "is nothing to compare with. Give maps with peaks or activations."
        )
    curves = {level: _coverages(encoder, X, observed, level) for level in levels}
    percent = 100 * COVERAGES
    with axes_or_new(ax, (5.4, 5.2)) as ax:
        ax.plot([0, 100], [0, 100], color=SOFT, linewidth=1.2, label="nominal")
        for number, (level, (everywhere, strong)) in enumerate(curves.items()):
            style = {"color": COLOURS[number], "marker": MARKERS[number], "markersize": 4.5}
            ax.plot(percent, everywhere, label=described(encoder, level), **style)
            ax.plot(percent, strong, linestyle="--", markerfacecolor="white", **style)
        ax.plot([], [], color="black", linestyle="--", label="strongest tenth of predictions")
        lowest = min(float(np.min(curve)) for pair in curves.values() for curve in pair)
        ax.set(
            xlabel="nominal coverage, %",
            ylabel=f"activations within the interval, % (n = {len(observed):,} studies)",
            xlim=(percent[0] - 1, 100),
            ylim=(min(lowest, percent[0]) - 1, 100.5),
        )
        ax.grid(color="0.9", linewidth=0.8)
        ax.legend(frameon=False, loc="lower right")
    return ax.figure


def _coverages(
    encoder: Any, X: Any, observed: np.ndarray, level: str
) -> tuple[np.ndarray, np.ndarray]:
    """Observed coverage in percent at each nominal one, of all and of strong predictions."""
    predicted = encoder.predict(X, level)
    if len(predicted) != len(observed):
        raise InvalidInputError(
            f"There are {len(predicted)} texts but {len(observed)} maps; give one map for each "
            "text, in the same order."
        )
    values = encoder.hierarchy_.aggregate(observed, level)
    strong = predicted >= np.quantile(predicted, 1 - _STRONG)
    everywhere, among_strong = [], []
    for nominal in COVERAGES:
        lower, upper = encoder.uncertainty_[level].interval(predicted, nominal)
        within = (lower <= values) & (values <= upper)
        everywhere.append(100 * within.mean())
        among_strong.append(100 * within[strong].mean())
    return np.array(everywhere), np.array(among_strong)
