"""How spellings of terms are told to be the same, or near."""

import difflib
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from sklearn_mnm import TermVectorizer, load_database
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.text._spelling import Lexicon, fold, lexicon, lexicon_of
from sklearn_mnm.text.sentence import SentenceTransformerVectorizer

PROPERTY = settings(max_examples=100, derandomize=True)
# Few letters, so that words written together make others; "s" for plurals.
WORDS = st.text("abs", min_size=1, max_size=5)
TERMS = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
VOCABULARIES = st.lists(TERMS, unique=True, max_size=12)
TEXTS = st.lists(WORDS, max_size=12).flatmap(
    lambda words: st.lists(st.sampled_from([" ", "-", ", "]), max_size=len(words)).map(
        lambda gaps: "".join(
            word + (gaps[i] if i < len(gaps) else " ") for i, word in enumerate(words)
        )
    )
)
ANY_TEXT = st.text(max_size=60)
PSYCHOLOGY = ["memory", "working memory", "nback", "face", "fearful faces", "theory mind", "nogo"]


@pytest.mark.parametrize(
    ("spellings", "folded"),
    [
        (["memory", "memories"], "memory"),
        (["face", "faces"], "face"),
        (["stress", "stresses"], "stress"),
        (["box", "boxes"], "box"),
        (["watch", "watches"], "watch"),
        (["analysis", "analyses"], "analysis"),
        (["hypothesis", "hypotheses"], "hypothesis"),
        (["nucleus"], "nucleus"),
        (["gas"], "gas"),  # too short for an ending
    ],
)
def test_plurals_are_spelled_like_their_singular(spellings, folded):
    assert {fold([word]) for word in spellings} == {folded}


@PROPERTY
@given(VOCABULARIES, st.data(), TEXTS)
def test_rewriting_again_changes_nothing(vocabulary, data, text):
    known = data.draw(st.sets(st.sampled_from(vocabulary))) if vocabulary else set()
    terms = Lexicon(vocabulary, known)
    rewritten = terms.rewrite(text)
    assert terms.rewrite(rewritten) == rewritten


def test_rewriting_goes_on_where_new_spaces_let_a_longer_run_begin():
    assert Lexicon(["ab cd", "x ab"], ["ab cd", "x ab"]).rewrite("x abcd") == "x ab cd"
    terms = ["abb cd", "xx abbs", "c d"]
    assert Lexicon(terms, terms).rewrite("xx abbcd") == "xx abbs c d"


@PROPERTY
@given(VOCABULARIES, st.data())
def test_known_terms_are_found_in_themselves(vocabulary, data):
    known = data.draw(st.sets(st.sampled_from(vocabulary))) if vocabulary else set()
    terms = Lexicon(vocabulary, known)
    for term in known:
        assert terms.rewrite(term) == term
        assert terms.find(terms.rewrite(term)) == [term]


@PROPERTY
@given(VOCABULARIES, st.data(), TEXTS)
def test_a_whole_name_is_a_known_term_that_rewriting_gives(vocabulary, data, text):
    known = data.draw(st.sets(st.sampled_from(vocabulary))) if vocabulary else set()
    terms = Lexicon(vocabulary, known)
    for name in [text, *vocabulary]:
        found = terms.whole(name)
        assert found is None or (found in known and terms.rewrite(name) == found)
        assert name not in known or found == name


def test_only_stop_words_between_others_are_no_part_of_a_whole_name():
    terms = lexicon(tuple(PSYCHOLOGY), tuple(PSYCHOLOGY))
    whole = {
        "Theory of the mind": "theory mind", "N-back": "nback", "Faces": "face",
        "fear of face": None, "the face": None, "face off": None, "face X": None,
        "working K memory": None, "memory and": None, "": None, "of": None, "-": None,
    }  # fmt: skip
    assert {name: terms.whole(name) for name in whole} == whole


@PROPERTY
@given(VOCABULARIES, TEXTS)
def test_rewriting_keeps_the_letters_of_terms(vocabulary, text):
    terms = Lexicon(vocabulary, vocabulary)
    once = terms.rewrite(text)
    # From then on nothing is passed over, so that the singular letters stay the same.
    assert fold(terms.rewrite(once).split()) == fold(once.split())


@PROPERTY
@given(st.sampled_from(PSYCHOLOGY), st.sampled_from([" ", "-", ""]), st.sampled_from(["", "s"]))
def test_case_hyphens_spaces_and_plurals_do_not_matter(term, gap, ending):
    terms = Lexicon(PSYCHOLOGY, PSYCHOLOGY)
    name = gap.join(term.title().split()) + ending * (not term.endswith("s"))
    assert terms.find(terms.rewrite(name)) == [term]


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("N-back task", "nback task"),
        ("n back", "nback"),
        ("effects of no go", "effects nogo"),
        ("go/no-go task", "nogo task"),
        ("Theory of mind", "theory mind"),
        ("theory-of-mind", "theory mind"),
        ("Memories of fearful face", "memory fearful faces"),
        ("state-of-the-art", "state art"),
        ("the and of", ""),
        ("", ""),
    ],
)
def test_names_are_rewritten_in_the_spelling_of_the_vocabulary(name, query):
    assert Lexicon(PSYCHOLOGY, PSYCHOLOGY).rewrite(name) == query


