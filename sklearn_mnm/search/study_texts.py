"""Studies whose texts are like another, by words and by what words mean: maps play no part."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from sklearn_mnm.nn.held_terms import held_terms, term_information

# Of the cosine of meanings beside that of words, which decides among studies of the same words.
_MEANING = 0.5


class StudyTexts(NamedTuple):
    """Words of the studies of a fit, and how like them the words of another text are.

    The similarity is the cosine of vectors of terms, each weighted by its information
    ``-ln(share of the studies that hold it)``, with the parts of terms counted; plus half the
    cosine of the meanings, the sums of the directions of the terms weighted alike. Directions are
    learnt from which terms studies share. Nothing of this has seen a map, so that studies are
    chosen blind to their peaks.

    Attributes
    ----------
    words : csr_matrix of shape (n_studies, n_terms), float32
        Unit rows, or zeros.
    meanings : ndarray of shape (n_studies, n_dimensions), float32, or None
        Unit rows, or zeros; None if directions of terms are not known.
    information : ndarray of shape (n_terms,)
        In nats.
    parts : csr_matrix of shape (n_terms, n_terms)
        Which terms hold which, themselves included.
    directions : ndarray of shape (n_terms, n_dimensions) or None
        Unit rows.
    """

    words: sparse.csr_matrix
    meanings: np.ndarray | None
    information: np.ndarray
    parts: sparse.csr_matrix
    directions: np.ndarray | None

    @classmethod
    def from_studies(
        cls, present: sparse.csr_matrix, parts: sparse.csr_matrix, directions: np.ndarray | None
    ) -> "StudyTexts":
        """Weigh the terms of studies.

        Parameters
        ----------
        present : csr_matrix of shape (n_studies, n_terms)
            Not 0 where a study holds a term.
        parts : csr_matrix of shape (n_terms, n_terms)
            Not 0 where the term of a row holds that of a column.
        directions : ndarray of shape (n_terms, n_dimensions) or None
            See above.

        Returns
        -------
        texts : StudyTexts
        """
        held = held_terms(present, parts)
        information = term_information(np.asarray(held.sum(axis=0)).ravel(), held.shape[0])
        placed = _placed(present, held, information, directions)
        return cls(*placed, information, parts, directions)

    def similarity(self, present: sparse.csr_matrix) -> np.ndarray:
        """Compare texts with those of the studies.

        Parameters
        ----------
        present : csr_matrix of shape (n_texts, n_terms)
            Not 0 where a text holds a term.

        Returns
        -------
        similarity : ndarray of shape (n_texts, n_studies), float64
            Between -0.5 and 1.5; 0 with a text without a term.
        """
        held = held_terms(present, self.parts)
        words, meanings = _placed(present, held, self.information, self.directions)
        # The transpose of few rows, as scipy sorts all that it transposes.
        similarity = np.asarray((self.words @ words.T).T.todense(), dtype=np.float64)
        if meanings is not None:
            similarity += _MEANING * (meanings @ np.asarray(self.meanings).T)
        return similarity


def _placed(
    present: Any, held: Any, information: np.ndarray, directions: np.ndarray | None
) -> tuple[sparse.csr_matrix, np.ndarray | None]:
    """Make unit rows of words, by the terms that are held, and of meanings, by those written."""
    words = normalize(sparse.csr_matrix(held.multiply(information), dtype=np.float32))
    if directions is None:
        return words, None
    weights = sparse.csr_matrix(present != 0, dtype=np.float32).multiply(information)
    return words, normalize(np.asarray(weights @ directions, dtype=np.float32))
