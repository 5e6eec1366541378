"""The examples in the manual run, and say what they print."""

import doctest
import re
from pathlib import Path

import pytest

import sklearn_mnm
from sklearn_mnm import model_card

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


ROOT = DOCS.parent
# Pages that quote figures. A comment "figures: NAME ..." says where those that follow it are from:
# sections of RESULTS.md, "card" (of the bundled model), files of the repository, or "published" for
# those that somebody else published, which are not looked up.
QUOTING = [ROOT / "README.md", DOCS / "benchmarks.md", *sorted((DOCS / "guide").glob("*.rst"))]
QUOTING += [DOCS / f"{name}.rst" for name in ("index", "faq", "comparison")]
QUOTING += [DOCS / "howto" / f"{name}.rst" for name in ("gpu", "tuning", "coming_from", "images")]
MARKER = re.compile(r"^(?: *\.\. |<!-- )figures: ([^>\n]+?)(?: -->)?$", re.MULTILINE)
NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
# Shares and ratios, alone or several that share one unit, and whatever has a decimal point.
FIGURE = re.compile(
    rf"(?<![\w.])((?:{NUMBER}(?:, | and | or | to ))*{NUMBER}) ?(?:%|times\b)"
    rf"|(?<![\w.])({NUMBER}(?<=\.\d)\d*)(?![\w.])"
)
NO_FIGURES = re.compile(
    r"```.*?```|``.*?``|`.*?`|\$.*?\$"  # code, names and formulas within a line
    r"|^ *(?:>>> |\.\. (?:code-block|math)::).*?\n(?=\n\S|\Z)"
    r"|^\.\. \[\d\].*?(?=^\.\. |\Z)|https?:\S+|doi:\S+|arXiv \S+|Python \S+"
    r"|1\.96",  # a quantile of the normal distribution, no figure
    re.MULTILINE | re.DOTALL,
)


def numbers(text):
    """All numbers of a text, without signs."""
    found = re.findall(rf"(?<![\w.])(?:{NUMBER}|\.\d+)(?:e[+-]?\d+)?", text)
    return {float(number.replace(",", "")) for number in found}


def measured(name):
    """The numbers of a source of figures."""
    if name == "card":
        return numbers(model_card("neuroquery"))
    if "/" in name:
        return numbers((ROOT / name).read_text(encoding="utf-8"))
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    _, begun, rest = results.partition(f"<!-- {name} -->")
    section, ended, _ = rest.partition(f"<!-- end of {name} -->")
    assert begun, f"RESULTS.md has no section {name}"
    assert ended, f"RESULTS.md has no end of the section {name}"
    return numbers(section)


def quoted(text):
    """Pairs of a figure, as it is written, and the names of its sources."""
    _, *parts = MARKER.split(f"\n.. figures: none\n{NO_FIGURES.sub(' ', text)}")
    for names, part in zip(parts[::2], parts[1::2], strict=True):
        for found in FIGURE.finditer(part.replace("\\", "").replace("**", "")):
            for figure in re.findall(NUMBER, found[1] or found[2]):
                yield figure, [name for name in names.split() if name != "none"]


def is_rounded(figure, numbers):
    """Whether a figure, as it is written, is one of the numbers to its last digit."""
    half = 0.5 * 10.0 ** -len(figure.partition(".")[2]) + 1e-9
    return any(abs(number - float(figure.replace(",", ""))) <= half for number in numbers)


def not_found(text):
    """Figures of a page that none of the sources that it names holds."""
    return [
        (figure, names)
        for figure, names in quoted(text)
        if names != ["published"] and not any(is_rounded(figure, measured(name)) for name in names)
    ]


@pytest.mark.parametrize("page", QUOTING, ids=lambda path: path.stem)
def test_figures_of_a_page_are_those_of_the_sources_that_it_names(page):
    assert not_found(page.read_text(encoding="utf-8")) == []


def test_figures_without_a_source_or_not_of_it_are_found():
    page = "It finds 33.4 %.\n\n.. figures: card\n\nCoverage is 89.6 or 12.3 %, 99 times.\n"
    assert [figure for figure, _ in not_found(page)] == ["33.4", "12.3", "99"]


def test_the_first_row_of_the_readme_is_the_bundled_model():
    card = model_card("neuroquery")
    measured = [
        re.search(rf"\| {name}[^|]*\| (\S+)", card)[1]
        for name in ("text to brain R@10", "brain to text R@10", "voxel correlation", "Dice")
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(r"^\| the bundled model.*\|$", readme, re.MULTILINE)[0]
    assert [cell.strip() for cell in row.split("|")[2:6]] == measured


def test_the_version_to_cite_is_that_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklearn_mnm.__version__}\n" in citation


def test_each_section_of_the_results_is_on_one_page_of_the_manual():
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    pages = (page.read_text(encoding="utf-8") for page in (DOCS / "measured").glob("*.md"))
    shown = [name for page in pages for name in re.findall(r"start-after: <!-- (\S+) -->", page)]
    assert sorted(shown) == sorted(
        re.findall(r"^<!-- (?!end of )(\S+) -->$", results, re.MULTILINE)
    )


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
