"""Which term is above which, by an ontology, and pairs of terms that are not so related."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm.exceptions import DataWarning

TEXTBOOK = Path(__file__).parent / "textbook_pairs.tsv"
# Negatives of an edge: at most so many, whose document frequency differs by at most this factor.
N_NEGATIVES = 10
FACTOR = 2.0
KINDS = ("same frequency", "siblings", "reversed")


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The part of an ontology that the terms hold.

    Parameters
    ----------
    name : str
        Name in the tables.
    edges : csr_matrix of bool, shape (n_terms, n_terms)
        Entry (x, a): a is judged as a parent of x.
    ancestors : csr_matrix of bool, shape (n_terms, n_terms)
        Entry (x, a): a is a right answer to the question what is above x.
    closure : csr_matrix of bool, shape (n_terms, n_terms)
        Entry (x, a): a is above x at any number of steps.
    """

    name: str
    edges: sparse.csr_matrix
    ancestors: sparse.csr_matrix
    closure: sparse.csr_matrix

    def half(self, terms: Sequence[str], which: str) -> "Taxonomy":
        """Keep the children of one half; the closure stays whole.

        Parameters
        ----------
        terms : sequence of str
        which : {"validation", "test"}
            Choices are made on the first and figures are of the second. A term is in the same half
            in every fold and ontology.

        Returns
        -------
        taxonomy : Taxonomy
        """
        chosen = np.array([half_of(term) == which for term in terms])
        keep = sparse.diags(chosen.astype(float))
        return Taxonomy(
            self.name, _bool(keep @ self.edges), _bool(keep @ self.ancestors), self.closure
        )

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Children and parents of the edges, ordered by child and parent."""
        children, parents = self.edges.nonzero()
        order = np.lexsort((parents, children))
        return children[order], parents[order]


def half_of(term: str) -> str:
    """Return "validation" or "test", by the spelling of the term alone."""
    return ("validation", "test")[hashlib.sha256(term.encode()).digest()[0] % 2]


def taxonomy_of(
    name: str,
    ontology: Any,
    terms: Sequence[str],
    *,
    edge_steps: int = 1,
    ancestor_steps: int | None = None,
    closure: sparse.csr_matrix | None = None,
) -> Taxonomy:
    """Find the terms in an ontology.

    Parameters
    ----------
    name : str
    ontology : sklearn_mnm.text.Ontology
    terms : sequence of str
    edge_steps, ancestor_steps : int or None
        Steps up to which an ancestor is judged as a parent, and is a right answer.
    closure : csr_matrix of bool, shape (n_terms, n_terms), optional
        Of an ontology of which this one is a part. Default: its own.

    Returns
    -------
    taxonomy : Taxonomy
        Of two terms that are above each other, by a circle of relations, neither is a parent or
        an ancestor that is judged.
    """
    if closure is None:
        closure = _bool(ontology.closure_in(terms))
    circles = closure.multiply(closure.T).astype(float)
    judged = [
        _bool(ontology.closure_in(terms, max_steps=n).astype(float) > circles)
        for n in (edge_steps, ancestor_steps)
    ]
    return Taxonomy(name, *judged, closure)


def taxonomy_of_pairs(name: str, pairs: pd.DataFrame, terms: Sequence[str]) -> Taxonomy:
    """Make a taxonomy of a table of pairs, whose closure follows them upward.

    Parameters
    ----------
    name : str
    pairs : DataFrame
        Columns ``general`` and ``specific``, spelled like the terms.
    terms : sequence of str

    Returns
    -------
    taxonomy : Taxonomy

    Warns
    -----
    DataWarning
        With count: pairs of which a term is not known.
    """
    place = {term: position for position, term in enumerate(terms)}
    known = pairs["general"].isin(place) & pairs["specific"].isin(place)
    if not known.all():
        first = pairs[~known].iloc[0]
        warnings.warn(
            f"{name}: {int((~known).sum())} of {len(pairs)} pairs hold an unknown term, first "
            f"{first['general']!r} and {first['specific']!r}; they are left out.",
            DataWarning,
            stacklevel=2,
        )
    rows = pairs.loc[known, "specific"].map(place).to_numpy(dtype=int)
    columns = pairs.loc[known, "general"].map(place).to_numpy(dtype=int)
    shape = (len(terms), len(terms))
    edges = sparse.csr_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=shape)
    closure = edges
    while True:
        longer = _bool(closure.astype(float) + closure.astype(float) @ edges.astype(float))
        if longer.nnz == closure.nnz:
            return Taxonomy(name, edges, closure, closure)
        closure = longer


def textbook_pairs() -> pd.DataFrame:
    """Read the pairs of textbooks: columns ``general`` and ``specific``."""
    return pd.read_csv(TEXTBOOK, sep="\t", comment="#", dtype=str)


def general_specific(taxonomies: Sequence[Taxonomy]) -> Taxonomy:
    """Unite the edges of several taxonomies: pairs by a rule instead of a choice.

    Parameters
    ----------
    taxonomies : sequence of Taxonomy
        Over the same terms, e.g. the held-out relations of the Cognitive Atlas and hypernyms.

    Returns
    -------
    taxonomy : Taxonomy
    """
    name = " and ".join(taxonomy.name for taxonomy in taxonomies)
    united = {
        part: _bool(sum(getattr(taxonomy, part).astype(float) for taxonomy in taxonomies))
        for part in ("edges", "ancestors", "closure")
    }
    return Taxonomy(name, **united)


def negatives(kind: str, taxonomy: Taxonomy, frequency: np.ndarray) -> pd.DataFrame:
    """Pairs that are no edges, to tell the edges from.

    Parameters
    ----------
    kind : {"same frequency", "siblings", "reversed"}
        For an edge from child x to parent a: x with other terms of nearly the document frequency
        of a, the nearest first, at most 10 within a factor of 2; x with the other children of a;
        or a as the child and x as the parent. Terms above or below x, and x, are never negatives.
    taxonomy : Taxonomy
    frequency : ndarray of int, shape (n_terms,)

    Returns
    -------
    pairs : DataFrame
        ``child`` (x, by which intervals are drawn), ``query`` and ``candidate``: positions of
        terms; each pair once for a child.
    """
    children, parents = taxonomy.pairs
    siblings = taxonomy.edges.tocsc()
    related = _bool(
        taxonomy.closure.astype(float)
        + taxonomy.closure.T.astype(float)
        + taxonomy.edges.astype(float)
        + taxonomy.edges.T.astype(float)
        + sparse.identity(len(frequency))
    )
    amount = np.log(np.asarray(frequency, dtype=np.float64))
    rows: list[tuple[int, int, int]] = []
    for x, a in zip(children, parents, strict=True):
        if kind == "reversed":
            rows.append((x, a, x))
            continue
        excluded = related[x].indices
        if kind == "siblings":
            others = np.setdiff1d(siblings[:, a].indices, excluded)
        else:
            gap = np.abs(amount - amount[a])
            gap[excluded] = np.inf
            others = np.argsort(gap, kind="stable")[:N_NEGATIVES]
            others = others[gap[others] <= np.log(FACTOR)]
        rows += [(x, x, other) for other in others]
    pairs = pd.DataFrame(rows, columns=["child", "query", "candidate"], dtype=int)
    return pairs.drop_duplicates(ignore_index=True)


def _bool(matrix: Any) -> sparse.csr_matrix:
    """Entries that are not zero, sorted, as booleans."""
    result = sparse.csr_matrix(matrix).astype(bool)
    result.eliminate_zeros()
    result.sort_indices()
    return result
