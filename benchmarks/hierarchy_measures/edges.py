"""Whether a row knows which terms are above which."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.hierarchy_measures.rows import BLOCK, Row, ancestor_scores, pair_scores
from benchmarks.hierarchy_measures.taxonomies import Taxonomy, negatives


def direction(radius: np.ndarray, taxonomy: Taxonomy, terms: Sequence[str]) -> pd.Series:
    """Share of the parents of each child that are nearer to the root; ties count half.

    Parameters
    ----------
    radius : ndarray of shape (n_terms,)
    taxonomy : Taxonomy
    terms : sequence of str

    Returns
    -------
    share : Series
        In percent, by child (its name).
    """
    children, parents = taxonomy.pairs
    ordered = np.where(radius[parents] == radius[children], 0.5, radius[parents] < radius[children])
    names = np.asarray(terms, dtype=object)[children]
    return 100 * pd.Series(ordered.astype(float)).groupby(names).mean()


def labelled_pairs(
    kind: str,
    row: Row,
    taxonomy: Taxonomy,
    frequency: np.ndarray,
    information: np.ndarray,
) -> pd.DataFrame:
    """Score edges and negatives of a kind.

    Parameters
    ----------
    kind : str
        See :func:`~hierarchy_measures.taxonomies.negatives`.
    row : Row
        Aligned with the terms of the taxonomy.
    taxonomy : Taxonomy
    frequency, information : ndarray of shape (n_terms,)

    Returns
    -------
    pairs : DataFrame
        ``child`` (its name), ``is_edge`` and ``score``. Edges of which there is no negative are
        left out, as nothing could be told from them.
    """
    children, parents = taxonomy.pairs
    edges = pd.DataFrame({"child": children, "query": children, "candidate": parents})
    others = negatives(kind, taxonomy, frequency)
    edges = edges[edges["child"].isin(others["child"])]
    pairs = pd.concat([edges.assign(is_edge=True), others.assign(is_edge=False)])
    queries, candidates = pairs["query"].to_numpy(), pairs["candidate"].to_numpy()
    return pd.DataFrame(
        {
            "child": np.asarray(row.terms, dtype=object)[pairs["child"]],
            "is_edge": pairs["is_edge"].to_numpy(),
            "score": pair_scores(row, queries, candidates, information),
        }
    )


def discrimination(pairs: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare the areas under two curves of edges against negatives.

    Parameters
    ----------
    pairs : DataFrame
        As `labelled_pairs` gives them; scores may be infinite.

    Returns
    -------
    areas : callable
        ``areas(weight)``: with a weight for each pair, in percent, the area under the ROC curve,
        for which ties count half, and the average precision, sum over the scores s, from the top
        down, of P(s) (R(s) - R(s-)), with precision P and recall R of the pairs with at least s.
        NaN without an edge or a negative.
    """
    score = pairs["score"].to_numpy()
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(score[order][1:] != score[order][:-1]), len(order) - 1)
    is_edge = pairs["is_edge"].to_numpy(dtype=float)[order]

    def areas(weight: np.ndarray) -> np.ndarray:
        weight = weight[order]
        true = np.append(0.0, np.cumsum(weight * is_edge)[last])
        false = np.append(0.0, np.cumsum(weight * (1 - is_edge))[last])
        if not true[-1] or not false[-1]:
            return np.full(2, np.nan)
        area = (np.diff(false) * (true[1:] + true[:-1]) / 2).sum() / (true[-1] * false[-1])
        found = true[1:] + false[1:]
        precision = np.divide(true[1:], found, out=np.zeros_like(found), where=found > 0)
        return 100 * np.array([area, (np.diff(true) * precision).sum() / true[-1]])

    return areas


def ancestor_ranks(row: Row, taxonomy: Taxonomy, information: np.ndarray) -> pd.Series:
    """Rank of the first true ancestor of each child among all other terms.

    Parameters
    ----------
    row : Row
        Aligned with the terms of the taxonomy.
    taxonomy : Taxonomy
    information : ndarray of shape (n_terms,)

    Returns
    -------
    rank : Series
        By child (its name); 1 is the best. Ties with terms that are no ancestors count against
        the row.
    """
    children = np.flatnonzero(taxonomy.ancestors.getnnz(axis=1))
    ranks = []
    for start in range(0, len(children), BLOCK):
        block = children[start : start + BLOCK]
        scores = ancestor_scores(row, block, information)
        scores[np.arange(len(block)), block] = np.nan  # a term is no candidate for itself
        true = taxonomy.ancestors[block].toarray()
        best = np.nanmax(np.where(true, scores, -np.inf), axis=1)
        # Comparisons with NaN are False.
        ranks += list(1 + ((scores >= best[:, None]) & ~true).sum(axis=1))
    return pd.Series(ranks, index=np.asarray(row.terms, dtype=object)[children], dtype=float)


def hits(ranks: pd.Series, k: int = 10) -> pd.Series:
    """100 where a true ancestor is among the first `k`, else 0."""
    return 100.0 * (ranks <= k)
