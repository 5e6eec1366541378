"""What users see: tables and facts at a terminal and in a pipe, JSON, bars, any encoding."""

import contextlib
import io
import json
import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import screen, standard_streams

output = pytest.importorskip("sklearn_mnm.cli._output")

# Every character that there is, and halves of surrogate pairs.
any_text = st.text(st.characters(codec=None))
any_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | any_text,
    lambda values: st.lists(values) | st.dictionaries(any_text, values),
    max_leaves=8,
)
RECORDS = [
    {"rank": 1, "title": "[bold]Pain[/bold] and\treward", "score": 0.123456},
    {"rank": 12, "title": "Fear", "score": math.nan},
]


def printed(show, *arguments, encoding="utf-8"):
    """Return the bytes that come out of a pipe."""
    pipe = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    with contextlib.redirect_stdout(pipe):
        output.use_any_encoding()
        show(*arguments)
    pipe.flush()
    return pipe.buffer.getvalue()


def without_infinities(value):
    if isinstance(value, dict):
        return {name: without_infinities(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(without_infinities, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def steers(text):
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


@given(any_text)
def test_printable_texts_are_one_line_that_steers_nothing(text):
    line = output.printable(text)
    assert not steers(line)
    assert len(line.splitlines()) <= 1
    # What was neither is as it was.
    assert steers(text) or line == " ".join(text.split())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
@given(any_value)
def test_json_is_what_was_given_in_any_encoding(encoding, value):
    text = printed(output.show_json, value, encoding=encoding).decode(encoding)
    assert json.loads(text) == without_infinities(value)
    assert not steers(text.replace("\n", ""))


def test_json_shows_what_the_encoding_can():
    assert printed(output.show_json, "β") == '"β"\n'.encode()
    assert printed(output.show_json, "β", encoding="latin-1") == b'"\\u03b2"\n'


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_facts_and_tables_escape_what_the_encoding_has_not(encoding):
    assert (
        printed(output.show_facts, {"a_name": "βeta"}, encoding=encoding) == b"a name: \\u03b2eta\n"
    )
    assert printed(output.show_table, [{"id": "β"}], encoding=encoding) == b"id\n\\u03b2\n"


def test_facts_are_short_and_one_a_line():
    facts = {"a_name": 1 / 3, "levels": ["a", 2.0], "none": None, "n": 12_000, "text": "1\n2"}
    expected = "a name: 0.3333\nlevels: a, 2\nnone: \nn: 12000\ntext: 1 2\n"
    assert printed(output.show_facts, facts).decode() == expected


def test_tables_in_a_pipe_have_a_record_a_line_and_a_tab_between_cells():
    expected = "rank\ttitle\tscore\n1\t[bold]Pain[/bold] and reward\t0.1235\n12\tFear\t\n"
    assert printed(output.show_table, RECORDS).decode() == expected
    assert printed(output.show_table, []) == b""


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_stays_one_where_colours_are_forced(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert printed(output.show_table, [{"id": "7"}]) == b"id\n7\n"
    with standard_streams() as written, output.progress_bar("fetching") as update:
        update(1, 2, "file")
        update(completed=2, total=2, description="file")
    assert (written.stdout, written.stderr) == ("", "")


@pytest.mark.usefixtures("terminal")
def test_tables_at_a_terminal_are_aligned(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    with standard_streams("stdout") as written:
        output.show_table(RECORDS)
    assert screen(written.stdout) == [
        "rank  title                          score",
        "   1  [bold]Pain[/bold] and reward  0.1235",
        "  12  Fear",
        "",
    ]


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_loses_nothing(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    record = {"id": "19158297", "title": "Reward-anticipation", "distance": 0.4941}
    with standard_streams("stdout") as written:
        output.show_table([record])
    header, *lines = screen(written.stdout)
    assert max(map(len, [header, *lines])) <= 24
    for name, end in (("id", "title"), ("title", "distance")):
        column = slice(header.index(name), header.index(end))
        assert "".join(line[column].strip() for line in lines) == record[name]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("watched", ["stdout", "stderr"])
def test_a_bar_is_on_standard_error_if_that_is_a_terminal(watched):
    with standard_streams(watched) as written, output.progress_bar("fetching") as update:
        update(1, 4, "a.tsv")
    assert written.stdout == ""
    assert ("a.tsv" in written.stderr) == (watched == "stderr")
    # It is gone at the end.
    assert set(screen(written.stderr)) == {""}


def bar_after(*updates):
    """Return the words of the last bar and how long its longest piece of one colour is."""
    with standard_streams("stderr") as written, output.progress_bar("start") as update:
        for values in updates:
            update(*values)
    last = written.stderr.split("\r\x1b[2K")[-1]
    return last.split(" ")[0], max(map(len, re.findall("━+", last)))


@pytest.mark.usefixtures("terminal")
def test_a_bar_tells_how_much_is_done_or_that_nobody_knows():
    assert bar_after((1, 4, "fitting"), (2, 4)) == ("fitting", 20)
    assert bar_after((4, 4, "fitting")) == ("fitting", 40)
    # Small pieces move along, also where something else was counted before.
    assert bar_after((0, 0)) == ("start", 1)
    assert bar_after((4, 4, "fitting"), (0, 0, "saving")) == ("saving", 1)


@pytest.mark.usefixtures("terminal")
def test_warnings_are_lines_above_the_bar():
    with standard_streams("stderr") as written, output.progress_bar("measuring"):
        output.complain("warning: one\nline")
        output.complain("warning: another")
    assert [line for line in screen(written.stderr) if line] == [
        "warning: one line",
        "warning: another",
    ]


def test_without_standard_streams_nothing_is_said_and_nothing_fails():
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        output.use_any_encoding()
        output.complain("warning")
        output.show_json({})
        output.show_facts({"a": 1})
        output.show_table(RECORDS)
        with output.progress_bar("measuring") as update:
            update(1, 2)
