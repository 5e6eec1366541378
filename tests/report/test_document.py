"""HTMLReport: a page that is saved whole and shows itself."""

import contextlib
import os
import stat
import sys
import time
import urllib.error
import urllib.request
from html.parser import HTMLParser

import pytest

from sklearn_mnm.exceptions import StorageError
from sklearn_mnm.report import HTMLReport
from sklearn_mnm.report.document import fill_template

PAGE = '<!DOCTYPE html><html lang="en"><title>é & "quotes"</title><p>1 &lt; 2</p></html>\n'


def test_saved_page_is_the_page(tmp_path):
    report = HTMLReport(PAGE, "a page")
    report.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == PAGE.encode()
    assert str(report) == PAGE
    assert os.listdir(tmp_path) == ["page.html"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_saved_page_can_be_read_by_whom_the_user_lets_read(tmp_path):
    HTMLReport(PAGE, "a page").save(tmp_path / "page.html")
    (tmp_path / "plain.txt").touch()
    modes = [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()]
    assert modes[0] == modes[1]


def test_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "page.html"
    HTMLReport(PAGE, "a page").save(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # as on a full disk
    try:
        with pytest.raises(StorageError, match="Free some space"):
            HTMLReport("another page " * 9, "a page").save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text(encoding="utf-8") == PAGE
    assert os.listdir(tmp_path) == ["page.html"]


def test_saving_where_there_is_no_folder_fails(tmp_path):
    with pytest.raises(StorageError, match="Make the folder first"):
        HTMLReport(PAGE, "a page").save(tmp_path / "nowhere" / "page.html")


def test_notebooks_show_the_page_in_a_named_frame_in_which_nothing_runs():
    frames = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            frames.append((tag, dict(attrs)))

    Reader().feed(HTMLReport(PAGE, 'a "page" <b>')._repr_html_())
    ((tag, attributes),) = frames
    assert tag == "iframe"
    assert attributes["srcdoc"] == PAGE
    assert attributes["title"] == 'a "page" <b>'
    assert "allow-scripts" not in attributes["sandbox"]


def test_browser_is_given_the_page(monkeypatch):
    seen = []

    def read(address, *args, **kwargs):
        for _ in range(100):  # the server starts beside, as slowly as the machine is busy
            with contextlib.suppress(urllib.error.URLError):
                with urllib.request.urlopen(address) as answer:
                    seen.append(answer.read().decode())
                return True
            time.sleep(0.1)
        return False

    monkeypatch.setattr("webbrowser.open", read)
    HTMLReport(PAGE, "a page").open_in_browser()
    assert seen == [PAGE]


def test_templates_escape_and_miss_nothing(tmp_path):
    (tmp_path / "own.html.jinja").write_text(
        '{% extends "base.html.jinja" %}{% block main %}{{ word }}{% endblock %}', encoding="utf-8"
    )
    page = fill_template("own.html.jinja", tmp_path, title="<i>", word="<script>")
    assert "<script>" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    with pytest.raises(Exception, match="'word' is undefined"):
        fill_template("own.html.jinja", tmp_path, title="a page")
