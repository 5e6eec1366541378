"""Whether a row knows which terms are above which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from hierarchy_measures.rows import BLOCK, Row, ancestor_scores, pair_scores
from hierarchy_measures.taxonomies import Taxonomy, negatives


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


def area_under_curve(pairs: pd.DataFrame, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve of edges against negatives, percent; ties count half.

    Parameters
    ----------
    pairs : DataFrame
        As `labelled_pairs` gives them.
    weight : ndarray of shape (n_pairs,), optional

    Returns
    -------
    area : float
    """
    # Ranks, as scores may be infinite.
    score = rankdata(pairs["score"])
    return 100 * float(roc_auc_score(pairs["is_edge"], score, sample_weight=weight))


def average_precision(pairs: pd.DataFrame, weight: np.ndarray | None = None) -> float:
    """Average precision of edges among negatives, percent; arguments as `area_under_curve`."""
    score = rankdata(pairs["score"])
    return 100 * float(average_precision_score(pairs["is_edge"], score, sample_weight=weight))


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
