"""Scorers for model selection: what ``scoring=`` of scikit-learn takes.

All take a fitted :class:`~sklearn_mnm.HyperbolicBrainTextEmbedder`, or a Pipeline that ends in
one, with text features, or texts, and region activations; or an :class:`~sklearn_mnm.MNMEncoder`
or :class:`~sklearn_mnm.MNMDecoder` with texts and maps of any form, or a
:class:`~sklearn_mnm.Studies` that holds both. A search that is refitted, as in nested
cross-validation, is scored by its best estimator.

Higher is better. Scores are shares between 0 and 1, or a correlation, where the functions of
:mod:`sklearn_mnm.metrics` give percent. Pairs whose map is zero everywhere have nothing to be
found or predicted and are left out, with a warning.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._base import BrainTextEstimator
from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.decoder import MNMDecoder
from sklearn_mnm.embedder import HyperbolicBrainTextEmbedder
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.metrics.hierarchy import radial_order
from sklearn_mnm.metrics.pairs import dice_top, map_correlation, mix_and_match, recall_at_k
from sklearn_mnm.model.checks import checked_activations
from sklearn_mnm.model.inputs import check_pairs, target_columns
from sklearn_mnm.model.pairing import paired

_DIRECTIONS = ("both", "text_to_brain", "brain_to_text")


class _Pairs(NamedTuple):
    """Texts and maps of the same studies, as a fitted model sees them."""

    embedder: HyperbolicBrainTextEmbedder
    text_points: np.ndarray
    activations: np.ndarray

    def brain_points(self) -> np.ndarray:
        return self.embedder.transform_brain(self.activations)

    def similarity(self) -> np.ndarray:
        return self.embedder.similarity(self.text_points, self.brain_points())

    def predicted(self) -> np.ndarray:
        return self.embedder.inverse_transform(self.text_points)

    def rows(self, rows: np.ndarray) -> "_Pairs":
        return _Pairs(self.embedder, self.text_points[rows], self.activations[rows])


class _Scorer:
    """A scorer as scikit-learn calls it."""

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score a fitted model on paired texts and maps.

        Parameters
        ----------
        estimator : HyperbolicBrainTextEmbedder, Pipeline, MNMEncoder, MNMDecoder or search
            Fitted.
        X, y
            As the `score` of `estimator` takes them.

        Returns
        -------
        score : float

        Raises
        ------
        InvalidInputError
            If texts and maps do not pair, no map has any activation, or there are too few pairs.

        Warns
        -----
        DataWarning
            With counts, if pairs without activation, or those that fill no pool, are left out.
        """
        return self._measure(_pairs(estimator, X, y))

    def _measure(self, pairs: _Pairs) -> float:
        raise NotImplementedError


@dataclass(frozen=True)
class RecallScorer(_Scorer):
    """Share of studies whose partner is among the first k candidates; see :func:`recall_scorer`.

    Attributes
    ----------
    k : int
        Length of the list that is looked at.
    direction : {"both", "text_to_brain", "brain_to_text"}
        What is searched for what.
    pool_size : int or None
        Number of candidates. If None, all pairs that are given.
    random_state : int
        Of the order in which pairs are dealt into pools.
    """

    k: int = 10
    direction: str = "both"
    pool_size: int | None = None
    random_state: int = 0

    def __post_init__(self) -> None:
        check_count(self.k, "k")
        check_count(self.random_state, "random_state", least=0)
        if self.direction not in _DIRECTIONS:
            raise InvalidInputError(f"direction={self.direction!r}: choose one of {_DIRECTIONS}.")
        if self.pool_size is not None:
            check_count(self.pool_size, "pool_size", least=2)
            self._check_pool(self.pool_size, "pool_size")

    @property
    def name(self) -> str:
        """A name that says what is measured, e.g. ``"recall_at_10_of_100"``."""
        prefix = "" if self.direction == "both" else f"{self.direction}_"
        suffix = "" if self.pool_size is None else f"_of_{self.pool_size}"
        return f"{prefix}recall_at_{self.k}{suffix}"

    def _measure(self, pairs: _Pairs) -> float:
        pools = self._pools(len(pairs.activations))
        return float(np.mean([self._recall(pairs.rows(pool).similarity()) for pool in pools]))

    def chance(self, n_pairs: int | None = None) -> float:
        """Score that is expected of a model that has learnt nothing.

        Parameters
        ----------
        n_pairs : int, default=None
            Number of pairs that are scored; of no effect if `pool_size` is given.

        Returns
        -------
        chance : float
            k out of the number of candidates.

        Raises
        ------
        InvalidInputError
            If the number of candidates is not known.
        """
        if self.pool_size is not None:
            return self.k / self.pool_size
        if n_pairs is None:
            raise InvalidInputError(
                "n_pairs=None: without pool_size chance depends on the number of pairs that are "
                "scored. Give it, or a pool_size to the scorer."
            )
        check_count(n_pairs, "n_pairs")
        return min(self.k / n_pairs, 1.0)

    def _recall(self, similarity: np.ndarray) -> float:
        recalls = []
        if self.direction != "brain_to_text":
            recalls.append(recall_at_k(similarity, self.k))
        if self.direction != "text_to_brain":
            recalls.append(recall_at_k(similarity.T, self.k))
        return float(np.mean(recalls)) / 100

    def _pools(self, n_pairs: int) -> list[np.ndarray]:
        if self.pool_size is None:
            self._check_pool(n_pairs, "the number of pairs")
            return [np.arange(n_pairs)]
        n_pools, n_left = divmod(n_pairs, self.pool_size)
        if n_pools == 0:
            raise InvalidInputError(
                f"pool_size={self.pool_size}: there are only {n_pairs} pairs to score. Take "
                "smaller pools, or fewer and thus larger test sets."
            )
        if n_left:
            warnings.warn(
                f"{n_left} of {n_pairs} pairs fill no pool of pool_size={self.pool_size} and are "
                "left out of the score.",
                DataWarning,
                stacklevel=4,
            )
        order = np.random.default_rng(self.random_state).permutation(n_pairs)
        return list(order[: n_pools * self.pool_size].reshape(n_pools, self.pool_size))

    def _check_pool(self, n_candidates: int, what: str) -> None:
        if self.k >= n_candidates:
            raise InvalidInputError(
                f"k={self.k}: recall is 1 whatever the model, as {what} is {n_candidates}. Take a "
                "smaller k or more candidates."
            )


