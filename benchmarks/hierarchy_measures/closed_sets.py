"""Hierarchical precision and recall: sets of terms, closed upward under an ontology.

Kiritchenko, S., Matwin, S., Nock, R., & Famili, A. F. (2006). Learning and evaluation in the
presence of class hierarchies. Canadian AI, doi:10.1007/11766247_34.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


def indicator(sets: Sequence[Any], n_terms: int) -> sparse.csr_matrix:
    """Matrix of bool, shape (n_sets, n_terms), of sets of positions."""
    lengths = [len(positions) for positions in sets]
    rows = np.repeat(np.arange(len(sets)), lengths)
    columns = np.concatenate([np.asarray(list(s), dtype=int) for s in sets] or [np.empty(0, int)])
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(sets), n_terms))
    return matrix.astype(bool)


def close_upward(sets: sparse.csr_matrix, closure: sparse.csr_matrix) -> np.ndarray:
    """Add to each set of terms all that is above them, and drop what the ontology lacks.

    Parameters
    ----------
    sets : csr_matrix of bool, shape (n_sets, n_terms)
    closure : csr_matrix of bool, shape (n_terms, n_terms)
        Entry (x, a): a is above x.

    Returns
    -------
    closed : ndarray of bool, shape (n_sets, n_terms)
    """
    sets = sets.astype(np.float64)
    closed = (sets + sets @ closure.astype(np.float64)).toarray() > 0
    return closed & concepts(closure)


def concepts(closure: sparse.csr_matrix) -> np.ndarray:
    """Terms that are above or below another, bool of shape (n_terms,)."""
    return (closure.getnnz(axis=0) > 0) | (closure.getnnz(axis=1) > 0)


def overlap(
    found: sparse.csr_matrix,
    true: sparse.csr_matrix,
    closure: sparse.csr_matrix,
    without: sparse.csr_matrix | None = None,
) -> pd.DataFrame:
    """Count what the closed sets have in common, set by set.

    Parameters
    ----------
    found, true : csr_matrix of bool, shape (n_sets, n_terms)
        Paired row by row.
    closure : csr_matrix of bool, shape (n_terms, n_terms)
    without : csr_matrix of bool, shape (n_sets, n_terms), optional
        What counts neither as found nor as true, such as the start of a walk.

    Returns
    -------
    counts : DataFrame
        ``common``, ``found`` and ``true``, one row for each set.
    """
    both = [close_upward(sets, closure) for sets in (found, true)]
    if without is not None:
        both = [sets & ~(without.toarray() > 0) for sets in both]
    names = {"common": both[0] & both[1], "found": both[0], "true": both[1]}
    return pd.DataFrame({name: sets.sum(axis=1) for name, sets in names.items()}, dtype=float)


def precision_recall(counts: pd.DataFrame, weight: np.ndarray | None = None) -> dict[str, float]:
    """Hierarchical precision, recall and their harmonic mean over all sets, in percent.

    Parameters
    ----------
    counts : DataFrame
        As `overlap` gives them.
    weight : ndarray of shape (n_sets,), optional

    Returns
    -------
    scores : dict of str to float
        ``precision``, ``recall`` and ``F``; NaN where nothing is found, or true.
    """
    weight = np.ones(len(counts)) if weight is None else weight
    common, found, true = (float(weight @ counts[name]) for name in ("common", "found", "true"))
    return {
        "precision": 100 * common / found if found else float("nan"),
        "recall": 100 * common / true if true else float("nan"),
        "F": 200 * common / (found + true) if found + true else float("nan"),
    }


def f_of_each(counts: pd.DataFrame) -> pd.Series:
    """F of each set, in percent; NaN where nothing is found and nothing is true."""
    return 200 * counts["common"] / (counts["found"] + counts["true"])


def top_concepts(scores: np.ndarray, closure: sparse.csr_matrix, k: int = 10) -> sparse.csr_matrix:
    """Take the `k` concepts with the highest scores of each row; the first of equals.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_terms)
    closure : csr_matrix of bool, shape (n_terms, n_terms)
    k : int, default=10

    Returns
    -------
    top : csr_matrix of bool, shape (n_rows, n_terms)
    """
    columns = np.flatnonzero(concepts(closure))
    best = np.argsort(-scores[:, columns], axis=1, kind="stable")[:, :k]
    return indicator(columns[best], scores.shape[1])
