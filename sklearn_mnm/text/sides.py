"""Find what a text calls left or right, and which hemisphere it means by that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from sklearn_mnm.exceptions import InvalidInputError

_TOKEN = re.compile(r"\w+|[^\w\s]")
_OTHER = {"left": "right", "right": "left"}
# Between "left" and "right" where both sides are meant, or one is compared with the other.
_JOINING = {*("and", "or", "vs", "versus", "to", "than", "minus", "from"), *"-/&><."}
# A side says nothing of the brain where it is a habit of the subjects.
_HANDED = re.compile(r"hand(ed|er|edness)|dominan|eyed?s?$|sided?$|turns?$")
# Parts of the body and of space that the other hemisphere feels, moves and sees.
_CROSSED = re.compile(
    r"(hand|finger|fingertip|thumb|palm|wrist|forearm|arm|elbow|shoulder|foot|toe|ankle|leg|knee|"
    r"calf|limb|ear|hemifield|hemispace|hemibody|quadrant|field|nerve)s?$|feet$|hemi(paresis|plegia"
    r"|paretic|plegic|neglect|anopia)$|neglect$"
)
# Names of parts of the brain are on the side that they name, also those for a hand or a foot.
_BRAIN = re.compile(
    r"(gyr(us|i)|sulc(us|i)|cort(ex|ices|ical)|areas?|lobes?|lobules?|hemispher\w*)$"
)
_MOST_WORDS = 5


class SidedPhrase(NamedTuple):
    """Something that a text calls left or right.

    Attributes
    ----------
    words : str
        What is called so, with the side.
    hemisphere : {"left", "right"}
        That which is meant: for the hand, the other one.
    is_crossed : bool
        Whether it is a part of the body or of space, for which the hemispheres of the cerebrum
        are crossed.
    n_words : int
        Number of words without the side.
    """

    words: str
    hemisphere: str
    is_crossed: bool
    n_words: int


def sided_phrases(text: str) -> list[SidedPhrase]:
    """Find what a text calls left or right.

    The phrase of a side are the words that follow, up to a stop word or a punctuation mark, or, if
    none does, those before: "hand movement, left". Where both sides are named together, as in "left
    and right hand" or "left > right", and where a side is a habit, as in "right-handed", none is
    meant.

    Parameters
    ----------
    text : str

    Returns
    -------
    phrases : list of SidedPhrase
        In their order.

    Raises
    ------
    InvalidInputError
        If `text` is no string.

    Examples
    --------
    >>> from sklearn_mnm.text.sides import sided_phrases
    >>> [(p.words, p.hemisphere) for p in sided_phrases("left hand, right amygdala")]
    [('left hand', 'right'), ('right amygdala', 'right')]
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"text: got {text!r}; give a string.")
    tokens = _TOKEN.findall(text.lower())
    places = [i for i, token in enumerate(tokens) if token in _OTHER]
    joined = {
        i
        for one, other in pairwise(places)
        if set(tokens[one + 1 : other]) <= _JOINING and tokens[one] != tokens[other]
        for i in (one, other)
    }
    found = []
    for place in places:
        words = list(_words_from(tokens, place, 1)) or list(_words_from(tokens, place, -1))[::-1]
        if place in joined or not words or _HANDED.match(words[0]):
            continue
        is_crossed = any(map(_CROSSED.match, words)) and not any(map(_BRAIN.match, words))
        side = tokens[place]
        hemisphere = _OTHER[side] if is_crossed else side
        name = f"{side} {' '.join(words)}"
        found.append(SidedPhrase(name, hemisphere, is_crossed, len(words)))
    return found


def side_shares(text: str) -> tuple[float, float]:
    """How much of a text is about one side.

    Parameters
    ----------
    text : str

    Returns
    -------
    same, crossed : float
        Of the words that are no stop words, the share in phrases that mean the right hemisphere,
        less that in phrases that mean the left one: of parts of the brain, and of parts of the body
        or of space.
    """
    phrases = sided_phrases(text)
    if not phrases:
        return 0.0, 0.0
    n_words = sum(map(_is_content, _TOKEN.findall(text.lower())))
    shares = [0.0, 0.0]
    for phrase in phrases:
        share = phrase.n_words / max(n_words, phrase.n_words)
        shares[phrase.is_crossed] += share if phrase.hemisphere == "right" else -share
    return shares[0], shares[1]


def _words_from(tokens: list[str], place: int, step: int) -> Iterator[str]:
    """Yield the words on one side of a place, from the nearest on."""
    n_words, place = 0, place + step
    if (
        0 <= place < len(tokens)
        and tokens[place] in {"-", "(", ","}
        and (step < 0 or tokens[place] == "-")
    ):
        place += step
    while 0 <= place < len(tokens) and n_words < _MOST_WORDS:
        if tokens[place] != "-":
            if not _is_content(tokens[place]):
                return
            yield tokens[place]
            n_words += 1
        place += step


def _is_content(token: str) -> bool:
    is_passed_over = token in ENGLISH_STOP_WORDS or token in _OTHER or token in _JOINING
    return token[0].isalnum() and not is_passed_over
