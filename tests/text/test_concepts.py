"""Which terms of a list a vocabulary holds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.text import Ontology, match_terms

PROPERTY = settings(max_examples=50, derandomize=True)
VOCABULARY = ["memory", "working memory", "nback task", "emotion", "faces", "theory mind"]


@pytest.fixture
def vectorizer():
    """Keeps all terms but "emotion", which one document holds."""
    counts = np.ones((2, len(VOCABULARY)))
    counts[0, 3] = 0
    return TermVectorizer(VOCABULARY, min_df=2).fit(counts)


def test_names_are_found_in_the_spelling_of_the_vocabulary():
    names = ["N-Back tasks", "Emotional face, memories", "Theory of mind", "memory"]
    matches = match_terms(names, VOCABULARY)
    assert matches["name"].tolist() == names
    assert matches["query"].tolist() == [
        "nback task", "emotional faces memory", "theory mind", "memory"
    ]  # fmt: skip
    assert matches["terms"].tolist() == [
        ("nback task",), ("faces", "memory"), ("theory mind",), ("memory",)
    ]  # fmt: skip
    assert matches["known"].tolist() == [True] * 4
    assert matches["missing"].tolist() == [(), ("emotional",), (), ()]


def test_terms_that_the_vectorizer_dropped_are_missing(vectorizer):
    with pytest.warns(DataWarning, match="names: 1 of 2 hold no known term: 'Emotions'; see"):
        matches = match_terms(["Emotions", "emotion and memory"], vectorizer)
    assert matches["terms"].tolist() == [(), ("memory",)]
    assert matches["missing"].tolist() == [("emotion",), ("emotion",)]


@PROPERTY
@given(
    st.lists(st.sampled_from(["memories", "Working-memory", "n-back", "tasks", "face", "emotions",
                              "of", "x", "Theory of Mind", "!"])).map(" ".join)
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_known_terms_are_those_that_the_vectorizer_finds_in_the_query(name):
    counts = np.ones((2, len(VOCABULARY)))
    counts[0, 3] = 0
    vectorizer = TermVectorizer(VOCABULARY, min_df=2).fit(counts)
    (match,) = match_terms([name], vectorizer).itertuples()
    features = vectorizer.transform([match.query])
    names = vectorizer.get_feature_names_out()
    assert set(match.terms) == set(names[features.indices])
    assert match.known == bool(features.nnz)
    assert match_terms([match.query], vectorizer)["query"].tolist() == [match.query]


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
@PROPERTY
@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_text_may_be_a_name(names):
    matches = match_terms(names, VOCABULARY)
    assert matches["name"].tolist() == names
    assert list(matches.columns) == ["name", "query", "terms", "known", "missing"]
    assert matches["known"].dtype == bool


def test_names_of_an_ontology_and_of_a_series_are_taken_as_they_come():
    table = pd.DataFrame({"child": ["Working memory", "sleep"], "parent": ["memory", "state"]})
    ontology = Ontology.from_frame(table)
    with pytest.warns(DataWarning, match="names: 2 of 4 hold no known term: 'sleep', 'state'"):
        matches = match_terms(ontology.names, VOCABULARY)
    assert matches.loc[matches["known"], "name"].tolist() == ["Working memory", "memory"]
    series = pd.Series(["memory", "memory"], index=[5, 5])
    assert match_terms(series, np.array(VOCABULARY))["known"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("names", "vocabulary", "message"),
    [
        ("memory", VOCABULARY, "names: expected several strings, got one"),
        (["memory", None], VOCABULARY, "names: row 1 is None"),
        (["memory"], "memory", "vocabulary: expected several strings, got one"),
        (["memory"], ["memory", "Memory"], "'memory' and 'Memory' cannot be told apart"),
        (["memory"], ["-"], "term '-' has no letter or digit"),
    ],
)
def test_lists_that_make_no_sense_are_refused(names, vocabulary, message):
    with pytest.raises(InvalidInputError, match=message):
        match_terms(names, vocabulary)


def test_concepts_and_tasks_are_found_in_the_vocabulary_of_neuroquery(real_data):
    studies = load_database(real_data / "neuroquery")
    vectorizer = TermVectorizer(studies.vocabulary, min_df=10).fit(studies.counts)
    names = ["go/no-go task", "Theory of Mind", "fear of faces", "decision-making", "Mentalizing"]
    matches = match_terms(names, vectorizer)
    assert matches["terms"].tolist() == [
        ("nogo", "task"), ("theory mind",), ("fear", "faces"), ("decision making",),
        ("mentalizing",),
    ]  # fmt: skip
    # Each kept term is found in itself.
    kept = list(vectorizer.vocabulary_)
    assert match_terms(kept, vectorizer)["terms"].tolist() == [(term,) for term in kept]
