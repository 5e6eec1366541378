"""How many titles of studies name a thing."""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from sklearn_mnm.text.matching import LongestTermMatcher
from sklearn_mnm.text.word_forms import WORD

# Words that make the name of an experiment of a topic; titles often leave them out.
_EXPERIMENT = frozenset(["task", "tasks", "test", "tests", "paradigm", "paradigms", "fmri"])
_BRACKETS = re.compile(r"\(([^)]*)\)")


def count_titles(names: Iterable[str], titles: Iterable[str]) -> np.ndarray:
    """Count the titles that hold each name.

    Words such as "task" or "fMRI" need not stand in the title, and what a name has in brackets is
    another name of the same thing. A title that holds a longer one of the names, as "spatial
    working memory", does not count for a shorter one within it.

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
    >>> titles = ["Theory of mind in adults", "Spatial working memory", "A working memory task"]
    >>> names = ["working memory fMRI task paradigm", "social cognition (theory of mind) task"]
    >>> count_titles(names, titles).tolist()
    [2, 1]
    """
    spellings = [_spellings(name) for name in names]
    matcher = LongestTermMatcher(dict.fromkeys(s for of_name in spellings for s in of_name))
    counts: Counter[frozenset[str]] = Counter(frozenset(matcher(title)) for title in titles)
    owners: dict[str, list[int]] = {}
    for row, of_name in enumerate(spellings):
        for spelling in of_name:
            owners.setdefault(spelling, []).append(row)
    n_titles = np.zeros(len(spellings), dtype=np.int64)
    for found, count in counts.items():
        n_titles[list({row for spelling in found for row in owners[spelling]})] += count
    return n_titles


def _spellings(name: str) -> set[str]:
    """Spell a name as titles may: without what is in brackets, and as what is in each."""
    parts = [_BRACKETS.sub(" ", name), *_BRACKETS.findall(name)]
    words = (
        [word for word in WORD.findall(part.lower()) if word not in _EXPERIMENT] for part in parts
    )
    return {" ".join(part) for part in words if part}