def test_known_spellings_win_over_those_that_do_not_count():
    terms = Lexicon(["memories", "memory"], ["memories"])
    assert terms.rewrite("memory") == "memories"
    assert Lexicon(["memories", "memory"], ["memory", "memories"]).rewrite("memory") == "memory"


@PROPERTY
@given(VOCABULARIES, TEXTS)
def test_pieces_are_the_words_of_the_text_in_order(vocabulary, text):
    terms = Lexicon(vocabulary, vocabulary)
    pieces = list(terms.split(text))
    assert [piece for _, piece, is_term in pieces if is_term] == terms.find(text)
    assert [word for _, piece, _ in pieces for word in piece.split()] == terms.words(text)
    starts = [start for start, _, _ in pieces]
    assert starts == sorted(set(starts))
    assert all(text.lower().startswith(piece.split()[0], start) for start, piece, _ in pieces)


@PROPERTY
@given(st.lists(ANY_TEXT, max_size=8), ANY_TEXT)
def test_any_text_can_be_asked_about(names, text):
    vocabulary = {}
    for name in names:  # distinct, with a letter or digit, as vocabularies must be
        words = Lexicon([], []).rewrite(name)
        if words:
            vocabulary.setdefault(words, name)
    terms = Lexicon(vocabulary, vocabulary)
    assert terms.rewrite(terms.rewrite(text)) == terms.rewrite(text)
    assert [term for _, term, is_term in terms.split(text) if is_term] == terms.find(text)
    assert set(terms.nearest(text, 5)) <= set(vocabulary)
    assert len(list(terms.cut_compounds(text))) <= len(text)


@PROPERTY
@given(VOCABULARIES, WORDS, st.integers(0, 4))
def test_nearest_compares_with_every_term(vocabulary, word, k):
    terms = Lexicon(vocabulary, vocabulary)
    rated = []
    for term in vocabulary:
        ratio = difflib.SequenceMatcher(None, fold(term.split()), fold([word]), False).ratio()
        same_start = len(word) >= 4 and fold(term.split()).startswith(fold([word])[:4])
        if ratio >= 0.8 or (same_start and len(fold([word])) >= 4):
            rated.append((-ratio, term))
    expected = [] if terms.passes_over(word) else [term for _, term in sorted(rated)[:k]]
    assert list(terms.nearest(word, k)) == expected


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("memroy", ("memory",)),
        ("n-back", ("nback",)),
        ("no-go", ("nogo",)),
        ("memorize", ("memory",)),  # the stem
        ("amygdala", ()),
        ("", ()),
        ("!", ()),
        ("the", ()),
    ],
)
def test_near_spellings_are_named(word, near):
    assert Lexicon(PSYCHOLOGY, PSYCHOLOGY).nearest(word, 3) == near


def test_only_compounds_that_lose_an_end_are_cut():
    terms = Lexicon(["back", "x ray"], ["back", "x ray"])
    text = "N-back, state-of-the-art X-ray of self\u2010report and go/no-go"
    assert list(terms.cut_compounds(text)) == [(0, "n-back"), (text.index("no-go"), "no-go")]


def test_a_vectorizer_gives_the_terms_it_looks_for_and_those_it_keeps():
    vectorizer = TermVectorizer(["pain", "memory"], min_df=2).fit([[1, 1], [1, 0]])
    terms = lexicon_of(vectorizer)
    assert terms.find("memory of pain") == ["memory", "pain"]
    assert terms.known == {"pain"}
    assert lexicon_of(vectorizer) is terms
    # A new fit is noticed.
    assert lexicon_of(vectorizer.fit([[1, 1], [0, 1]])).known == {"memory"}
    learned = TermVectorizer(min_df=2).fit(["pain hurts", "no pain", "memory"])
    assert lexicon_of(learned).find("memory of pain") == ["memory", "pain"]
    assert lexicon_of(learned).known == {"pain"}


@pytest.mark.parametrize(
    ("vectorizer", "error", "message"),
    [
        (TermVectorizer(["pain"]), NotFittedError, "not fitted"),
        (TermVectorizer(min_df=1).fit([[1, 2]]), InvalidInputError, "with unnamed columns; pass"),
        (SentenceTransformerVectorizer(), InvalidInputError, "got SentenceTransformerVectorizer"),
        (None, InvalidInputError, "expected a fitted TermVectorizer, got NoneType"),
    ],
)
def test_what_has_no_terms_is_refused(vectorizer, error, message):
    with pytest.raises(error, match=message):
        lexicon_of(vectorizer)


def test_a_wrong_letter_in_a_word_of_neuroquery_is_forgiven(real_data):
    vocabulary = tuple(map(str, load_database(real_data / "neuroquery").vocabulary))
    terms = lexicon(vocabulary, vocabulary)
    generator = random.Random(0)
    words = [term for term in vocabulary if " " not in term and len(term) >= 5]
    folded = {fold([term]) for term in vocabulary}
    n_found = n_asked = 0
    while n_asked < 200:
        word = generator.choice(words)
        place, letter = (
            generator.randrange(1, len(word) - 1),
            generator.choice(string.ascii_letters),
        )
        wrong = word[:place] + letter.lower() + word[place + generator.randrange(2) :]
        if fold([wrong]) not in folded:
            n_asked += 1
            n_found += fold([word]) in {fold([near]) for near in terms.nearest(wrong, 3)}
    assert n_found >= 0.97 * n_asked
