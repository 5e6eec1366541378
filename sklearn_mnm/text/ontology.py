"""Terms and their broader terms, from a published ontology or a user's own table."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.text import _graph
from sklearn_mnm.text._own_table import (
    RELATION_COLUMNS,
    TERM_COLUMNS,
    check_columns,
    folded,
    named_relations,
)
from sklearn_mnm.text._spelling import Lexicon, lexicon_in

BROADER = ("kind_of", "is_a", "instance_of", "part_of", "narrower_than")  # kinds before parts

_Self = TypeVar("_Self", bound="Ontology")


@dataclass(frozen=True, eq=False)
class Ontology:
    """Terms, and relations from terms to broader ones: a hierarchy with any number of parents.

    Read one with :func:`load_cognitive_atlas`, :func:`load_mesh_tree` or :func:`load_wordnet`, or
    make one of your own table of names with :meth:`from_frame`.

    Parameters
    ----------
    terms : pandas.DataFrame
        One row per term: ``id`` (str, each once), ``name``, ``aliases`` (tuple of str: synonyms,
        abbreviations), ``definition`` and ``kind`` (such as ``"concept"`` or ``"task"``), empty
        strings where there is none. A source may add columns.
    relations : pandas.DataFrame
        One row per relation: ``child`` and ``parent`` (ids) and ``relation`` (its name). A source
        may add columns, such as the ``split`` of data for training and for tests.
    broader : tuple of str
        Names of the relations that lead to a broader term and make up the hierarchy; by default
        ``"kind_of"``, ``"is_a"``, ``"instance_of"``, ``"part_of"`` and ``"narrower_than"``. Others,
        such as ``"measures"`` from a task to a concept, are kept and not followed. Where a term
        has to have one parent, earlier names go first.

    Raises
    ------
    InvalidInputError
        If a column is missing, an id is not text or there twice, or a relation that makes up the
        hierarchy has an id which is not among the terms.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_mnm.text import Ontology
    >>> table = pd.DataFrame(
    ...     {"child": ["Working memory", "Memory"], "parent": ["Memory", "Cognition"]}
    ... )
    >>> ontology = Ontology.from_frame(table)
    >>> ontology.ancestors("working memory")["name"].tolist()
    ['Memory', 'Cognition']
    """

    terms: pd.DataFrame
    relations: pd.DataFrame
    broader: tuple[str, ...] = BROADER

    def __post_init__(self) -> None:
        check_columns(self.terms, "terms", TERM_COLUMNS)
        check_columns(self.relations, "relations", RELATION_COLUMNS)
        for row, term_id in enumerate(ids := self.terms["id"]):
            if not isinstance(term_id, str):
                raise InvalidInputError(f"terms: id of row {row} is {term_id!r}; give a string.")
        if ids.duplicated().any():
            raise InvalidInputError(
                f"terms: id {ids[ids.duplicated()].iloc[0]!r} stands in several rows; give each "
                "term one row."
            )
        for end in ("child", "parent"):
            unlisted = self._upward.loc[~self._upward[end].isin(self._rows), end]
            if len(unlisted):
                raise InvalidInputError(
                    f"relations: {end} {unlisted.iloc[0]!r} is no id of `terms` "
                    f"({len(unlisted)} such relations); add these terms or leave them out."
                )

    @classmethod
    def from_frame(cls: type[_Self], table: Any) -> _Self:
        """Make an ontology of a table of names.

        Parameters
        ----------
        table : pandas or polars DataFrame
            One row per relation: ``child`` and ``parent``, names that are the same term if they
            differ by case and spaces only. Optional: ``relation`` (``"kind_of"`` if there is no
            such column; all of them lead to broader terms), and further columns, which are kept.

        Returns
        -------
        ontology : Ontology
            Its ids are the names in lower case.

        Raises
        ------
        InvalidInputError
            If a column is missing, a name is not text or empty, or relations lead from a term
            back to itself.
        """
        terms, relations = named_relations(table, default=BROADER[0])
        ontology = cls(terms, relations, tuple(dict.fromkeys(relations["relation"])))
        circles = ontology.circles()
        if circles:
            raise InvalidInputError(
                f"table: {_told(ontology, circles)}; take out the relations of each that lead down."
            )
        return ontology

    @property
    def names(self) -> np.ndarray:
        """Name of each term, shape (n_terms,)."""
        return self.terms["name"].to_numpy(dtype=object)

    def __len__(self) -> int:
        return len(self.terms)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.terms)} terms, {len(self.relations)} relations)"

    def select(self: _Self, **columns: Any) -> _Self:
        """Keep the relations with given values; all terms stay.

        Parameters
        ----------
        **columns : value or list of values
            Of columns of `relations`, e.g. ``split="train"`` or ``relation=["kind_of"]``.

        Returns
        -------
        ontology : Ontology

        Raises
        ------
        InvalidInputError
            If there is no such column, or no relation has such a value.
        """
        kept = np.ones(len(self.relations), dtype=bool)
        for column, values in columns.items():
            if column not in self.relations:
                raise InvalidInputError(
                    f"{column}: no column of the relations; they have {list(self.relations)}."
                )
            wanted = [values] if isinstance(values, str) or np.ndim(values) == 0 else list(values)
            for value in wanted:
                if not self.relations[column].eq(value).any():
                    there = sorted(map(repr, self.relations[column].unique()))
                    raise InvalidInputError(
                        f"{column}: no relation has {value!r}; there are {', '.join(there[:10])}."
                    )
            kept &= self.relations[column].isin(wanted).to_numpy()
        return replace(self, relations=self.relations[kept].reset_index(drop=True))

    def parents(self, term: str) -> pd.DataFrame:
        """Return the terms right above a term, see :meth:`ancestors`."""
        return self.ancestors(term, max_steps=1)

    def ancestors(self, term: str, max_steps: int | None = None) -> pd.DataFrame:
        """Return the broader terms of a term, nearest first.

        Parameters
        ----------
        term : str
            Id, or else name, or else alias; case does not matter for the latter two. Of several
            terms with this name, the broader terms of all are returned.
        max_steps : int or None, default=None
            Number of relations up to which is looked; 1 gives parents. If None, there is no limit.

        Returns
        -------
        ancestors : pandas.DataFrame
            ``id``, ``name`` and ``steps``, the smallest number of relations to it. The term is not
            among its own ancestors, not even in a circle.

        Raises
        ------
        InvalidInputError
            If no term is so called, or `max_steps` is not a positive integer.
        """
        return self._reached(self._found(term), self._above, max_steps)

    def descendants(self, term: str, max_steps: int | None = None) -> pd.DataFrame:
        """Return the narrower terms of a term, nearest first; all else as :meth:`ancestors`."""
        return self._reached(self._found(term), self._below, max_steps)

    def circles(self) -> list[tuple[str, ...]]:
        """Return the ids of terms that are ancestors of each other, a tuple for each circle.

        A term with a relation to itself alone is a circle of one.
        """
        ids = self.terms["id"].tolist()
        return [tuple(ids[row] for row in rows) for rows in _graph.circles(self._above)]

    def forest(self) -> np.ndarray:
        """Return one parent per term: a forest, as measures of trees take it.

        Of several broader terms one is taken: in the order of `broader`, kinds before parts, then
        in the order of `relations`.

        Returns
        -------
        parents : ndarray of int, shape (n_terms,)
            Row of the parent of each term, -1 where there is none, as
            :func:`sklearn_mnm.metrics.tree_distances` takes it.

        Warns
        -----
        DataWarning
            With count: broader terms that have no place, as a second one or in a circle.
        """
        # A parent that is named as kind and as part counts once.
        upward = self._upward.drop_duplicates(["child", "parent"])
        edges = zip(upward["child"].map(self._rows), upward["parent"].map(self._rows), strict=True)
        parents, n_unplaced = _graph.forest(edges, len(self))
        if n_unplaced:
            warnings.warn(
                f"{n_unplaced} broader terms are a second one or close a circle and are not in "
                "the forest, only in `relations`.",
                DataWarning,
                stacklevel=2,
            )
        return parents

    def closure_in(
        self, vocabulary: ArrayLike | Iterable[str], max_steps: int | None = None
    ) -> sparse.csr_matrix:
        """Return which terms of a vocabulary are ancestors of which.

        A term of the ontology stands for a term of the vocabulary if its whole name, or an alias,
        is spelled like it: as for :func:`match_terms`, case, hyphens, plurals, words written
        together or apart and stop words between others do not matter. Names go before aliases:
        what is the name of one term is no alias of another. The way to an ancestor may lead
        over terms that the vocabulary lacks.

        Parameters
        ----------
        vocabulary : TermVectorizer or sequence of str, shape (n_terms,)
            A fitted vectorizer, whose kept terms are taken, or the terms.
        max_steps : int or None, default=None
            Number of relations up to which is looked. If None, there is no limit.

        Returns
        -------
        closure : scipy.sparse.csr_matrix of bool, shape (n_terms, n_terms)
            Entry (i, j) is True where term j is an ancestor of term i; the diagonal is False.

        Raises
        ------
        InvalidInputError
            If `vocabulary` is no list of strings, two terms of it cannot be told apart, or
            `max_steps` is not a positive integer.
        """
        _graph.check_steps(max_steps)
        spelling, terms = lexicon_in(vocabulary)
        columns = self._columns(spelling, terms)
        pairs = {
            (child, parent)
            for row, children in enumerate(columns)
            if children
            for above in _graph.reached([row], self._above, max_steps)
            for parent in columns[above]
            for child in children
            if child != parent
        }
        rows, parents = np.array(sorted(pairs), dtype=int).reshape(-1, 2).T
        shape = (len(terms), len(terms))
        return sparse.csr_matrix((np.ones(len(rows), dtype=bool), (rows, parents)), shape=shape)

    def pairs_in(
        self, vocabulary: ArrayLike | Iterable[str], max_steps: int | None = 1
    ) -> pd.DataFrame:
        """Return the pairs of a term and its ancestor which a vocabulary holds both of.

        Parameters
        ----------
        vocabulary : TermVectorizer or sequence of str, shape (n_terms,)
            As for :meth:`closure_in`, which says when a term is held.
        max_steps : int or None, default=1
            Number of relations up to which is looked: 1 gives parents. If None, there is no limit.

        Returns
        -------
        pairs : pandas.DataFrame
            ``child`` and ``parent``, terms of the vocabulary in its order, each pair once.

        Raises
        ------
        InvalidInputError
            As :meth:`closure_in`.
        """
        closure = self.closure_in(vocabulary, max_steps)
        terms = np.array(lexicon_in(vocabulary)[1], dtype=object)
        rows, columns = closure.nonzero()
        return pd.DataFrame({"child": terms[rows], "parent": terms[columns]})

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Row of each id."""
        return {term_id: row for row, term_id in enumerate(self.terms["id"])}

    @cached_property
    def _upward(self) -> pd.DataFrame:
        """Relations to broader terms, those that go first first."""
        rank = self.relations["relation"].map({name: i for i, name in enumerate(self.broader)})
        return self.relations.loc[rank.dropna().sort_values(kind="stable").index]

    @cached_property
    def _above(self) -> list[list[int]]:
        return self._neighbours("child", "parent")

    @cached_property
    def _below(self) -> list[list[int]]:
        return self._neighbours("parent", "child")

    def _neighbours(self, start: str, end: str) -> list[list[int]]:
        """Return the rows to which relations lead from each row."""
        links: list[dict[int, None]] = [{} for _ in range(len(self))]
        for first, second in zip(self._upward[start], self._upward[end], strict=True):
            links[self._rows[first]][self._rows[second]] = None
        return [list(rows) for rows in links]

    @cached_property
    def _called(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Rows of each name, and of each alias, in lower case."""
        named: dict[str, list[int]] = {}
        also: dict[str, list[int]] = {}
        for row, (name, aliases) in enumerate(
            zip(self.terms["name"], self.terms["aliases"], strict=True)
        ):
            named.setdefault(folded(name), []).append(row)
            for alias in aliases:
                also.setdefault(folded(alias), []).append(row)
        return named, also

    def _found(self, term: str) -> list[int]:
        """Return the rows of the terms that are so called."""
        if not isinstance(term, str):
            raise InvalidInputError(f"term: expected an id or a name, got {term!r}.")
        if term in self._rows:
            return [self._rows[term]]
        for called in self._called:
            if folded(term) in called:
                return called[folded(term)]
        near = difflib.get_close_matches(folded(term), self._called[0], n=3, cutoff=0.8)
        raise InvalidInputError(
            f"term: {term!r} is no id, name or alias of the {len(self)} terms"
            + (f"; near are {', '.join(map(repr, near))}." if near else "; see `terms`.")
        )

    def _reached(
        self, starts: list[int], neighbours: list[list[int]], max_steps: int | None
    ) -> pd.DataFrame:
        _graph.check_steps(max_steps)
        steps = _graph.reached(starts, neighbours, max_steps)
        found = self.terms.iloc[list(steps)][["id", "name"]].reset_index(drop=True)
        return found.assign(steps=np.array([*steps.values()], dtype=int))

    def _columns(self, spelling: Lexicon, vocabulary: Sequence[str]) -> list[list[int]]:
        """Return the columns of the vocabulary that each term stands for."""
        column = {term: index for index, term in enumerate(vocabulary)}
        names = [spelling.whole(name) for name in self.names]
        taken = set(names)
        columns = []
        for name, aliases in zip(names, self.terms["aliases"], strict=True):
            others = (spelling.whole(alias) for alias in aliases)
            held = dict.fromkeys([name, *(alias for alias in others if alias not in taken)])
            columns.append([column[term] for term in held if term is not None])
        return columns


def warn_of(ontology: Ontology, notes: list[str]) -> None:
    """Warn once of what a loader has noted and of circles, at the loader's caller."""
    circles = ontology.circles()
    if circles:
        notes = [*notes, _told(ontology, circles)]
    if notes:
        warnings.warn("; ".join(notes) + ".", DataWarning, stacklevel=3)


def _told(ontology: Ontology, circles: list[tuple[str, ...]]) -> str:
    names = [repr(ontology.names[ontology._rows[term_id]]) for term_id in circles[0]]
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(circles)} circles of relations lead from a term back to itself, one of {shown}"
