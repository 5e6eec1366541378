"""The examples in the manual run, and say what they print."""

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    path
    for folder in (DOCS, DOCS / "guide", DOCS / "howto")
    for path in folder.glob("*.rst")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_pages_with_examples_are_found():
    assert {"index.rst", "tour.rst", "geometry.rst", "training.rst"} <= {p.name for p in PAGES}


# What the bundled corpora are warned of is told in their own tests.
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_of_a_page_run(page):
    pytest.importorskip("nimare")
    failures, examples = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert examples
    assert not failures, "see the differences in the captured output"


def plain(text):
    """Text on one line, with the minus sign of a keyboard and without escapes."""
    return " ".join(text.replace("−", "-").replace("\\", "").split())


def test_intervals_that_are_told_are_those_that_were_measured():
    measured = plain((DOCS.parent / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8"))
    number = r"[+-]?\d+(?:\.\d+)?"
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst")]
    told = [
        figure
        for page in pages
        for figure in re.findall(
            rf"{number} \[{number}, {number}\]", plain(page.read_text(encoding="utf-8"))
        )
    ]
    assert len(told) > 20
    assert [figure for figure in told if figure not in measured] == []
