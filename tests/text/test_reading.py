"""What documents are counted as: terms, their forms and synonyms."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_mnm import TermVectorizer
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text import explain_query

TERMS = ["color", "pain", "working memory", "memory"]
COUNTS = [[1, 0, 0, 1], [0, 1, 1, 0]]


def fitted(synonyms=None, **params):
    return TermVectorizer(TERMS, min_df=1, norm=None, synonyms=synonyms, **params).fit(COUNTS)


def test_forms_count_as_their_terms():
    vectorizer = fitted()
    one, other = vectorizer.transform(["Colours and memories", "color memory"]).toarray()
    np.testing.assert_array_equal(one, other)


def test_counts_of_documents_do_not_change_what_counts_are():
    np.testing.assert_array_equal(
        fitted({"heat": "pain"}).transform(COUNTS).toarray(), fitted().transform(COUNTS).toarray()
    )


def test_synonyms_are_read_by_weight():
    weights = {"pain": 0.75, "memory": 0.25}
    vectorizer = fitted({"heat": weights, "n-back": "working memory", "evidence": {}})
    columns = vectorizer.vocabulary_
    row = vectorizer.transform(["Evidence of heat"]).toarray()[0]
    idf = vectorizer.idf_
    for term, weight in weights.items():
        assert row[columns[term]] == pytest.approx(weight * idf[columns[term]])
    assert np.count_nonzero(row) == 2
    nback = vectorizer.transform(["n-back", "working memory"]).toarray()
    np.testing.assert_array_equal(*nback)
    assert not vectorizer.transform(["evidence"]).nnz


def test_a_term_may_be_read_otherwise_too():
    vectorizer = fitted({"memory": {"memory": 0.5, "working memory": 0.5}})
    assert vectorizer.transform(["memory"]).nnz == 2
    assert vectorizer.transform(["working memory"]).nnz == 1


def test_fitting_to_documents_reads_them_in_the_same_way():
    documents = ["Heat and colour", "Pain"]
    vectorizer = TermVectorizer(TERMS, min_df=1, synonyms={"heat": "pain"})
    features = vectorizer.fit_transform(documents)
    assert set(vectorizer.vocabulary_) == {"color", "pain"}
    np.testing.assert_array_equal(features.toarray(), vectorizer.transform(documents).toarray())
    learnt = TermVectorizer(min_df=1).fit(["Pain in colours", "memory"])
    assert learnt.transform(["colour"]).nnz == 1


def test_synonyms_are_cloned_and_explained():
    vectorizer = clone(fitted({"heat": {"pain": 0.6, "memory": 0.4}, "fmri": {}})).fit(COUNTS)
    explanation = explain_query("fMRI of heat, not colour, left hand", vectorizer)
    known = explanation.known.set_index("term")
    assert known.loc["heat", "read_as"] == ("pain", "memory")
    assert known.loc["color", "read_as"] == ()
    assert known["share"].sum() == pytest.approx(100)
    total = vectorizer.transform(["fMRI of heat, not colour, left hand"]).sum()
    assert known["tfidf"].sum() == pytest.approx(total)
    assert explanation.unknown["word"].tolist() == ["left", "hand"]
    notes = "\n".join(explanation.notes)
    assert "colour as color" in notes
    assert "without effect: fmri" in notes
    assert "'not'" in notes
    assert "'left hand': the map favours the right hemisphere" in notes
    assert all(note in str(explanation) for note in explanation.notes)


@pytest.mark.parametrize(
    ("synonyms", "message"),
    [
        ({3: "pain"}, "3 is no word"),
        ({"--": "pain"}, "is no word"),
        ({"heat": "warmth"}, "no term of the vocabulary"),
        ({"heat": {"pain": -1}}, "weights above 0"),
        ({"heat": {"pain": True}}, "weights above 0"),
        ({"heat": {"pain": np.inf}}, "weights above 0"),
        ({"heat": 1}, "Give a term"),
        ({"Heat": "pain", "heat": "color"}, "cannot be told apart"),
    ],
)
def test_other_synonyms_are_refused(synonyms, message):
    with pytest.raises(InvalidInputError, match=message):
        fitted(synonyms)


def test_synonyms_need_terms():
    with pytest.raises(InvalidInputError, match="unnamed columns"):
        TermVectorizer(min_df=1, synonyms={"heat": "pain"}).fit(COUNTS)


def test_the_reader_keeps_its_terms_apart_from_what_has_synonyms():
    from sklearn_mnm.text.reading import TextReader

    reader = TextReader(TERMS, {"heat": "pain"})
    assert reader.terms == TERMS
    assert reader.pieces == [*TERMS, "heat"]
