"""How a training went, epoch by epoch."""

import math
from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting._figure import COLOURS, MARKERS, SOFT, figure_or_new

# Mean radii of texts and maps share a panel, to be compared.
_RADIUS = "_radius"
_TITLES = {"loss": "loss (sum of its parts)", "validation_score": "validation score (recall)"}
_N_COLUMNS = 4


def plot_history(history: Any, *, figure: Any = None) -> Any:
    """Training curves: the loss and its parts, validation score, radii, curvature, learning rate.

    Parameters
    ----------
    history : DataFrame or list of dict
        A row for each epoch with a column ``epoch``, ``embedder.history_``. What else it holds gets
        a panel each; columns that end in ``_radius`` share one.
    figure : matplotlib.figure.Figure, SubFigure or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        If there is a validation score, a dotted line marks the epoch of the highest, whose weights
        are kept.

    Raises
    ------
    InvalidInputError
        If `history` is no table with an ``epoch`` and numbers beside it.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from sklearn_mnm.plotting import plot_history
    >>> figure = plot_history([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}])
    """
    table = _checked(history)
    panels = _panels(table)
    n_columns = min(_N_COLUMNS, len(panels))
    n_rows = math.ceil(len(panels) / n_columns)
    best = None
    if "validation_score" in table and table["validation_score"].notna().any():
        best = table["epoch"].iloc[int(table["validation_score"].argmax())]
    with figure_or_new(figure, (2.7 * n_columns, 2.2 * n_rows + 0.3)) as figure:
        axes = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True).ravel()
        for ax, (title, columns) in zip(axes, panels.items(), strict=False):
            for number, (label, column) in enumerate(columns.items()):
                known = table[["epoch", column]].dropna()
                ax.plot(
                    known["epoch"],
                    known[column],
                    color=COLOURS[number % len(COLOURS)],
                    marker=MARKERS[number % len(MARKERS)],
                    markersize=4,
                    label=label,
                )
            if best is not None:
                ax.axvline(best, color=SOFT, linestyle=":", linewidth=1.2)
            ax.set_title(title, fontsize="medium")
            ax.ticklabel_format(axis="y", useOffset=False)
            ax.tick_params(labelbottom=True)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.spines[["top", "right"]].set_visible(False)
            if len(columns) > 1:
                ax.legend(frameon=False, fontsize="small")
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        figure.supxlabel("epoch", fontsize="medium")
    return figure


def _checked(history: Any) -> pd.DataFrame:
    try:
        table = pd.DataFrame(history).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"history is no table of numbers ({error}); give embedder.history_."
        ) from error
    if "epoch" not in table or not table.drop(columns="epoch").notna().any(axis=None):
        raise InvalidInputError(
            f"history has {len(table)} rows and the columns {list(table.columns)}; there must be "
            "an epoch, and numbers beside it. With max_epochs=0 nothing is trained, and there is "
            "nothing to plot."
        )
    return table.sort_values("epoch", ignore_index=True)


def _panels(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Title of each panel, and label and name of the columns in it."""
    panels: dict[str, dict[str, str]] = {}
    for column in table.columns:
        if column == "epoch" or table[column].isna().all():
            continue
        name = column.replace("_", " ")
        if column.endswith(_RADIUS):
            panels.setdefault("mean radius", {})[name.removesuffix(" radius")] = column
        else:
            panels[_TITLES.get(column, name)] = {name: column}
    return panels
