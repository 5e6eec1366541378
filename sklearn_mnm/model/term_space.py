"""Terms as points: radius by information, direction by what they occur with."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from sklearn_mnm.nn.held_terms import LEAST_INFORMATION, held_terms, term_information

if TYPE_CHECKING:
    from sklearn_mnm.nn.term_directions import LogConditional

# Dimensions of the directions at most.
LARGEST_DIMENSION = 128
# Of the norm by which the information of the terms of a text becomes that of the text: near to
# the largest, as terms of one text are far from independent, yet more terms never tell less.
_NORM = 5
# Studies by which pairs that are rarely seen together are drawn to independence.
_PSEUDO_PAIRS = 5.0
# Steps of training in an epoch, fewer where there are few studies. More lower the loss by less than
# 1 % and find no more ancestors.
_STEPS, _STUDIES_A_STEP = 16, 40


class TermSpace(NamedTuple):
    r"""Information and direction of each term, and of texts by their terms.

    The information of a term is :math:`I_j = -\ln((n_j - 1/2) / n)`, of the number of studies that
    hold it or a longer term that holds it; that of a text is the 5-norm of the information of its
    terms, so that a part of a text never tells more than the text. The radius of a point is half
    the information. Directions are unit vectors, those of texts weighted sums of those of their
    terms, learnt so that detours are conditional probabilities
    (:mod:`sklearn_mnm.geometry.information`).

    Attributes
    ----------
    directions : ndarray of shape (n_terms, n_dimensions), float32
        Unit rows.
    information : ndarray of shape (n_terms,)
        In nats.
    parts : csr_matrix of shape (n_terms, n_terms), bool
        Which terms hold which, themselves included.
    """

    directions: np.ndarray
    information: np.ndarray
    parts: Any

    @classmethod
    def fit(
        cls,
        features: Any,
        parts: Any = None,
        *,
        n_dimensions: int,
        n_epochs: int,
        seed: int,
        log_conditional: "LogConditional | None" = None,
    ) -> "TermSpace":
        """Learn from the texts of a corpus.

        Parameters
        ----------
        features : array or csr_matrix of shape (n_studies, n_terms)
            Weights of terms, none negative.
        parts : sparse matrix of shape (n_terms, n_terms) or None, default=None
            Not 0 where the term of a row holds that of a column, e.g. "working memory" and
            "memory"; transitive. If None, no term holds another.
        n_dimensions : int
            At most; there are no more than terms.
        n_epochs : int
            Of training; 0 keeps the start, the leading directions of the pointwise mutual
            information (Levy and Goldberg 2014, Neural word embedding as implicit matrix
            factorization).
        seed : int
        log_conditional : callable or None, default=None
            See :func:`~sklearn_mnm.nn.term_directions.train_directions`. If None, the hyperbolic
            one.

        Returns
        -------
        space : TermSpace
        """
        # Imported late: only fitting needs torch, and it would slow the loading of a model.
        from sklearn_mnm.nn.term_directions import (
            TermData,
            hyperbolic_log_conditional,
            train_directions,
        )

        features = sparse.csr_matrix(features, dtype=np.float32)
        n_studies, n_terms = features.shape
        parts = _reflexive(parts, n_terms)
        held = held_terms(features, parts)
        pairs = np.asarray((held.T @ held).todense(), dtype=np.float32)
        information = term_information(np.diagonal(pairs), n_studies)
        space = cls(np.empty((n_terms, 0), np.float32), information, parts)
        start = _mutual_directions(pairs, n_studies, min(n_dimensions, n_terms), seed)
        n_steps = n_epochs * min(_STEPS, -(-n_studies // _STUDIES_A_STEP))
        data = TermData(features, held, parts, pairs, information, space.text_information)
        directions = train_directions(
            start,
            data,
            n_steps=n_steps,
            seed=seed,
            log_conditional=log_conditional or hyperbolic_log_conditional,
        )
        return space._replace(directions=directions)

    def held(self, features: Any) -> Any:
        """Which terms texts hold, (n_texts, n_terms) -> csr_matrix of ones of that shape."""
        return held_terms(sparse.csr_matrix(features), self.parts)

    def text_information(self, held: Any) -> np.ndarray:
        """Information of texts that hold these terms, (n_texts, n_terms) -> (n_texts,)."""
        largest = self.information.max(initial=LEAST_INFORMATION)
        total = held @ (self.information / largest) ** _NORM
        return largest * np.asarray(total).ravel() ** (1 / _NORM)

    def text_directions(self, features: Any) -> np.ndarray:
        """Sum the directions of the terms of texts to unit rows, zeros where there is none."""
        summed = np.asarray(features @ self.directions, dtype=np.float64)
        norms = np.linalg.norm(summed, axis=1, keepdims=True)
        return summed / np.where(norms > 0, norms, 1)


def are_term_weights(features: Any) -> bool:
    """Whether features can be weights of terms: none negative, and not all there everywhere."""
    values: np.ndarray = features.data if hasattr(features, "tocsr") else np.asarray(features)
    size = int(np.prod(features.shape))
    return bool(values.min(initial=0) >= 0 and np.count_nonzero(values) < size)


def _reflexive(parts: Any, n_terms: int) -> Any:
    identity = sparse.identity(n_terms, dtype=bool, format="csr")
    if parts is None:
        return identity
    held: Any = sparse.csr_matrix(parts, dtype=np.float32) + identity.astype(np.float32)
    return (held != 0).tocsr()


def _mutual_directions(pairs: np.ndarray, n_studies: int, n: int, seed: int) -> np.ndarray:
    """Leading directions of the positive pointwise mutual information of terms, unit rows."""
    counts = np.maximum(np.diagonal(pairs), 1)
    with np.errstate(divide="ignore"):
        mutual = np.log(pairs * np.float32(n_studies))
    mutual -= np.log(counts)[:, np.newaxis]
    mutual -= np.log(counts)[np.newaxis, :]
    np.maximum(mutual, 0, out=mutual)
    mutual *= pairs / (pairs + np.float32(_PSEUDO_PAIRS))
    np.fill_diagonal(mutual, 0)
    left, values, _ = randomized_svd(mutual, n, n_iter=4, random_state=seed)
    directions = left * np.sqrt(values)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    # Terms without company point anywhere: in many dimensions, away from all others.
    anywhere = np.random.default_rng(seed).normal(size=directions.shape)
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    known = norms > 1e-6 * max(float(norms.max(initial=0.0)), 1e-30)
    return np.where(known, directions / np.where(known, norms, 1), anywhere).astype(np.float32)
