import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from sklearn_mnm.datasets import load_database
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text import TermVectorizer
from sklearn_mnm.text.matching import LongestTermMatcher

TERMS = ["pain", "memory", "working memory", "theory mind", "fragile x syndrome"]
COUNTS = np.array([[1, 0, 2, 0, 0], [0, 1, 1, 0, 0], [3, 0, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=float)
DOCUMENTS = [
    "Working memory in pain, and working memory again",
    "Memory; working-memory",
    "PAIN pain Pain and the theory of mind",
    "",
]


def test_documents_and_their_counts_give_the_same_features():
    from_counts = TermVectorizer(TERMS, min_df=1).fit(COUNTS)
    from_documents = TermVectorizer(TERMS, min_df=1).fit(DOCUMENTS)
    expected = from_counts.transform(COUNTS).toarray()
    for fitted in (from_counts, from_documents):
        for X in (DOCUMENTS, np.array(DOCUMENTS), pd.Series(DOCUMENTS), tuple(DOCUMENTS), COUNTS):
            np.testing.assert_allclose(fitted.transform(X).toarray(), expected)
    assert expected.any()


def test_weights_are_those_of_scikit_learn():
    counts = sparse.csr_matrix(COUNTS)
    reference = TfidfTransformer(sublinear_tf=True).fit(counts)
    vectorizer = TermVectorizer(min_df=1).fit(counts)
    kept = COUNTS.any(axis=0)
    np.testing.assert_allclose(vectorizer.idf_, reference.idf_[kept])
    np.testing.assert_allclose(
        vectorizer.transform(counts).toarray(), reference.transform(counts).toarray()[:, kept]
    )


@given(
    counts=st.lists(
        st.lists(st.just(0.0) | st.floats(1e-6, 50), min_size=4, max_size=4), min_size=3, max_size=8
    ).filter(lambda rows: np.any(rows))
)
def test_features_are_finite_not_negative_and_of_unit_length_or_zero(counts):
    features = TermVectorizer(min_df=1).fit_transform(np.array(counts)).toarray()
    assert np.isfinite(features).all()
    assert (features >= 0).all()
    lengths = np.linalg.norm(features, axis=1)
    np.testing.assert_allclose(lengths, np.any(counts, axis=1), atol=1e-9)


def test_rare_terms_are_left_out_and_not_named():
    vectorizer = TermVectorizer(TERMS, min_df=2).fit(COUNTS)
    assert vectorizer.get_feature_names_out().tolist() == ["pain", "working memory"]
    assert vectorizer.vocabulary_ == {"pain": 0, "working memory": 1}
    assert vectorizer.kept_columns_.tolist() == [0, 2]
    assert vectorizer.transform(DOCUMENTS).shape == (4, 2)
    # A kept term still takes the words of a longer one away, whether that is kept or not.
    assert vectorizer.transform(["fragile x syndrome"]).nnz == 0


def test_stored_zeros_are_no_occurrences():
    counts = sparse.csr_matrix(COUNTS + np.array([0, 7, 0, 0, 0]))
    counts.data[counts.data == 7] = 0.0  # stored in rows 0, 2, 3 of the column "memory"
    assert TermVectorizer(min_df=2).fit(counts).kept_columns_.tolist() == [0, 2]


def test_rows_without_terms_stay_zero():
    features = TermVectorizer(TERMS, min_df=1).fit(COUNTS).transform(["nothing known here", ""])
    assert features.shape == (2, 4)
    assert features.nnz == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_of_the_counts_is_kept(dtype):
    counts = sparse.csr_matrix(COUNTS, dtype=dtype)
    features = TermVectorizer(min_df=1).fit(counts).transform(counts)
    assert features.dtype == dtype
    assert features.format == "csr"


def test_input_counts_are_not_changed():
    counts = sparse.csr_matrix(COUNTS)
    before = counts.copy()
    TermVectorizer(min_df=1).fit(counts).transform(counts)
    assert (counts != before).nnz == 0


def test_words_are_learnt_from_documents_without_a_vocabulary():
    vectorizer = TermVectorizer(min_df=2).fit(DOCUMENTS)
    assert vectorizer.get_feature_names_out().tolist() == ["memory", "pain", "working"]


def test_names_of_unnamed_columns_and_of_data_frames():
    unnamed = TermVectorizer(min_df=2).fit(COUNTS)
    assert unnamed.get_feature_names_out().tolist() == ["x0", "x2"]
    named = TermVectorizer(min_df=2).fit(pd.DataFrame(COUNTS, columns=TERMS))
    assert named.get_feature_names_out().tolist() == ["pain", "working memory"]


def test_clones_and_pickles_transform_alike():
    vectorizer = TermVectorizer(TERMS, min_df=1).fit(COUNTS)
    expected = vectorizer.transform(DOCUMENTS).toarray()
    for other in (pickle.loads(pickle.dumps(vectorizer)), clone(vectorizer).fit(COUNTS)):
        np.testing.assert_array_equal(other.transform(DOCUMENTS).toarray(), expected)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (COUNTS[:, :3], "3 columns but vocabulary has 5|expecting"),
        (-COUNTS, "Negative values"),
        (np.where(COUNTS == 2, np.nan, COUNTS), "NaN"),
        (["pain", None], r"row 1 is None \(NoneType\)"),
        (["pain", float("nan")], "row 1 is nan"),
        ("pain", "expected several strings"),
        (np.zeros((4, 5)), "min_df=1: no term occurs"),
    ],
)
def test_wrong_input_is_refused_when_fitting(X, message):
    with pytest.raises(ValueError, match=message):
        TermVectorizer(TERMS, min_df=1).fit(X)


