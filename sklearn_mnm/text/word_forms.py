"""Find the known form of a word: American or British, singular or plural, noun or adjective."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

#: A word: letters, digits and underscores.
WORD = re.compile(r"\w+")
# Shorter words have no other forms: "as" is not "ass".
_LEAST_LETTERS = 4
# Plural ending and what stands there in the singular, first that fits; "ss", "us" and "is" end
# singulars.
_PLURALS = (
    (re.compile("([ly])ses$"), r"\1sis"),  # analyses, paralyses
    (re.compile("eses$"), "esis"),  # hypotheses
    (re.compile("([^aeiou])ies$"), r"\1y"),
    (re.compile("(ss|x|ch|sh)es$"), r"\1"),
    (re.compile("([^sui])s$"), r"\1"),
)
# British spellings. They are only compared with others that went the same way, so that it does not
# matter what becomes of "hour" and "phase".
_BRITISH = (
    (re.compile("our"), "or"),  # colour, behavioural
    (re.compile("([iy])s(e[drs]?|ing|ation)"), r"\1z\2"),  # recognise, analysing
    (re.compile("(?<=.)[ao]e"), "e"),  # anaemia, haemodynamic
    (re.compile("^([ao])e"), "e"),  # aetiology, oesophagus
    (re.compile("([bt])re$"), r"\1er"),  # fibre, centre
    (re.compile("ogue"), "og"),  # analogue
    (re.compile("ll(ed|ing|er)"), r"l\1"),  # modelling
    (re.compile("ence$"), "ense"),  # defence
    (re.compile("amme$"), "am"),  # programme
    (re.compile("^grey"), "gray"),
    (re.compile("^ageing"), "aging"),
    (re.compile("dgement"), "dgment"),
    (re.compile("^scept"), "skept"),
)
# Endings of inflections, and of nouns and adjectives as "dyslexia" and "dyslexic", of words with at
# least four and three letters before.
_INFLECTED = re.compile("(?<=....)(ing|ed|ly|e)$")
_DOUBLED = re.compile(r"([bdgmnprt])\1$")
_OF_CONDITIONS = re.compile("(?<=...)(i[ac]|i[ac]s|iac|iacs|ism|ist|ists|istic)$")

# A corpus repeats its words, and folds of it share them.
_remembered = lru_cache(maxsize=2**15)


def singular(word: str) -> str:
    """Return the singular of a word that ends like a plural."""
    if len(word) > 3 and word.endswith("s"):  # which is quickly said, and all plurals do
        for ending, replacement in _PLURALS:
            if ending.search(word):
                return ending.sub(replacement, word)
    return word


@_remembered
def american(word: str) -> str:
    """Return one spelling for American and British ones, which need be neither."""
    for british, replacement in _BRITISH:
        word = british.sub(replacement, word)
    return word


@_remembered
def number_and_spelling(word: str) -> str:
    """Return what a word has in common with its plural, in either spelling."""
    return american(singular(word))


@_remembered
def condition(word: str) -> str:
    """Return what a condition has in common with those who have it: "dyslexia" and "dyslexic"."""
    return _OF_CONDITIONS.sub("~", american(word))


@_remembered
def inflection(word: str) -> str:
    """Return what inflections of a word have in common."""
    word = number_and_spelling(word)
    cut = _INFLECTED.sub("", word)
    return word if cut == word else _DOUBLED.sub(r"\1", cut)


# The nearest forms first.
_NEAR_FORMS, _LOOSE_FORMS = (american, number_and_spelling), (condition, inflection)


class WordForms:
    """Words by their forms.

    Parameters
    ----------
    words : iterable of str
        Known words, lower case; of those of the same form the first is found.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._known = dict.fromkeys(words)
        self._by_key: dict[Callable[[str], str], dict[str, str]] = {}

    def _first_of(self, key: Callable[[str], str]) -> dict[str, str]:
        """First known word of each form, found when the first unknown word asks for it."""
        if key not in self._by_key:
            found: dict[str, str] = {}
            for word in self._known:
                if len(word) >= _LEAST_LETTERS:
                    found.setdefault(key(word), word)
            self._by_key[key] = found
        return self._by_key[key]

    def known(self, word: str, *, loosely: bool = True) -> str | None:
        """Find the known word of which a word is a form.

        Parameters
        ----------
        word : str
            Lower case.
        loosely : bool, default=True
            Whether inflections and nouns and adjectives of one stem count, too; else spelling and
            number only.

        Returns
        -------
        form : str or None
            `word` itself if it is known; None if no form of it is.
        """
        if word in self._known:
            return word
        if len(word) >= _LEAST_LETTERS and word.isalpha():
            for key in _NEAR_FORMS + _LOOSE_FORMS if loosely else _NEAR_FORMS:
                if (form := self._first_of(key).get(key(word))) is not None:
                    return form
        return None

    def respell(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield texts in lower case with forms of known words in place of unknown ones."""
        forms = _Forms(self)
        for text in texts:
            yield WORD.sub(lambda match: forms[match[0]], text.lower())

    def words(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Yield the words of the texts that :meth:`respell` gives."""
        forms = _Forms(self)
        for text in texts:
            yield [forms[word] for word in WORD.findall(text.lower())]


class _Forms(dict[str, str]):
    """Forms of words, each looked for once."""

    def __init__(self, known: WordForms) -> None:
        super().__init__()
        self._known_word = known.known

    def __missing__(self, word: str) -> str:
        form = self[word] = self._known_word(word) or word
        return form
