"""The commands together: help, exit codes, errors and warnings."""

import re
import shlex
import warnings
from pathlib import Path

import pytest
import typer

from sklearn_mnm.exceptions import DataFormatError
from tests.cli.conftest import MOTOR_MAP, app, fail, mnm, screen, succeed

GROUP = typer.main.get_command(app)


@pytest.mark.parametrize("command", GROUP.commands)
def test_each_command_explains_itself(command):
    output = succeed(command, "--help").output
    assert f"mnm {command} " in output
    assert ("--json" in output) == (command != "app")


def examples():
    for name, command in GROUP.commands.items():
        for example in command.epilog.split("\n\n")[1:]:
            yield pytest.param(name, example, id=example)


@pytest.mark.parametrize(("command", "example"), list(examples()))
def test_the_examples_of_the_help_are_well_formed(command, example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(example)
    assert words[:2] == ["mnm", command]
    for word in words:
        if word.endswith((".txt", ".csv", ".json")):
            Path(word).touch()
    # Reads the arguments as a call does, without doing anything.
    GROUP.commands[command].make_context(command, words[2:])


def test_without_a_command_the_help_is_shown():
    result = mnm()
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage" in " ".join(result.output.split())
    assert all(command in result.output for command in GROUP.commands)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "absent.nii.gz"], "absent.nii.gz: cannot be read as an image"),
        (["decode", MOTOR_MAP, "-m", "nowhere"], "there is no folder 'nowhere'"),
        (["decode", MOTOR_MAP, "--level", "lobe"], "level='lobe'"),
        (["decode", MOTOR_MAP, "--threshold", "-1"], "threshold=-1.0"),
        (["encode", "qwxzzy", "-o", "map.nii"], "nothing to predict from"),
        (["encode", "pain", "-o", "no/such/folder/map.nii"], "No such file or directory"),
        (["info", "absent.csv"], "there is no such file"),
        (["fetch", "neuroquery", "--mirror", "ftp://x"], "mirror='ftp://x'"),
        (["fetch", "neurosynth", "--mirror", "file:///nowhere/"], "SKLEARN_MNM_MIRROR"),
        (
            ["fetch", "neurosynth", "--vocabulary", "LDA50", "--mirror", "file:///nowhere/"],
            "vocab-LDA50_vocabulary.txt",
        ),
    ],
)
def test_failures_are_one_line_and_exit_with_1(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKLEARN_MNM_CACHE", str(tmp_path))
    assert message in fail(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode"], "Missing argument"),
        (["bogus"], "No such command"),
        (["encode", "pain"], "--output"),
        (["encode", "pain", "-o", "map.txt"], "must end in .nii"),
        (["encode", "pain", "-o", "map.nii", "--kind", "colour"], "colour"),
        (["encode", "pain", "-o", "map.nii", "--resolution", "0"], "--resolution"),
        (["decode", MOTOR_MAP, "-k", "0"], "-k"),
        (["fit", "absent.txt", "-o", "model"], "absent.txt"),
        (["search", "pain", "--threshold", "3"], "--threshold is for maps"),
        (["fetch", "brainmap"], "brainmap"),
        (["fetch", "neuroquery", "--vocabulary", "LDA50"], "--vocabulary is for neurosynth"),
        (["fetch", "neurosynth", "--source", "body"], "--source is for neuroquery"),
        (["info", "neuroquery", "--level", "study"], "but neuroquery is a model"),
        (["report", "pain", "-o", "page.pdf"], "must end in .html"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKLEARN_MNM_CACHE", str(tmp_path))
    result = mnm(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr
    # Without the box that is drawn around it.
    assert message in " ".join(re.sub("[│╭╰─╮╯|+]", " ", result.stderr).split())
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_errors_come_from():
    result = mnm("--debug", "decode", "absent.nii.gz")
    assert isinstance(result.exception, DataFormatError)


def test_errors_at_a_terminal_are_one_line_too(terminal):
    result = terminal("decode", "absent.nii.gz", watched=("stderr",))
    assert result.exit_code == 1
    (error, nothing) = screen(result.stderr)
    assert error.startswith("error: absent.nii.gz: ")
    assert nothing == result.stdout == ""


def test_a_command_leaves_warnings_as_they_were():
    before = warnings.showwarning, list(warnings.filters)
    mnm("decode", "absent.nii.gz")
    assert (warnings.showwarning, list(warnings.filters)) == before
