"""How many titles of studies name a thing."""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.word_forms import WORD

# Words that make the name of an experiment of a topic; titles often leave them out.
_EXPERIMENT = frozenset(["task", "tasks", "test", "tests", "paradigm", "paradigms", "fmri"])
_BRACKETS = re.compile(r"\([^()]*\)")


def count_titles(names: Iterable[str], titles: Iterable[str]) -> np.ndarray:
    """Count the titles that hold each name.

    Words such as "task" or "fMRI" count neither in names nor in titles, and what a name has in
    brackets is left out: a qualifier or an abbreviation. A title that holds a longer one of the
    names, as "spatial working memory", does not count for a shorter one within it.

    Parameters
    ----------
    names : iterable of str
        Of tasks, for example.
    titles : iterable of str
        Of studies.

    Returns
    -------
    n_titles : ndarray of int of shape (n_names,)

    Examples
    --------
    >>> from sklearn_mnm.text.title_counts import count_titles
    >>> titles = ["Naming of objects", "Spatial working memory", "A working memory task"]
    >>> count_titles(["working memory fMRI task paradigm", "naming (overt)"], titles).tolist()
    [2, 1]
    """
    spellings = [" ".join(_words(_BRACKETS.sub(" ", name))) for name in names]
    matcher = LongestTermMatcher(dict.fromkeys(filter(None, spellings)))
    counts = Counter(name for title in titles for name in set(matcher.among(_words(title))))
    return np.array([counts[spelling] for spelling in spellings], dtype=np.int64)


def _words(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if word not in _EXPERIMENT]
