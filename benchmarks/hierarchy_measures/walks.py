"""Walks from a text to the root, the same for all rows, and what their steps are worth."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.hierarchy_measures.rows import Row

# Terms that a walk may meet: as frequent as that, standing alone in that share of the studies that
# hold them, and more concentrated on topics than that share of the terms nearest in frequency.
MIN_FREQUENCY = 30
MIN_ALONE = 0.4
N_NEIGHBOURS = 80
MIN_QUANTILE = 0.55
# Bands of radius, and the part of its information that a step must be told by what is below it.
N_BANDS = 6
MIN_LIFT = 0.35


def topical_concentration(occurrence: sparse.csr_matrix) -> np.ndarray:
    """How far the company of each term is from that of all, in nats.

    Kullback-Leibler divergence of the distribution of terms in the studies that hold the term from
    their distribution in all studies; 0 for a term that no study holds.

    Parameters
    ----------
    occurrence : csr_matrix of bool, shape (n_studies, n_terms)

    Returns
    -------
    concentration : ndarray of shape (n_terms,)
    """
    held = occurrence.astype(np.float32)
    base = np.asarray(held.sum(axis=0), dtype=np.float64).ravel()
    base /= max(base.sum(), 1.0)
    result = np.zeros(held.shape[1])
    columns = held.tocsc()
    for start in range(0, held.shape[1], 256):
        near = (columns[:, start : start + 256].T @ held).toarray().astype(np.float64)
        near /= np.maximum(near.sum(axis=1, keepdims=True), 1.0)
        ratio = np.divide(near, base, out=np.ones_like(near), where=near > 0)
        result[start : start + 256] = (near * np.log(ratio)).sum(axis=1)
    return result


def content_terms(
    frequency: np.ndarray, alone: np.ndarray, concentration: np.ndarray
) -> np.ndarray:
    """Say which terms a walk may meet, so that no function words are steps.

    Parameters
    ----------
    frequency : ndarray of shape (n_terms,)
        Closed document frequency.
    alone : ndarray of shape (n_terms,)
        Number of studies that hold the term itself, not only a longer one.
    concentration : ndarray of shape (n_terms,)

    Returns
    -------
    is_content : ndarray of bool, shape (n_terms,)
    """
    order = np.argsort(frequency, kind="stable")
    window = min(N_NEIGHBOURS, len(order))
    quantile = np.empty(len(order))
    for place, term in enumerate(order):
        start = min(max(place - window // 2, 0), len(order) - window)
        neighbours = order[start : start + window]
        quantile[term] = (concentration[neighbours] < concentration[term]).mean()
    return (
        (frequency >= MIN_FREQUENCY) & (alone >= MIN_ALONE * frequency) & (quantile >= MIN_QUANTILE)
    )


def climb(
    row: Row,
    log_p: np.ndarray,
    radius: float,
    allowed: np.ndarray,
    information: np.ndarray,
) -> list[int]:
    """Walk from a text to the root.

    Six geometric bands of radius lie between the text and the allowed term nearest to the root, but
    not below a thousandth of the radius of the text; the innermost band goes on to the root. In
    each, from the outermost on, the term is taken whose score ln P(a | .) + beta I_a, summed over
    the text and the step before, is the highest, among those told by both: ln P(a | .) + I_a of at
    least 0.35 I_a. A band without one is skipped. Each step is nearer to the root than the last.

    Parameters
    ----------
    row : Row
    log_p : ndarray of shape (n_terms,)
        ln P(a | x) for the text.
    radius : float
        Of the text.
    allowed : ndarray of bool, shape (n_terms,)
    information : ndarray of shape (n_terms,)

    Returns
    -------
    steps : list of int
        Positions of terms, from the text up.
    """
    inner = row.radius[allowed].min() if allowed.any() else np.nan
    if not inner < radius:
        return []
    edges = np.geomspace(radius, max(inner, radius / 1000), N_BANDS + 1)
    edges[-1] = 0
    steps: list[int] = []
    told = [log_p]
    for outer, end in pairwise(edges):
        inside = allowed & (row.radius < outer) & (row.radius >= end)
        for given in told:
            inside &= given + information >= MIN_LIFT * information
        candidates = np.flatnonzero(inside)
        if not len(candidates):
            continue
        score = sum(given[candidates] for given in told)
        score = score + len(told) * row.beta * information[candidates]
        steps.append(int(candidates[np.argmax(score)]))
        told = [log_p, np.asarray(row.log_p_terms(np.array(steps[-1:])))[0]]
    return steps


def step_lifts(
    walks: Sequence[Sequence[int]],
    starts: sparse.csr_matrix,
    occurrence: sparse.csr_matrix,
) -> list[np.ndarray]:
    """How much more often than elsewhere held-out studies about the start hold each step, in bits.

    log2 P(a | b) / P(a), mean over the terms b of the start, where one imagined study in which a is
    as frequent as everywhere is added to those that hold b: ((n_ab + P(a)) / (n_b + 1)) / P(a),
    P(a) = (n_a + 1/2) / (N + 1).

    Parameters
    ----------
    walks : sequence of sequence of int
    starts : csr_matrix of bool, shape (n_walks, n_terms)
        Terms of each start, as they are written.
    occurrence : csr_matrix of bool, shape (n_studies, n_terms)
        Closed, of studies that no row has seen.

    Returns
    -------
    lifts : list of ndarray
        One array for each walk, of a value for each step; empty if the start has no term.
    """
    held = occurrence.astype(np.float64).tocsc()
    count = np.asarray(held.sum(axis=0)).ravel()
    base = (count + 0.5) / (held.shape[0] + 1)
    lifts = []
    for row, walk in enumerate(walks):
        steps, start = np.asarray(walk, dtype=int), starts[row].indices
        if not len(steps) or not len(start):
            lifts.append(np.empty(0))
            continue
        joint = (held[:, start].T @ held[:, steps]).toarray()
        share = (joint + base[steps]) / (count[start, None] + 1)
        lifts.append(np.log2(share / base[steps]).mean(axis=0))
    return lifts


def walk_table(
    walks: Sequence[Sequence[int]],
    lifts: Sequence[np.ndarray],
    frequency: np.ndarray,
    ids: Sequence[str],
) -> pd.DataFrame:
    """Figures of each walk.

    Parameters
    ----------
    walks : sequence of sequence of int
    lifts : sequence of ndarray
        As `step_lifts` gives them.
    frequency : ndarray of shape (n_terms,)
        Closed document frequency in studies: what makes a term general, whatever the row says.
    ids : sequence of str
        Of the starts.

    Returns
    -------
    table : DataFrame
        By id: ``steps``, their number; ``distinct``, percent of the steps that are new;
        ``upward``, 100 if every step is more frequent than the one before, else 0; ``first``,
        ``middle``, ``last`` lift in bits. NaN where there is no step, for `upward` where there are
        fewer than two.
    """
    rows = []
    for walk, lift in zip(walks, lifts, strict=True):
        steps = np.asarray(walk, dtype=int)
        n = len(steps)
        rises = np.diff(frequency[steps]) > 0
        rows.append(
            {
                "steps": n,
                "distinct": 100 * len(set(walk)) / n if n else np.nan,
                "upward": 100.0 * rises.all() if n > 1 else np.nan,
                "first": lift[0] if len(lift) else np.nan,
                "middle": lift[len(lift) // 2] if len(lift) else np.nan,
                "last": lift[-1] if len(lift) else np.nan,
            }
        )
    return pd.DataFrame(rows, index=list(ids), dtype=float)


def different_ends(walks: Sequence[Sequence[int]]) -> int:
    """Count the terms at which walks end."""
    return len({walk[-1] for walk in walks if len(walk)})
