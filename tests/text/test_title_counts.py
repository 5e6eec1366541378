"""Titles that name a thing."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_mnm.text.title_counts import count_titles

WORDS = st.lists(st.sampled_from(["motor", "reward", "visual", "of", "task", "pain"]), max_size=6)


@given(titles=st.lists(WORDS.map(" ".join), max_size=12))
def test_names_of_a_word_are_counted_once_a_title(titles):
    names = ["Motor task", "reward", "PAIN test"]
    words = ("motor", "reward", "pain")
    expected = [sum(bool(re.search(rf"\b{word}\b", title)) for title in titles) for word in words]
    assert count_titles(names, titles).tolist() == expected


@given(titles=st.lists(WORDS.map(" ".join), max_size=12), seed=st.integers(0, 99))
def test_the_order_of_titles_and_names_does_not_matter(titles, seed):
    names = ["motor", "motor pain", "visual reward task", "reward"]
    random = np.random.default_rng(seed)
    order, other = random.permutation(len(names)), random.permutation(len(titles))
    found = count_titles([names[row] for row in order], [titles[row] for row in other])
    np.testing.assert_array_equal(found, count_titles(names, titles)[order])


@pytest.mark.parametrize(
    ("name", "title", "n"),
    [
        ("n-back task", "An N-Back fMRI study", 1),
        ("n-back task", "Back pain", 0),
        ("social cognition (theory of mind) fMRI task", "Social cognition in autism", 1),
        ("social cognition (theory of mind) fMRI task", "Theory of mind in autism", 0),
        ("word stem completion (overt)", "Overt attention", 0),
        ("Balloon Analogue Risk Task (BART)", "The balloon analogue risk task (BART)", 1),
        ("naming (of (large) objects) task", "Naming of large objects", 0),
        ("naming (overt", "Naming", 0),
        ("California Verbal Learning Test-II", "The California Verbal Learning Test (II)", 1),
        ("California Verbal Learning Test-II", "California verbal learning", 0),
        ("task", "A task", 0),
        ("()", "()", 0),
        ("working memory", "", 0),
    ],
)
def test_what_titles_name(name, title, n):
    assert count_titles([name], [title]).tolist() == [n]


def test_a_longer_name_takes_the_title_and_names_may_be_alike():
    titles = ["Spatial working memory", "Working memory", "Stop signal tasks"]
    names = ["working memory", "spatial working memory task", "stop signal task", "Stop Signal"]
    assert count_titles(names, titles).tolist() == [1, 1, 1, 1]
    assert count_titles(names[:1], titles).tolist() == [2]
    assert count_titles([], titles).shape == (0,)
    assert count_titles(names, []).tolist() == [0] * 4
