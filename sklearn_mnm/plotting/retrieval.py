"""How well texts and maps find each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.metrics._vectors import finite
from sklearn_mnm.metrics.pairs import retrieval_ranks
from sklearn_mnm.plotting._figure import COLOURS, SOFT, axes_or_new, figure_or_new

_LINES = ("-", "--", "-.", ":")
# Columns of a similarity matrix up to which values are written into its cells.
_WRITTEN = 12


def plot_retrieval_curve(scores: Mapping[str, ArrayLike], *, figure: Any = None) -> Any:
    """Recall at k for every k, from text to map and from map to text.

    Parameters
    ----------
    scores : dict of str to array-like of shape (n, n)
        By name of the model, similarity of each text (row) and map (column), higher is closer, with
        the true pairs on the diagonal, such as ``embedder.similarity(texts, maps)``. All of the
        same pairs.
    figure : matplotlib.figure.Figure, SubFigure or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Two panels. Chance is the share of the candidates that is looked at, k / n.

    Raises
    ------
    InvalidInputError
        If there are no scores, more than colours, or not square matrices of one size and of
        finite numbers.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.plotting import plot_retrieval_curve
    >>> noise = np.random.default_rng(0).normal(size=(50, 50))
    >>> figure = plot_retrieval_curve({"good": noise + 2 * np.eye(50), "blind": noise})
    """
    if not isinstance(scores, Mapping) or not 1 <= len(scores) <= len(COLOURS):
        size = f" of {len(scores)}" if isinstance(scores, Mapping) else ""
        raise InvalidInputError(
            f"scores is a {type(scores).__name__}{size}; give a dict of 1 to {len(COLOURS)} "
            "matrices by name, such as {'hyperbolic': embedder.similarity(texts, maps)}."
        )
    directions: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for name, matrix in scores.items():
        try:
            directions[0][name] = _recalls(np.asarray(matrix))
            directions[1][name] = _recalls(np.asarray(matrix).T)
        except InvalidInputError as error:
            raise InvalidInputError(f"scores[{name!r}]: {error}") from error
    sizes = {name: len(recalls) for name, recalls in directions[0].items()}
    if len(set(sizes.values())) > 1:
        raise InvalidInputError(
            f"scores are of different numbers of pairs, {sizes}, so their recalls do not compare; "
            "score the same pairs with each model."
        )
    n_pairs = next(iter(sizes.values()))
    k = np.arange(1, n_pairs + 1)
    with figure_or_new(figure, (9, 4)) as figure:
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, title, recalls in zip(
            axes, ("Text to map", "Map to text"), directions, strict=True
        ):
            for number, (name, values) in enumerate(recalls.items()):
                line = _LINES[number % len(_LINES)]
                ax.plot(k, values, line, color=COLOURS[number], linewidth=2, label=name)
            ax.plot(k, 100 * k / n_pairs, color=SOFT, linewidth=1.2, label="chance")
            ax.set(title=title, xscale="log", xlim=(1, n_pairs), ylim=(0, 101))
            ax.set_xlabel(f"k, length of the list (of {n_pairs:,} candidates)")
            ax.grid(color="0.9", linewidth=0.8)
            ax.xaxis.set_major_formatter("{x:,.0f}")
        axes[0].set_ylabel("recall at k, %")
        axes[0].legend(frameon=False)
    return figure


def plot_similarity_matrix(
    similarity: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    text_labels: Sequence[str] | None = None,
    map_labels: Sequence[str] | None = None,
    label: str = "similarity",
    ax: Any = None,
) -> Any:
    """Similarity of texts (rows) and maps (columns).

    Parameters
    ----------
    similarity : array-like of shape (n_texts, n_maps)
        Such as ``embedder.similarity(text_points, map_points)``. Pairs are on the diagonal if the
        texts and maps are of the same studies.
    groups : sequence of length n_texts or None, default=None
        Group of each study, such as its task, where text and map of row and column i are of the
        same study: brings studies of a group together, in the order in which groups first occur,
        and draws lines between them.
    text_labels, map_labels : sequence of str or None, default=None
        Names of rows and of columns, for small matrices.
    label : str, default="similarity"
        What the colours mean.
    ax : matplotlib.axes.Axes or None, default=None
        If None, make a new figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Values are written into the cells of up to 12 columns.

    Raises
    ------
    InvalidInputError
        If `similarity` is not a matrix of finite numbers, or groups or labels are not as many as
        its rows or columns.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_mnm.plotting import plot_similarity_matrix
    >>> noise = np.random.default_rng(0).normal(size=(3, 3))
    >>> names = ["fear", "reading", "tapping"]
    >>> figure = plot_similarity_matrix(noise, text_labels=names, map_labels=names)
    """
    matrix = finite("similarity", similarity, 2)
    for name, values, size in (
        ("text_labels", text_labels, matrix.shape[0]),
        ("map_labels", map_labels, matrix.shape[1]),
        ("groups", groups, matrix.shape[0]),
    ):
        if values is not None and (isinstance(values, str) or len(values) != size):
            raise InvalidInputError(
                f"{name} has length {len(values)}, but similarity is of shape {matrix.shape}; give "
                f"a sequence of {size}."
            )
    bounds: list[tuple[str, int, int]] = []
    if groups is not None:
        if matrix.shape[0] != matrix.shape[1]:
            raise InvalidInputError(
                f"groups need one map for each text, but similarity is of shape {matrix.shape}."
            )
        order, bounds = _by_group(groups)
        matrix = matrix[np.ix_(order, order)]
        text_labels, map_labels = (
            None if names is None else [names[row] for row in order]
            for names in (text_labels, map_labels)
        )
    height, width = matrix.shape
    with axes_or_new(ax, (6.4, 5.2)) as ax:
        image = ax.imshow(matrix, cmap="cividis", aspect="equal", interpolation="nearest")
        bar = ax.figure.colorbar(image, ax=ax, label=label, shrink=0.85)
        bar.outline.set_visible(False)
        if width <= _WRITTEN and height <= 2 * _WRITTEN:
            _write_values(ax, matrix, image)
        _name_axis(ax.xaxis, map_labels, bounds)
        _name_axis(ax.yaxis, text_labels, bounds)
        if map_labels is not None:
            ax.tick_params(axis="x", rotation=40)
            for tick in ax.get_xticklabels():
                tick.set(ha="right", rotation_mode="anchor")
        for _, _, end in bounds[:-1]:
            ax.axhline(end - 0.5, color="white", linewidth=1.5)
            ax.axvline(end - 0.5, color="white", linewidth=1.5)
        ax.set(xlabel=f"maps (n = {width:,})", ylabel=f"texts (n = {height:,})")
    return ax.figure


def _recalls(matrix: np.ndarray) -> np.ndarray:
    """Recall at k = 1 ... n in percent."""
    ranks = retrieval_ranks(matrix)
    return 100 * np.cumsum(np.bincount(ranks, minlength=len(ranks))) / len(ranks)


def _by_group(groups: Sequence[Any]) -> tuple[np.ndarray, list[tuple[str, int, int]]]:
    """Rows group by group, and name, first and last row (exclusive) of each group."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    codes = np.array([numbers[group] for group in groups])
    ends = np.cumsum(np.bincount(codes))
    starts = np.append(0, ends[:-1])
    bounds = [(str(g), int(s), int(e)) for g, s, e in zip(numbers, starts, ends, strict=True)]
    return np.argsort(codes, kind="stable"), bounds


def _name_axis(axis: Any, labels: Sequence[str] | None, bounds: list[tuple[str, int, int]]) -> None:
    """Name each row, or each group of rows; else leave the numbers out, which mean nothing."""
    if labels is not None:
        axis.set_ticks(np.arange(len(labels)), labels)
    elif bounds:
        middles = [(start + end - 1) / 2 for _, start, end in bounds]
        axis.set_ticks(middles, [f"{name}\n{end - start:,}" for name, start, end in bounds])
    else:
        axis.set_ticks([])
    axis.set_tick_params(length=0)


def _write_values(ax: Any, matrix: np.ndarray, image: Any) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        # The upper half of the scale is light.
        colour = "black" if image.norm(value) > 0.5 else "white"
        text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize="small")
