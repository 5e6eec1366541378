"""Bad input comes back as an error or a warning that says what to do, or is dealt with."""

import itertools
import re
from collections import Counter
from functools import cache

import pandas as pd
import pytest
from catalogue import ALLOWED, EXEMPT, KINDS, MODULES, all_cases, public_names
from catalogue.commands import CommandError, command_names
from catalogue.page import PageError, page_names
from write_table import PAGE, page

from sklearn_mnm.exceptions import MNMWarning


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_bad_input(case, outcomes):
    outcome = outcomes.of(case)
    if case.is_error:
        assert isinstance(outcome.error, case.comes), repr(outcome.error)
        # Of the package, or told by a command or a page.
        told = case.comes in (CommandError, PageError)
        assert told or isinstance(outcome.error, ALLOWED)
    else:
        if outcome.error is not None:
            raise outcome.error
        assert case.holds(outcome.result)
        # For the authors of packages; Python does not show them to users.
        hidden = DeprecationWarning, PendingDeprecationWarning
        warned = {w.category for w in outcome.warnings if not issubclass(w.category, hidden)}
        assert not case.is_warning or any(issubclass(category, case.comes) for category in warned)
        # Nothing of numpy or nilearn is left for the user to make sense of.
        assert all(issubclass(category, MNMWarning) for category in warned), outcome.warnings
    for part in case.tells:
        assert re.search(part, outcome.message, re.S), outcome.message


def test_what_a_case_tells_is_told_by_few_others(outcomes):
    """Patterns that any message fits would show nothing."""
    messages = {outcomes.of(case).message for case in all_cases()} - {""}

    @cache
    def n_fitting(tells):
        patterns = [re.compile(part, re.S) for part in tells]
        return sum(all(pattern.search(text) for pattern in patterns) for text in messages)

    assert len(messages) > 1000
    assert all(case.tells for case in all_cases() if case.is_error or case.is_warning)
    assert [case.id for case in all_cases() if case.tells and n_fitting(case.tells) > 16] == []


def test_cases_are_told_apart():
    repeated = [name for name, number in Counter(c.id for c in all_cases()).items() if number > 1]
    assert repeated == []


def test_every_kind_of_bad_input_is_tried():
    assert {case.kind for case in all_cases()} == set(KINDS)


def test_every_module_of_the_manual_is_looked_at():
    pages = [page.read_text(encoding="utf-8") for page in (PAGE.parent / "api").glob("*.rst")]
    named = re.findall(r"^\.\. (?:auto|current)module:: (\S+)", "\n".join(pages), re.MULTILINE)
    # Errors and warnings are raised, not called.
    assert set(named) - set(MODULES) == {"sklearn_mnm.exceptions"}


def test_everything_public_is_tried():
    tried = {case.name for case in all_cases()}
    public = {*public_names(), *command_names(), *page_names()}
    assert public - tried - set(EXEMPT) == set()
    # Nothing is excused that is tried, or is not there.
    assert set(EXEMPT) & tried == set()
    assert set(EXEMPT) - public == set()


@pytest.mark.skipif(
    int(pd.__version__.split(".")[0]) < 3, reason="pandas before 3 shows numbers in another way"
)
def test_the_manual_says_what_happens(outcomes):
    written = PAGE.read_text(encoding="utf-8").splitlines()
    expected = page(outcomes, own_words=True).splitlines()
    # What other packages say is different with other versions of them.
    different = [
        line
        for line, found in itertools.zip_longest(expected, written, fillvalue="")
        if not re.fullmatch(".*".join(map(re.escape, line.split("…"))), found)
    ]
    remedy = "run python tests/bad_input/write_table.py and look at what changed"
    assert different == [], remedy


def test_the_manual_counts_the_cases():
    cases = list(all_cases())
    refused = sum(case.is_error for case in cases)
    warned = sum(
        not case.is_error and isinstance(case.comes, type) and issubclass(case.comes, Warning)
        for case in cases
    )
    text = PAGE.with_name("reliability.md").read_text(encoding="utf-8")
    assert f"[The catalogue](bad_input.md) contains {len(cases):,} cases." in text
    answered = len(cases) - refused - warned
    told = f"{refused:,} are refused, {warned} accepted with a warning, {answered} answered."
    assert told in text
