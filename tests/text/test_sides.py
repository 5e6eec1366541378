"""Which hemisphere a text means by "left" and "right"."""

import pytest

from sklearn_mnm.text.sides import side_shares, sided_phrases


def hemispheres(text):
    return [(phrase.words, phrase.hemisphere) for phrase in sided_phrases(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("right inferior frontal gyrus", [("right inferior frontal gyrus", "right")]),
        ("Working memory in the left DLPFC", [("left dlpfc", "left")]),
        ("left hand", [("left hand", "right")]),
        ("left-hand grip", [("left hand grip", "right")]),
        ("movement of the right foot", [("right foot", "left")]),
        ("left visual hemifield", [("left visual hemifield", "right")]),
        ("hand movement, left", [("left hand movement", "right")]),
        ("amygdala (left)", [("left amygdala", "left")]),
        ("left motor cortex hand area", [("left motor cortex hand area", "left")]),
        ("right neglect", [("right neglect", "left")]),
        (
            "left hand, right amygdala",
            [("left hand", "right"), ("right amygdala", "right")],
        ),
    ],
)
def test_sides_are_found(text, found):
    assert hemispheres(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "hand", "left", "right-handed subjects", "left handers", "left and right hand"),
        *("left/right discrimination", "left vs. right button", "left > right", "the right eye"),
        "human rights",
    ],
)
def test_no_side_is_meant(text):
    assert hemispheres(text) == []
    assert side_shares(text) == (0, 0)


def test_shares_are_of_the_words_that_mean_something():
    assert side_shares("right amygdala") == (1, 0)
    assert side_shares("left amygdala") == (-1, 0)
    assert side_shares("fear in the right amygdala") == (0.5, 0)
    assert side_shares("left hand") == (0, 1)
    same, crossed = side_shares("left amygdala, right hand movement")
    assert (same, crossed) == pytest.approx((-1 / 3, -2 / 3))
