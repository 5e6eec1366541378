"""Texts of studies are found by words and their meanings."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm.search.study_texts import StudyTexts
from sklearn_mnm.text import contiguous_parts

TERMS = ["memory", "working memory", "pain", "heat"]
PRESENT = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]], float)
ROOT = np.sqrt(0.5)
DIRECTIONS = np.array([[1, 0], [1, 0], [0, 1], [ROOT, ROOT]])


def texts(directions=None):
    parts = sparse.csr_matrix(contiguous_parts(TERMS)) + sparse.identity(4)
    return StudyTexts.from_studies(sparse.csr_matrix(PRESENT), parts, directions)


def test_words_are_weighted_by_information_with_the_parts_of_terms():
    held = PRESENT.copy()
    held[1, 0] = 1  # working memory holds memory
    information = -np.log((held.sum(axis=0) - 0.5) / 5)
    vectors = held * information
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1)
    found = texts()
    np.testing.assert_allclose(found.information, information)
    np.testing.assert_allclose(
        found.similarity(sparse.csr_matrix(PRESENT)), unit @ unit.T, atol=1e-6
    )


def test_meanings_tell_apart_studies_that_share_no_word():
    query = sparse.csr_matrix(np.array([[0, 0, 0, 1.0]]))
    words, both = texts().similarity(query)[0], texts(DIRECTIONS).similarity(query)[0]
    assert words[0] == words[1] == words[2] == 0
    np.testing.assert_allclose(both[:3] - words[:3], 0.5 * ROOT, atol=1e-6)
    assert both.argmax() == words.argmax() == 3


@pytest.mark.parametrize("directions", [None, DIRECTIONS])
def test_a_text_without_a_term_is_like_none(directions):
    nothing = sparse.csr_matrix((1, 4))
    np.testing.assert_array_equal(texts(directions).similarity(nothing), np.zeros((1, 5)))


def test_how_often_a_term_is_written_does_not_matter():
    once, often = (sparse.csr_matrix(np.array([[0, 0, n, 1.0]])) for n in (1, 7))
    np.testing.assert_array_equal(
        texts(DIRECTIONS).similarity(once), texts(DIRECTIONS).similarity(often)
    )
