"""What is said of a query, and which queries are refused or warned of."""

import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import InvalidInputError, UnknownQueryWarning
from sklearn_mnm.text import QueryExplanation, check_query, explain_query

PROPERTY = settings(max_examples=60, derandomize=True)
VOCABULARY = ["memory", "working memory", "pain", "adolescents", "anhedonia", "back"]


def fitted():
    """Know all terms but "anhedonia", which one of three documents holds."""
    counts = np.array([[1, 2, 0, 1, 0, 1], [1, 0, 1, 1, 0, 1], [1, 1, 1, 0, 1, 0]])
    return TermVectorizer(VOCABULARY, min_df=2).fit(counts)


VECTORIZER = fitted()
N_KEPT = len(VECTORIZER.vocabulary_)


def unknown_words(text, **options):
    table = explain_query(text, VECTORIZER, **options).unknown
    return list(table.itertuples(index=False, name=None))


# What is known


@PROPERTY
@given(
    st.lists(st.sampled_from([*VOCABULARY, "of", "x", "strange", "N-back,"]), min_size=1).map(
        " ".join
    ),
    st.none() | st.lists(st.floats(0, 100), min_size=N_KEPT, max_size=N_KEPT),
)
def test_known_terms_are_the_features_of_the_text_with_their_shares(text, weights):
    explanation = explain_query(text, VECTORIZER, weights)
    known = explanation.known
    features = VECTORIZER.transform([text]).toarray()[0]
    columns = [VECTORIZER.vocabulary_[term] for term in known["term"]]
    assert set(columns) == set(np.flatnonzero(features))
    np.testing.assert_allclose(known["tfidf"], features[columns], rtol=1e-12)
    given = np.ones(N_KEPT) if weights is None else np.array(weights)
    np.testing.assert_allclose(known["weight"], given[columns], rtol=1e-12)
    contribution = features * given
    if contribution.sum() > 0:
        expected = 100 * contribution[columns] / contribution.sum()
        np.testing.assert_allclose(known["share"], expected, atol=1e-9)
        assert known["share"].sum() == pytest.approx(100)
    else:
        assert (known["share"] == 0).all()
    assert known["share"].is_monotonic_decreasing


def test_counts_are_of_the_terms_not_of_their_words():
    known = explain_query("Working memory, memory and working-memory", VECTORIZER).known
    assert known.set_index("term")["count"].to_dict() == {"working memory": 2, "memory": 1}


def test_weights_decide_which_term_matters():
    weights = np.zeros(N_KEPT)
    weights[VECTORIZER.vocabulary_["pain"]] = 0.5
    known = explain_query("memory of pain", VECTORIZER, weights).known
    assert known["term"].tolist() == ["pain", "memory"]
    assert known["share"].tolist() == [100, 0]


def test_learnt_vocabularies_are_explained_too():
    vectorizer = TermVectorizer(min_df=2).fit(["pain hurts", "no pain", "it hurts", "silence"])
    explanation = explain_query("pain or silence", vectorizer)
    assert explanation.known["term"].tolist() == ["pain"]
    assert explanation.unknown["reason"].tolist() == ["in fewer than 2 documents of the fit"]


# What is not


def test_unknown_words_are_listed_in_order_with_reason_and_near_terms():
    text = "Paiin in adoles, anhedonia; cent, paiin"
    assert unknown_words(text) == [
        ("paiin", 2, "not in the vocabulary", ("pain",)),
        ("adoles", 1, "not in the vocabulary", ("adolescents",)),
        ("anhedonia", 1, "in fewer than 2 documents of the fit", ()),
        ("cent", 1, "not in the vocabulary", ()),
    ]
    assert unknown_words("memry", k=0)[0][3] == ()
    assert unknown_words("memry", k=1)[0][3] == ("memory",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory of the pain", []),
        ("working memory in a task", [("task", 1, "not in the vocabulary", ())]),
        # Of the compound "back" remains, which is something else.
        ("N-back", [("n-back", 1, "partly a stop word or single character", ("back",))]),
        ("state-of-the-pain", [("state", 1, "not in the vocabulary", ())]),
        ("the and", [(word, 1, "stop word or single character", ()) for word in ("the", "and")]),
        ("?!", []),
    ],
)
def test_what_is_passed_over_is_reported_where_it_matters(text, expected):
    assert unknown_words(text) == expected


@PROPERTY
@given(st.text(min_size=1).filter(str.strip))
def test_any_text_is_explained(text):
    explanation = explain_query(text, VECTORIZER)
    assert isinstance(explanation, QueryExplanation)
    assert explanation.text == text
    assert str(explanation) == repr(explanation)
    assert explanation._repr_html_().startswith("<p>")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownQueryWarning)
        assert check_query([text], VECTORIZER).tolist() == [len(explanation.known) > 0]


# How it reads


def test_it_reads_as_a_headline_and_two_tables():
    lines = str(explain_query("pain and paiin", VECTORIZER)).splitlines()
    assert lines[0] == "'pain and paiin': 1 known term, 1 unknown word"
    assert lines[2].split() == ["term", "count", "tfidf", "weight", "share"]
    assert lines[3].split() == ["pain", "1", "1.0", "1.0", "100.0"]
    assert lines[6].split() == ["paiin", "1", "not", "in", "the", "vocabulary", "pain"]
    headline = "'asdf qwer': nothing is known, 2 unknown words"
    assert str(explain_query("asdf qwer", VECTORIZER)).startswith(headline)