def test_wrong_input_is_refused_when_transforming():
    vectorizer = TermVectorizer(TERMS, min_df=1).fit(COUNTS)
    with pytest.raises(ValueError, match="expecting 5 features"):
        vectorizer.transform(COUNTS[:, :4])
    with pytest.raises(InvalidInputError, match="unnamed columns"):
        TermVectorizer(min_df=1).fit(COUNTS).transform(["pain"])


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (["pain", "Pain"], "cannot be told apart"),
        (["pain", "..."], "no letter or digit"),
        ([], "is empty"),
        (["pain", 3], "row 1 is 3"),
    ],
)
def test_wrong_vocabularies_are_refused(vocabulary, message):
    with pytest.raises(InvalidInputError, match=message):
        TermVectorizer(vocabulary).fit(DOCUMENTS)


@pytest.mark.parametrize(
    ("document", "terms"),
    [
        ("Working memory, memory", ["working memory", "memory"]),
        ("theory of mind", ["theory mind"]),
        ("theory mind memory", ["theory mind", "memory"]),
        ("fragile X syndrome", ["fragile x syndrome"]),
        ("a pain", ["pain"]),
        ("working", []),
        ("memorypain", []),
    ],
)
def test_longest_terms_win_and_use_up_their_words(document, terms):
    assert LongestTermMatcher(TERMS)(document) == terms


@given(st.lists(st.sampled_from([*"abcdefg"]).map(lambda c: c * 2), max_size=20))
def test_words_of_the_found_terms_are_words_of_the_document_in_order(words):
    found = LongestTermMatcher(["aa", "aa bb", "bb cc dd", "dd", "ee aa"])(" ".join(words))
    remaining = iter(words)
    assert all(word in remaining for term in found for word in term.split())


def test_titles_of_neuroquery_are_recounted(real_data):
    with pytest.warns(UserWarning, match="have no text"):
        studies = load_database(real_data / "neuroquery", sources="title")
    matcher = LongestTermMatcher(studies.vocabulary)
    counter = CountVectorizer(analyzer=matcher, vocabulary=studies.vocabulary)
    wrong = counter.transform(studies.titles) != studies.counts
    assert wrong.nnz / studies.counts.nnz < 0.003
    assert (wrong.getnnz(axis=1) == 0).mean() > 0.99
    # Other forms of their words come on top.
    counted = TermVectorizer(studies.vocabulary, min_df=1, sublinear_tf=False, norm=None)
    counted.fit(studies.counts)
    found = counted.transform(studies.titles)
    found.data /= counted.idf_[found.indices]
    more = found - studies.counts[:, counted.kept_columns_]
    assert (more > 1e-6).sum() < 0.06 * studies.counts.nnz
    assert (more < -1e-6).sum() < 0.01 * studies.counts.nnz
