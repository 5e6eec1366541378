import shutil

import pytest


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """Work on a copy of the code, so that it can be changed."""
    from benchmarks.common import runner

    copy = tmp_path / "repository"
    for folder in ("sklearn_mnm", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", ".cache", "results")
        shutil.copytree(runner.REPOSITORY / folder, copy / folder, ignore=ignored)
    monkeypatch.setattr(runner, "REPOSITORY", copy)
    return copy


def add(path, line):
    path.write_text(f"{path.read_text()}\n{line}\n")


@pytest.mark.parametrize(
    "source",
    [
        "sklearn_mnm/model/alignment.py",
        "sklearn_mnm/geometry/lorentz.py",
        "sklearn_mnm/brain/regions.py",
        "sklearn_mnm/nn/losses.py",
        "benchmarks/common/protocol.py",
        "benchmarks/common/tuning.py",
        "benchmarks/common/worker.py",
        "benchmarks/models/towers.py",
        "benchmarks/quality/queries.py",
    ],
)
def test_a_result_is_made_again_when_code_changed_and_not_for_a_comment(repository, source):
    from benchmarks.common.runner import result_digest

    def name():
        return result_digest({"dropout": 0.1}, "benchmarks/quality/queries.py")

    before = name()
    path = repository / source
    add(path, "# A comment changes no result.")
    assert name() == before
    add(path, "CHANGED = True")
    assert name() != before


def test_a_new_module_of_the_package_changes_the_name_of_a_result(repository):
    from benchmarks.common.runner import code_digest

    before = code_digest()
    (repository / "sklearn_mnm" / "nn" / "extra.py").write_text("ANSWER = 1\n")
    assert code_digest() != before


@pytest.mark.parametrize("folder", ["app", "cli", "plotting", "report"])
def test_code_that_only_shows_results_keeps_their_names(repository, folder):
    from benchmarks.common.runner import code_digest

    before = code_digest()
    add(repository / "sklearn_mnm" / folder / "__init__.py", "CHANGED = True")
    assert code_digest() == before


def test_the_name_of_a_result_changes_with_its_setting():
    from benchmarks.common.runner import result_digest

    names = {result_digest(setting) for setting in ({}, {"dropout": 0.1}, [{}, 100], [{}, None])}
    assert len(names) == 4
    assert result_digest({"a": 1, "b": 2}) == result_digest({"b": 2, "a": 1})


@pytest.mark.parametrize("source", ["sklearn_mnm/gone.py", "benchmarks/empty"])
def test_a_source_that_is_not_there_is_an_error(repository, source):
    from benchmarks.common.runner import code_digest

    (repository / "benchmarks" / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"{source}: no such module"):
        code_digest(source)


def test_docstrings_leave_the_code_the_same_and_numbers_do_not():
    from benchmarks.common.runner import _code

    plain = _code("def f(x):\n    return x + 1\n")
    assert _code('"""Module."""\ndef f(x):\n    """Add."""\n    return x + 1  # one\n') == plain
    assert _code("def f(x):\n    return x + 2\n") != plain


def test_sources_that_scripts_name_exist():
    from benchmarks.quality import decoding, queries, variant_runs

    variant_runs.code_digest()
    decoding._digest()
    assert len({queries._digest(name) for name in queries.FITS}) == len(queries.FITS)