@dataclass(frozen=True)
class BrainTextScorer(_Scorer):
    """A measure that does not depend on how many pairs are scored; see :data:`SCORERS`.

    Attributes
    ----------
    name : {"mix_and_match", "map_correlation", "map_dice", "radial_order"}
        What is measured.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in tuple(_MEASURES):
            raise InvalidInputError(f"name={self.name!r}: choose one of {tuple(_MEASURES)}.")

    def _measure(self, pairs: _Pairs) -> float:
        return _MEASURES[self.name](pairs)


def recall_scorer(
    k: int = 10,
    direction: str = "both",
    *,
    pool_size: int | None = None,
    random_state: int = 0,
) -> RecallScorer:
    """Make a scorer of retrieval: how often the partner is among the first k candidates.

    Recall depends on the number of candidates, k of them by chance: only scores from pools of
    one size compare. Give `pool_size` where test sets differ in size, as those of grouped splits
    and of successive halving do, or where scores are to compare with those of other corpora.

    Parameters
    ----------
    k : int, default=10
        Length of the list that is looked at.
    direction : {"both", "text_to_brain", "brain_to_text"}, default="both"
        Whether brains are searched for a text, texts for a brain, or both, which are averaged.
    pool_size : int or None, default=None
        Number of candidates, more than `k`. Pairs are shuffled and dealt into pools of exactly
        this size, over which the score is averaged; those that fill no pool are left out. None
        compares each study with all pairs that are given, as the `score` of the embedder does.
    random_state : int, default=0
        Of the order in which pairs are dealt: the same pairs make the same pools every time.

    Returns
    -------
    scorer : RecallScorer
        ``scorer(estimator, X, y)`` is between 0 and 1; :meth:`RecallScorer.chance` is what to
        compare it with. Candidates that tie with the partner count against the model, so
        contrasts of one paper that share a text cost recall.

    Raises
    ------
    InvalidInputError
        If `k`, `direction`, `pool_size` or `random_state` is none of the above.

    Examples
    --------
    >>> from sklearn_mnm.scorers import recall_scorer
    >>> scorer = recall_scorer(10, pool_size=100)
    >>> scorer
    RecallScorer(k=10, direction='both', pool_size=100, random_state=0)
    >>> scorer.name, scorer.chance()
    ('recall_at_10_of_100', 0.1)
    """
    return RecallScorer(k, direction, pool_size, random_state)


def get_scorer(scoring: str) -> RecallScorer | BrainTextScorer:
    """Look up a scorer by name.

    Parameters
    ----------
    scoring : str
        One of :data:`SCORERS`. For other lists and pools see :func:`recall_scorer`.

    Returns
    -------
    scorer : RecallScorer or BrainTextScorer
        For ``scoring=`` of scikit-learn's cross-validation and searches.

    Raises
    ------
    InvalidInputError
        If there is no such scorer.

    Examples
    --------
    >>> from sklearn_mnm.scorers import get_scorer
    >>> get_scorer("map_correlation")
    BrainTextScorer(name='map_correlation')
    """
    if scoring not in tuple(SCORERS):
        raise InvalidInputError(
            f"scoring={scoring!r}: choose one of {sorted(SCORERS)}, or make one with "
            "recall_scorer(k, direction, pool_size=...)."
        )
    return SCORERS[scoring]


def _pairs(estimator: Any, X: Any, y: Any) -> _Pairs:
    """Text points and activations of the studies that have any."""
    embedder, points, activations = _all_pairs(estimator, X, y)
    # An array of our own even where embedders are set to give data frames.
    pairs = _Pairs(embedder, np.array(points), activations)
    n_maps = len(pairs.activations)
    check_pairs(len(pairs.text_points), n_maps)
    active = pairs.activations.any(axis=1)
    if not active.any():
        raise InvalidInputError(f"All {n_maps} maps are zero everywhere; nothing can be scored.")
    if active.all():
        return pairs
    warnings.warn(
        f"{int((~active).sum())} of {n_maps} pairs are left out of the score: their maps are zero "
        "everywhere.",
        DataWarning,
        stacklevel=3,
    )
    return pairs.rows(np.flatnonzero(active))


def _all_pairs(estimator: Any, X: Any, y: Any) -> _Pairs:
    if hasattr(estimator, "best_estimator_"):  # a search
        return _all_pairs(estimator.best_estimator_, X, y)
    if isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return _all_pairs(estimator[-1], X, y)
    if isinstance(estimator, HyperbolicBrainTextEmbedder):
        check_is_fitted(estimator)
        activations = checked_activations(y, "y", estimator.n_regions_)
        return _Pairs(estimator, estimator.transform(X), activations)
    if isinstance(estimator, BrainTextEstimator):
        check_is_fitted(estimator)
        if y is None and not isinstance(X, Studies):
            raise InvalidInputError("y=None: give both texts and maps, or a Studies as X.")
        X, y, _, _ = paired(X, y)
        given, other = X, X if y is None else target_columns(y)
        decodes = isinstance(estimator, MNMDecoder)
        texts, maps = (other, given) if decodes else (given, other)
        activations = estimator._observed(maps, "X" if decodes or y is None else "y")
        points = estimator._text_points(texts)
        return _Pairs(estimator.embedder_, points, activations)
    raise InvalidInputError(
        f"estimator is a {type(estimator).__name__}; scores are known of a "
        "HyperbolicBrainTextEmbedder, a Pipeline that ends in one, an MNMEncoder, an MNMDecoder, "
        "and of searches over these that were fitted with refit."
    )


def _mix_and_match(pairs: _Pairs) -> float:
    similarity = pairs.similarity()
    return (mix_and_match(similarity) + mix_and_match(similarity.T)) / 200


def _map_correlation(pairs: _Pairs) -> float:
    return float(map_correlation(pairs.predicted(), pairs.activations).mean())


def _map_dice(pairs: _Pairs) -> float:
    return float(dice_top(pairs.predicted(), pairs.activations).mean())


def _radial_order(pairs: _Pairs) -> float:
    return radial_order(pairs.text_points, pairs.brain_points()) / 100


_MEASURES: dict[str, Callable[[_Pairs], float]] = {
    "mix_and_match": _mix_and_match,
    "map_correlation": _map_correlation,
    "map_dice": _map_dice,
    "radial_order": _radial_order,
}

#: Scorers by name:
#:
#: - ``"recall_at_10"``, ``"text_to_brain_recall_at_10"``, ``"brain_to_text_recall_at_10"``: see
#:   :func:`recall_scorer`; the candidates are all pairs of the test set.
#: - ``"mix_and_match"``: mean share of wrong candidates ranked below the partner, over both
#:   directions; chance is 0.5. See :func:`~sklearn_mnm.metrics.mix_and_match`.
#: - ``"map_correlation"``: mean correlation of predicted and observed maps over regions. See
#:   :func:`~sklearn_mnm.metrics.map_correlation`.
#: - ``"map_dice"``: mean overlap of their highest twentieth of regions. See
#:   :func:`~sklearn_mnm.metrics.dice_top`.
#: - ``"radial_order"``: share of texts nearer to the origin than their own map, as the hierarchy
#:   of the space wants it; where radii tell nothing, 0.5. See
#:   :func:`~sklearn_mnm.metrics.radial_order`.
#:
#: What is predicted for any text, e.g. the mean map, is far above zero in the scores of maps:
#: compare models with each other by them.
SCORERS: dict[str, RecallScorer | BrainTextScorer] = {
    **{scorer.name: scorer for scorer in (RecallScorer(10, way) for way in _DIRECTIONS)},
    **{name: BrainTextScorer(name) for name in _MEASURES},
}