def test_long_texts_are_shortened_when_shown():
    text = " ".join(f"word{number}" for number in range(500))
    explanation = explain_query(text, VECTORIZER)
    assert len(explanation.unknown) == 500
    assert len(str(explanation).splitlines()) < 30
    assert "...': nothing is known, 500 unknown words" in str(explanation)


def test_html_is_escaped():
    shown = explain_query("<script> pain", VECTORIZER)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<table") == 2


# Checks


def test_queries_without_a_known_term_are_warned_of_once():
    texts = ["pain", "paiin now", "asdf", "the and of", "qwer", "memory"]
    message = (
        r"^queries: 4 of 6 hold no known term: entry 1 'paiin now' \(nearest known: pain\); "
        r"entry 2 'asdf' \(nothing known is near\); "
        r"entry 3 'the and of' \(nothing known is near\); and 1 more\.$"
    )
    with pytest.warns(UnknownQueryWarning, match=message) as caught:
        usable = check_query(texts, VECTORIZER, name="queries")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert usable.tolist() == [True, False, False, False, False, True]


def test_a_rare_term_alone_is_no_known_term():
    with pytest.warns(UnknownQueryWarning, match="entry 0 'anhedonia'"):
        assert not check_query(["anhedonia"], VECTORIZER).any()


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_queries_with_known_terms_pass_without_a_warning(container):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_query(container(["pain", "N-back"]), VECTORIZER).all()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("pain", r"texts: expected a list of strings, got 'pain'; write \[...\]"),
        (None, "texts: expected a list of strings, got None"),
        ([], "texts: holds no query; give at least one"),
        (["pain", ""], "texts: entry 1 is ''; give a string with at least one word"),
        (["pain", " \n"], "texts: entry 1 is "),
        (["pain", None], "texts: entry 1 is None"),
        (["pain", np.nan], "texts: entry 1 is nan"),
    ],
)
def test_empty_queries_are_refused(texts, message):
    with pytest.raises(InvalidInputError, match=message):
        check_query(texts, VECTORIZER)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "text: got ''; give a string with at least one word"),
        ({"text": "  "}, "text: got '  '"),
        ({"text": ["pain"]}, r"text: got \['pain'\]"),
        ({"text": None}, "text: got None"),
        ({"k": -1}, "k=-1: expected an integer of at least 0"),
        ({"k": 1.5}, "k=1.5"),
        ({"weights": np.ones(N_KEPT + 1)}, r"weights: .* shape \(5,\), got \(6,\)"),
        ({"weights": [1, 1, np.nan, 1, 1]}, "weights: entry 2 is nan; give finite numbers"),
        ({"weights": [1, 1, 1, -1, 1]}, "weights: entry 3 is -1.0"),
        ({"vectorizer": TermVectorizer(min_df=1).fit([[1]])}, "with unnamed columns"),
        ({"vectorizer": "tfidf"}, "expected a fitted TermVectorizer, got str"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        explain_query(**{"text": "pain", "vectorizer": VECTORIZER, **arguments})


# The real vocabulary


@pytest.fixture(scope="module")
def neuroquery(real_data):
    studies = load_database(real_data / "neuroquery")
    return studies, TermVectorizer(studies.vocabulary, min_df=10).fit(studies.counts)


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("reward anticipation in adolescents", {"reward anticipation", "adolescents"}, {}),
        ("fearful faces", {"fearful faces"}, {}),
        ("N-back tasks", {"back", "tasks"}, {"n-back": "back"}),
        ("go/no-go", set(), {"no-go": "nogo"}),
        ("motor behaviour", {"motor", "behavior"}, {}),
        ("amygdalla volume", {"volume"}, {"amygdalla": "amygdala"}),
        ("asdf qwer", set(), {"asdf": "asd", "qwer": None}),
        (
            "Furcht und Gedächtnis bei Jugendlichen",
            set(),
            dict.fromkeys(["furcht", "und", "gedächtnis", "bei", "jugendlichen"]),
        ),
    ],
)
def test_queries_of_neuroquery(neuroquery, text, known, unknown):
    explanation = explain_query(text, neuroquery[1])
    assert set(explanation.known["term"]) == known
    nearest = dict(zip(explanation.unknown["word"], explanation.unknown["nearest"], strict=True))
    for word, first in unknown.items():
        assert next(iter(nearest[word]), None) == first, word
    assert bool(nearest) == bool(unknown)


def test_explaining_is_quick(neuroquery):
    studies, vectorizer = neuroquery
    weights = np.ones(len(vectorizer.vocabulary_))
    explain_query("pain", vectorizer, weights)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        explain_query("reward anticipation and depresion in adolescents", vectorizer, weights)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.02
    start = time.perf_counter()
    long = explain_query(" ".join(studies.titles[:1000]), vectorizer, weights)
    assert time.perf_counter() - start < 5
    assert len(long.known) > 500
    assert len(long.unknown) > 500
