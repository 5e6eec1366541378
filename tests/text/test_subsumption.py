"""Which terms of a vocabulary are parts of which."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text import contiguous_parts
from sklearn_mnm.text.subsumption import parts_of_names

PROPERTY = settings(max_examples=100, derandomize=True)
WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join)


@PROPERTY
@given(st.lists(WORDS, max_size=12, unique=True))
def test_a_part_is_a_run_of_whole_words(vocabulary):
    parts = contiguous_parts(vocabulary)
    assert parts.shape == (len(vocabulary), len(vocabulary))
    assert parts.dtype == bool
    expected = [[f" {part} " in f" {term} " for part in vocabulary] for term in vocabulary]
    np.testing.assert_array_equal(parts.toarray(), np.reshape(expected, parts.shape))


def test_words_are_compared_as_the_vectorizer_does():
    vocabulary = ["Go/No-Go task", "no-go", "task", "tasks", "go-no task"]
    assert contiguous_parts(vocabulary).toarray()[0].tolist() == [True, True, True, False, False]


def test_of_a_vectorizer_the_kept_terms_are_taken():
    counts = np.array([[1, 1, 1], [1, 0, 1]])
    vectorizer = TermVectorizer(["memory", "pain", "working memory"], min_df=2).fit(counts)
    assert contiguous_parts(vectorizer).toarray().tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("memory", "vocabulary: expected several strings"),
        (["memory", "Memory"], "cannot be told apart"),
        (["-"], "has no letter or digit"),
    ],
)
def test_vocabularies_that_make_no_sense_are_refused(vocabulary, message):
    with pytest.raises(InvalidInputError, match=message):
        contiguous_parts(vocabulary)


def test_the_vocabulary_of_neuroquery_takes_a_moment(real_data):
    vocabulary = load_database(real_data / "neuroquery").vocabulary
    start = time.process_time()
    parts = contiguous_parts(vocabulary)
    assert time.process_time() - start < 1
    assert parts.shape == (7547, 7547)
    assert parts.nnz == 13632
    row = list(vocabulary).index("auditory working memory")
    assert sorted(np.array(vocabulary)[parts[row].indices]) == [
        "auditory", "auditory working memory", "memory", "working", "working memory"
    ]  # fmt: skip


def test_names_that_are_no_terms_have_no_parts():
    whole = parts_of_names(["memory", "working memory"])
    assert whole.toarray().tolist() == [[True, False], [True, True]]
    for names in (["Memory", "memory", "working memory"], ["+", "a b", "a"], [0, 1, 2]):
        assert parts_of_names(names).toarray().tolist() == np.eye(3, dtype=bool).tolist()
