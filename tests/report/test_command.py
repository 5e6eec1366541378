"""The command mnm report writes pages."""

import importlib
import json

import pytest

from sklearn_mnm import save_model

pytest.importorskip("typer")
app = importlib.import_module("sklearn_mnm.cli._app").app
CliRunner = importlib.import_module("typer.testing").CliRunner


def mnm(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_queries_are_reported(tmp_path, read_page):
    output = tmp_path / "fear.html"
    result = mnm("report", "fear <script>", "-o", output, "-k", 3, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "file": str(output),
        "title": "Brain map of “fear <script>”",
    }
    page = read_page(output.read_text(encoding="utf-8"))
    assert (2, "fear <script>") in page.headings
    assert len([link for link in page.all("a") if "pubmed" in link["href"]]) == 3


def test_a_saved_model_is_reported(tmp_path, small_encoder, read_page):
    save_model(small_encoder, tmp_path / "model")
    result = mnm("report", "--model", tmp_path / "model", "-o", tmp_path / "model.html")
    assert result.exit_code == 0, result.output
    page = read_page((tmp_path / "model.html").read_text(encoding="utf-8"))
    assert "Model of 140 studies" in page.text
    # Of its maker nothing is known.
    assert "Card" not in [text for _, text in page.headings]


def test_the_model_of_the_package_is_reported_with_its_card(tmp_path, read_page, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Where mnm fetch has put the corpus there is a folder of the same name.
    (tmp_path / "neuroquery").mkdir()
    result = mnm("report", "-o", "model.html")
    assert result.exit_code == 0, result.output
    page = read_page((tmp_path / "model.html").read_text(encoding="utf-8"))
    assert (2, "Card") in page.headings
    assert "Model card: neuroquery" in page.text


def test_only_pages_are_written(tmp_path):
    result = mnm("report", "fear", "-o", tmp_path / "fear.pdf")
    assert result.exit_code == 2
    assert ".html" in result.output
    assert list(tmp_path.iterdir()) == []
