"""What words outside of a vocabulary are read as."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm import TermVectorizer
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text import learn_synonyms

TERMS = ["social", "pain", "trust", "memory", "schizophrenia", "schizophrenic"]


def studies():
    """300 studies, of which 40 on oxytocin speak of trust and social matters, as few others do."""
    random = np.random.default_rng(0)
    held = random.uniform(size=(300, len(TERMS))) < [0.1, 0.3, 0.1, 0.3, 0.3, 0.02]
    held[:40, [0, 2]] = random.uniform(size=(40, 2)) < 0.9
    titles = ["Oxytocin: evidence"] * 40 + ["Some evidence"] * 200 + ["On theory-of-mind"] * 60
    titles[5:9] = ["2-back and oxytocin"] * 4
    return titles, sparse.csr_matrix(held.astype(float))


def test_words_are_read_as_what_stands_out_where_they_are():
    titles, features = studies()
    synonyms = learn_synonyms(titles, features, TERMS)
    assert set(synonyms["oxytocin"]) == {"social", "trust"}
    assert sum(synonyms["oxytocin"].values()) <= 1
    held = features.toarray()
    excess = held[:40].mean(axis=0) - held.mean(axis=0)
    ratio = synonyms["oxytocin"]["social"] / synonyms["oxytocin"]["trust"]
    assert ratio == pytest.approx(excess[0] / excess[2], abs=0.01)
    assert synonyms["evidence"] == {}


def test_joined_words_are_learnt_but_not_those_around_function_words():
    synonyms = learn_synonyms(*studies(), TERMS)
    assert "2 back" in synonyms
    assert not any("of" in words.split() for words in synonyms)


def test_rare_words_are_left_out():
    titles, features = studies()
    assert "2 back" not in learn_synonyms(titles, features, TERMS, min_df=5)


def test_rare_spellings_are_read_as_all():
    titles, features = studies()
    counts = features.getnnz(axis=0)
    read = learn_synonyms(titles, features, TERMS)["schizophrenic"]
    assert read["schizophrenia"] == pytest.approx(counts[4] / counts[4:].sum())
    assert "schizophrenia" not in learn_synonyms(titles, features, TERMS)


def test_the_vectorizer_takes_them():
    titles, features = studies()
    vectorizer = TermVectorizer(TERMS, synonyms=learn_synonyms(titles, features, TERMS))
    row = vectorizer.fit(features).transform(["oxytocin"])
    assert set(row.indices) == {vectorizer.vocabulary_[term] for term in ("social", "trust")}


def test_what_does_not_fit_is_refused():
    titles, features = studies()
    with pytest.raises(InvalidInputError, match="300 titles and 2 terms"):
        learn_synonyms(titles, features, TERMS[:2])
    with pytest.raises(InvalidInputError, match="titles"):
        learn_synonyms("one", features, TERMS)
