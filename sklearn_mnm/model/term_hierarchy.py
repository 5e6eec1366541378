"""Which terms hold for a text, how surely, and the way from a text up to the general."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from sklearn_mnm.geometry.information import pairwise_log_conditional, radius_from_information

# Studies that the space counts for beside those that hold a text: fewer say less than it does.
_PSEUDO_STUDIES = 20.0
# Weight of the information of a term in the order of ancestors: 0 gives the surest terms, which
# are the most frequent ones, 1 those with the highest lift, which are the rarest.
_INFORMATION_WEIGHT = 0.5
# Steps of a walk have at least this share of the lift that they could have.
_LEAST_LIFT = 0.35
# Probability that they have at least.
_LEAST_PROBABILITY = 0.2
# Terms of a walk: in at least this share of the studies, by themselves in this share of those, and
# more concentrated than this share of the terms as frequent.
_LEAST_SHARE, _LEAST_ALONE, _LEAST_TOPICALITY = 0.0025, 0.4, 0.55
_NEIGHBOURS = 80
# Lifts given a term that are kept, as many numbers as there are terms each.
_LIFTS_KEPT = 512


@dataclass(frozen=True, eq=False)
class TermHierarchy:
    r"""Terms of a corpus as points, and the studies that hold them.

    The probability that a study which holds the words of a text x also holds a term a is
    estimated from the :math:`n_x` studies that hold all of these words and from the space,

    .. math:: P(a | x) = \frac{n_{ax} + k e^{-\delta}}{n_x + k}, \quad k = 20,

    with the detour :math:`\delta` from the root to x through a, so that rare terms and long texts,
    which no study holds, are judged by what they are near to.

    Attributes
    ----------
    terms : ndarray of shape (n_terms,), object
    points : ndarray of shape (n_terms, d + 1)
        Time coordinate first.
    information : ndarray of shape (n_terms,)
        In nats.
    held : csc_matrix of shape (n_studies, n_terms), float32
        1 where a study holds a term.
    is_topic : ndarray of shape (n_terms,), bool
        Terms that walks may meet: no function words, no fragments.
    curvature : float
    """

    terms: np.ndarray
    points: np.ndarray
    information: np.ndarray
    held: Any
    is_topic: np.ndarray
    curvature: float

    @classmethod
    def from_studies(
        cls,
        terms: np.ndarray,
        points: np.ndarray,
        information: np.ndarray,
        present: Any,
        written: Any,
        held: Any,
        curvature: float,
    ) -> "TermHierarchy":
        """Find out which terms are topics.

        Parameters
        ----------
        terms, points, information, curvature
            See above.
        present, written, held : csr_matrix of shape (n_studies, n_terms)
            Terms of the studies by themselves; also those that are words of longer ones; and
            also broader ones, by an ontology.

        Returns
        -------
        hierarchy : TermHierarchy
        """
        held = sparse.csc_matrix(held, dtype=np.float32)
        counts = np.asarray(held.sum(axis=0)).ravel()
        alone, everywhere = (
            np.asarray((terms_of != 0).sum(axis=0)).ravel() for terms_of in (present, written)
        )
        is_topic = (
            (counts >= _LEAST_SHARE * held.shape[0])
            & (alone >= _LEAST_ALONE * everywhere)
            & (_topicality(held, counts) > _LEAST_TOPICALITY)
        )
        return cls(terms, points, information, held, is_topic, curvature)

    @property
    def n_studies(self) -> np.ndarray:
        """Number of studies that hold each term, shape (n_terms,)."""
        return np.diff(self.held.indptr)

    @property
    def radii(self) -> np.ndarray:
        """Distance of each term from the root, shape (n_terms,)."""
        radii: np.ndarray = radius_from_information(self.information, self.curvature)
        return radii

    def probability(self, points: np.ndarray, held: Any) -> np.ndarray:
        """Probability of each term given each text.

        Parameters
        ----------
        points : ndarray of shape (n_texts, d + 1)
        held : csr_matrix of shape (n_texts, n_terms)
            Terms that the texts hold.

        Returns
        -------
        probability : ndarray of shape (n_texts, n_terms)
            1 for the terms that a text holds.
        """
        prior = np.exp(pairwise_log_conditional(self.points, points, self.curvature).T)
        held = sparse.csr_matrix(held)
        for row in range(len(points)):
            own = held.indices[held.indptr[row] : held.indptr[row + 1]]
            n_own, with_own = self._studies_with(own)
            prior[row] = (with_own + _PSEUDO_STUDIES * prior[row]) / (n_own + _PSEUDO_STUDIES)
            prior[row, own] = 1
        return prior

    def ancestors(self, probability: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
        """Terms that hold for a text and are more general than it, the most telling first.

        Parameters
        ----------
        probability : ndarray of shape (n_terms,)
            Of each term given the text.
        own : ndarray of int
            Terms that the text names, which are left out.
        k : int
            At most so many.

        Returns
        -------
        rows : ndarray of int
        """
        with np.errstate(divide="ignore"):
            scores = np.log(probability) + _INFORMATION_WEIGHT * self.information
        scores[own] = -np.inf
        order = np.argsort(-scores, kind="stable")[:k]
        return order[np.isfinite(scores[order])]

    def descendants(self, term: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Terms for which another holds, and its probability given each of them.

        Parameters
        ----------
        term : int
            Row of the general term.
        k : int
            At most so many.

        Returns
        -------
        rows : ndarray of int
            More special than the term, the nearest first.
        probability : ndarray of shape (len(rows),)
        """
        logs = pairwise_log_conditional(self.points[[term]], self.points, self.curvature)
        with_term = np.asarray(self.held.T @ self.held[:, [term]].toarray()).ravel()
        probability = (with_term + _PSEUDO_STUDIES * np.exp(logs[0])) / (
            self.n_studies + _PSEUDO_STUDIES
        )
        scores = np.log(probability) - (1 - _INFORMATION_WEIGHT) * self.information
        scores[self.information <= self.information[term]] = -np.inf
        order = np.argsort(-scores, kind="stable")[:k]
        order = order[np.isfinite(scores[order])]
        return order, probability[order]

    def walk(
        self, probability: np.ndarray, start: float, own: int | None, n_steps: int, k: int
    ) -> list[np.ndarray]:
        """Walk from a text or map up to the general, each step nearer to the root.

        The radii from the start, or the farthest topic that holds for it, to the most general
        topic are divided into bands, each reaching the same fraction of the one before. In each
        the topics are taken that the start and the step before speak for most: of those whose
        lift given either is at least 0.35 of what it could be, ``-ln P(a)``, and whose
        probability given the start is at least 0.2, the ones with the largest sum of the two
        lifts. A band without is left out.

        Parameters
        ----------
        probability : ndarray of shape (n_terms,)
            Of each term given the start.
        start : float
            Radius from which the walk starts.
        own : int or None
            Term that is the start itself.
        n_steps : int
            Number of bands.
        k : int
            Terms in each, at most.

        Returns
        -------
        steps : list of ndarray of int
            Rows of the terms of each step, the best first.
        """
        radii, lift = self.radii, self.relative_lift(probability)
        holds = self.is_topic & (lift > _LEAST_LIFT) & (probability >= _LEAST_PROBABILITY)
        holds &= radii < start
        if own is not None:
            holds[own] = False
        topics = np.flatnonzero(holds)
        if not len(topics):
            return []
        lowest = radii[topics].min()
        highest = min(start, 1.001 * radii[topics].max())
        edges = np.geomspace(highest, 0.999 * lowest, n_steps + 1)
        steps: list[np.ndarray] = []
        before = np.ones(len(self.terms)) if own is None else self._lift_of_term(own)
        for upper, lower in pairwise(edges):
            inside = topics[(radii[topics] < upper) & (radii[topics] >= lower)]
            inside = inside[before[inside] > _LEAST_LIFT]
            if len(inside):
                order = np.argsort(-(lift + before)[inside], kind="stable")[:k]
                steps.append(inside[order])
                before = self._lift_of_term(int(inside[order[0]]))
        return steps

    def n_studies_with(self, own: np.ndarray) -> int:
        """Count the studies that hold all of these terms."""
        return int(self._studies_with(own)[0])

    def relative_lift(self, probability: np.ndarray) -> np.ndarray:
        """``ln(P(a | x) / P(a)) / -ln P(a)``: 1 if x makes a certain, 0 if it says nothing."""
        return 1 + np.log(np.maximum(probability, 1e-300)) / self.information

    def frame(self, rows: np.ndarray, probability: np.ndarray, **first: int) -> pd.DataFrame:
        """Table of terms: given numbers, ``rank``, ``term``, ``probability`` and what they are.

        Parameters
        ----------
        rows : ndarray of int
            The terms, the best first.
        probability : ndarray of shape (len(rows),)
        **first : int
            Columns that come first, such as the number of the text, the same in all rows.

        Returns
        -------
        frame : DataFrame
            With ``radius`` and ``n_studies`` last.
        """
        return pd.DataFrame(
            {
                **{name: np.full(len(rows), number) for name, number in first.items()},
                "rank": np.arange(1, len(rows) + 1),
                "term": self.terms[rows],
                "probability": probability,
                "radius": self.radii[rows],
                "n_studies": self.n_studies[rows],
            }
        )

    @cached_property
    def _lift_of_term(self) -> Callable[[int], np.ndarray]:
        """Lift given a single term; walks of many texts meet the same few."""

        @lru_cache(_LIFTS_KEPT)
        def lift_of(term: int) -> np.ndarray:
            one = np.ones(1, np.float32), ([0], [term])
            own = sparse.csr_matrix(one, shape=(1, len(self.terms)))
            return self.relative_lift(self.probability(self.points[[term]], own)[0])

        return lift_of

    def _studies_with(self, own: np.ndarray) -> tuple[float, np.ndarray]:
        """Count the studies that hold all of these terms, and among them those with each term."""
        if not len(own):
            return 0.0, np.zeros(len(self.terms))
        with_all = np.asarray(self.held[:, own].sum(axis=1)).ravel() == len(own)
        return float(with_all.sum()), np.asarray(self.held.T @ with_all.astype(np.float32))


def _topicality(held: Any, counts: np.ndarray) -> np.ndarray:
    """Share of the 80 terms nearest in frequency whose company is less unlike that of all.

    The company of a term is the distribution of the terms of the studies that hold it; it is
    compared with that of all studies by the Kullback-Leibler divergence. Words without a topic,
    such as "increased", are in the company of everything.
    """
    n_terms = len(counts)
    pairs = (held.T @ held).tocsr()
    totals = np.asarray(pairs.sum(axis=1)).ravel()
    everywhere = totals / max(totals.sum(), 1)
    shares = pairs.data / np.repeat(np.maximum(totals, 1), np.diff(pairs.indptr))
    terms = shares * np.log(shares / everywhere[pairs.indices])
    divergence = np.add.reduceat(terms, np.minimum(pairs.indptr[:-1], len(terms) - 1))
    order = np.argsort(counts, kind="stable")
    n_near = min(_NEIGHBOURS + 1, n_terms)
    starts = np.clip(np.arange(n_terms) - _NEIGHBOURS // 2, 0, n_terms - n_near)
    near = sliding_window_view(divergence[order], n_near)[starts]
    result = np.empty(n_terms)
    result[order] = (near < divergence[order, np.newaxis]).mean(axis=1)
    return result
