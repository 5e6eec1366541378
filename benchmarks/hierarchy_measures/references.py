"""Rows that need no embedding: counts, and counts with directions of meaning."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from sklearn.utils.extmath import randomized_svd

from benchmarks.hierarchy_measures.corpus import FoldCorpus
from benchmarks.hierarchy_measures.rows import Row
from sklearn_mnm import Studies

N_DIRECTIONS = 128
DAMPING = 5.0
POWER = 5
# Weights of the cosine that are tried on the validation half.
COSINE_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)


def pmi_directions(joint: np.ndarray, n_studies: int, seed: int = 0) -> np.ndarray:
    """Directions of meaning of terms: unit rows of U sqrt(S) of damped pointwise information.

    M_ab = max(ln(n_ab N / (n_a n_b)), 0) n_ab / (n_ab + 5), diagonal 0; U S V' is its singular
    value decomposition of rank 128.

    Parameters
    ----------
    joint : ndarray of shape (n_terms, n_terms)
        Numbers of studies that hold both; on the diagonal those that hold one.
    n_studies : int
    seed : int, default=0

    Returns
    -------
    directions : ndarray of shape (n_terms, n_directions)
        Rows of terms without company are 0.
    """
    count = np.diag(joint)
    expected = np.outer(count, count) / n_studies
    ratio = np.divide(joint, expected, out=np.ones_like(joint), where=joint > 0)
    matrix = np.maximum(np.log(ratio), 0) * joint / (joint + DAMPING)
    np.fill_diagonal(matrix, 0)
    rank = min(N_DIRECTIONS, len(matrix))
    left, values, _ = randomized_svd(matrix, rank, n_iter=4, random_state=seed)
    directions = left * np.sqrt(values)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    return directions / np.where(norms > 0, norms, 1)


def counts_rows(corpus: FoldCorpus, cosine_weights: Sequence[float] = (0.0,)) -> Iterator[Row]:
    """Subsumption by counts, P(a | b) = n_ab / n_b, over closed training studies.

    Sanderson, M., & Croft, B. (1999). Deriving concept hierarchies from text. SIGIR,
    doi:10.1145/312624.312679. A text tells the mean of what its terms tell. The radius is half the
    information, of a text (sum of I_b^5)^(1/5) / 2 over its terms b.

    Parameters
    ----------
    corpus : FoldCorpus
    cosine_weights : sequence of float, default=(0.0,)
        What is added to ln P(a | b), times the cosine of :func:`pmi_directions` of a and b. With
        it the scores are no probabilities any more.

    Yields
    ------
    row : Row
        One for each weight.
    """
    held = corpus.train_occurrence.astype(np.float32)
    joint = (held.T @ held).toarray()
    share = joint / np.maximum(np.diag(joint), 1)[:, None]
    directions = np.zeros((len(joint), 1))
    if any(cosine_weights):
        directions = pmi_directions(joint, len(corpus.train))

    def log_p_terms(weight: float, positions: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            log_p = np.log(share[positions], dtype=np.float64)
        return log_p + weight * (directions[positions] @ directions.T) if weight else log_p

    def log_p_texts(studies: Studies) -> np.ndarray:
        written = corpus.written(studies).astype(np.float64)
        n_terms = written.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.asarray(written @ share / n_terms))

    def text_radius(studies: Studies) -> np.ndarray:
        written = corpus.written(studies).astype(np.float64)
        radius = np.asarray(written @ corpus.information**POWER).ravel() ** (1 / POWER) / 2
        return np.where(radius > 0, radius, np.nan)

    for weight in cosine_weights:
        yield Row(
            title="counts and cosine of meaning" if weight else "counts",
            terms=corpus.terms,
            radius=corpus.information / 2,
            log_p_terms=partial(log_p_terms, weight),
            log_p_texts=log_p_texts,
            text_radius=text_radius,
            has_probabilities=not weight,
            chosen={"weight": weight} if weight else {},
        )
