"""Forms of a word: which are found, and which are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.text.word_forms import WordForms

KNOWN = (
    *("color", "behavior", "tumor", "recognize", "center", "fiber", "aging", "anemia", "modeling"),
    *("dyslexia", "autism", "schizophrenia", "memory", "analysis", "face", "plan", "limb", "state"),
    *("card", "hand", "hypothesis", "gray", "defense", "program", "analog"),
)
FORMS = WordForms(KNOWN)


@pytest.mark.parametrize(
    ("word", "form"),
    [
        *(("colour", "color"), ("colours", "color"), ("behaviour", "behavior")),
        *(("tumours", "tumor"), ("recognise", "recognize"), ("recognised", "recognize")),
        *(("centre", "center"), ("fibres", "fiber"), ("ageing", "aging"), ("anaemia", "anemia")),
        *(("modelling", "modeling"), ("grey", "gray"), ("defence", "defense")),
        *(("programme", "program"), ("analogue", "analog")),
        *(("memories", "memory"), ("analyses", "analysis"), ("hypotheses", "hypothesis")),
        *(("faces", "face"), ("planned", "plan"), ("planning", "plan")),
        *(("dyslexic", "dyslexia"), ("dyslexics", "dyslexia"), ("autistic", "autism")),
        ("schizophrenic", "schizophrenia"),
    ],
)
def test_other_forms_are_found(word, form):
    assert FORMS.known(word) == form


@pytest.mark.parametrize("word", ["limbic", "cardiac", "statistics", "as", "memo", "hands1", "12"])
def test_other_words_are_not(word):
    assert FORMS.known(word) is None


def test_inflections_and_conditions_are_loose():
    assert FORMS.known("colours", loosely=False) == "color"
    assert FORMS.known("planning", loosely=False) is None
    assert FORMS.known("dyslexic", loosely=False) is None


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.text(alphabet="abcdeilnorsuyz", min_size=1, max_size=12))
def test_a_form_is_known_and_its_own_form(word):
    form = FORMS.known(word)
    assert form is None or (form in KNOWN and FORMS.known(form) == form)


def test_texts_keep_what_is_known_and_what_is_not():
    texts = ["Colour-blind; memory, colours!", "Colour"]
    assert list(FORMS.respell(texts)) == ["color-blind; memory, color!", "color"]
    assert list(WordForms([]).respell(texts[1:])) == ["colour"]
