"""Ways through a directed graph whose nodes are rows, from narrower terms to broader ones."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sklearn_mnm.exceptions import InvalidInputError


def reached(
    starts: list[int], neighbours: list[list[int]], max_steps: int | None
) -> dict[int, int]:
    """Return the rows that can be reached from `starts`, nearest first, with the steps to them.

    The starts are not among them, not even in a circle.
    """
    steps = dict.fromkeys(starts, 0)
    last, n_steps = list(steps), 0
    while last and n_steps != max_steps:
        n_steps += 1
        rows = dict.fromkeys(row for start in last for row in neighbours[start])
        last = [row for row in rows if row not in steps]
        steps.update(dict.fromkeys(last, n_steps))
    return {row: n for row, n in steps.items() if n}


def circles(neighbours: list[list[int]]) -> list[list[int]]:
    """Return the groups of rows that can be reached from each other, or a row from itself."""
    n_rows = len(neighbours)
    starts = np.repeat(np.arange(n_rows), [len(rows) for rows in neighbours])
    ends = np.array([row for rows in neighbours for row in rows], dtype=int)
    links = sparse.csr_matrix((np.ones(len(ends)), (starts, ends)), shape=(n_rows, n_rows))
    _, labels = connected_components(links, directed=True, connection="strong")
    is_in_circle = np.bincount(labels, minlength=n_rows)[labels] > 1
    is_in_circle[starts[starts == ends]] = True
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(is_in_circle):
        groups.setdefault(labels[row], []).append(int(row))
    return list(groups.values())


def forest(edges: Iterable[tuple[int, int]], n_rows: int) -> tuple[np.ndarray, int]:
    """Return one parent of each row, -1 where there is none, and how many edges have no place.

    Parameters
    ----------
    edges : iterable of (int, int)
        Child and parent, those that go first first.
    n_rows : int
    """
    parents = np.full(n_rows, -1)
    n_unplaced = 0
    for child, parent in edges:
        ancestor = parent
        while ancestor not in (-1, child):
            ancestor = parents[ancestor]
        if parents[child] == -1 and ancestor == -1:
            parents[child] = parent
        else:
            n_unplaced += 1
    return parents, n_unplaced


def check_steps(max_steps: int | None) -> None:
    """Raise InvalidInputError if `max_steps` is no positive integer and not None."""
    if max_steps is not None and (
        isinstance(max_steps, bool) or not isinstance(max_steps, Integral) or max_steps < 1
    ):
        raise InvalidInputError(
            f"max_steps: got {max_steps!r}; give a positive integer, or None for no limit."
        )
