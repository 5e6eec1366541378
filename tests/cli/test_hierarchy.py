"""Walks, ancestors and descendants on the command line are those of the model."""

import json
from pathlib import Path

import pytest

from sklearn_mnm import load_model, load_pretrained
from tests.cli.conftest import MOTOR_MAP, fail, mnm, succeed

QUERY = "reward anticipation"


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


def told(*arguments):
    return json.loads(succeed(*arguments, "--json").stdout)


def same_rows(found, expected):
    assert [list(row) for row in found] == [list(expected.columns)] * len(expected)
    for name in expected.columns:
        values = [row[name] for row in found]
        if expected[name].dtype.kind == "f":
            assert values == pytest.approx(expected[name].tolist())
        else:
            assert values == expected[name].tolist()


def test_walks_of_texts_are_those_of_the_encoder(model):
    expected = model.encoder.walk(QUERY)
    assert len(expected) > 2
    same_rows(told("walk", QUERY), expected)
    same_rows(told("walk", QUERY, "--steps", 3, "-k", 2), model.encoder.walk(QUERY, n_steps=3, k=2))


def test_ancestors_of_texts_are_those_of_the_encoder(model):
    expected = model.encoder.ancestors([QUERY], k=7, min_probability=0.3)
    assert 0 < len(expected) < 8
    same_rows(
        told("ancestors", QUERY, "-k", 7, "--min-probability", 0.3),
        expected.drop(columns="query"),
    )
    assert len(told("ancestors", QUERY)) == 10


def test_descendants_of_terms_are_those_of_the_encoder(model):
    expected = model.encoder.descendants("memory", k=5)
    same_rows(told("descendants", "Memory", "-k", 5), expected)


def test_of_maps_they_are_those_of_the_decoder(model):
    import nibabel
    import numpy as np

    image = nibabel.load(MOTOR_MAP)
    values = image.get_fdata()
    above = nibabel.Nifti1Image(np.where(values < 3, 0, values), image.affine)
    same_rows(told("walk", MOTOR_MAP, "--threshold", 3), model.decoder.walk(above))
    same_rows(
        told("ancestors", MOTOR_MAP, "--threshold", 3, "-k", 4),
        model.decoder.ancestors(above, k=4).drop(columns="map"),
    )
    side = nibabel.Nifti1Image(-values.astype(np.float32), image.affine)
    same_rows(told("walk", MOTOR_MAP, "--negative"), model.decoder.walk(side))
    same_rows(
        told("ancestors", MOTOR_MAP, "--negative", "-k", 4),
        model.decoder.ancestors(side, k=4).drop(columns="map"),
    )


def test_tables_have_a_row_for_each_step(model):
    header, *rows = [line.split("\t") for line in succeed("walk", QUERY).stdout.splitlines()]
    walk = model.encoder.walk(QUERY)
    assert header == list(walk.columns)
    assert [row[header.index("term")] for row in rows] == walk["term"].tolist()


@pytest.mark.parametrize("command", ["walk", "ancestors"])
def test_it_is_told_that_no_study_has_the_words(command):
    note = "note: no study has all of the terms that these words are read as"
    assert note in succeed(command, "fear of spiders").stderr
    assert note not in succeed(command, QUERY).stderr


def test_of_what_the_text_itself_has_no_probability_is_told(model):
    walk = model.encoder.walk(QUERY)
    _, *rows = [line.split("\t") for line in succeed("walk", QUERY).stdout.splitlines()]
    expected = ["in the text" if p == 1 else f"{p:.4g}" for p in walk["probability"][1:]]
    assert [row[3] for row in rows] == ["", *expected]
    assert "in the text" in expected


def test_what_holds_for_nothing_is_an_empty_list():
    assert told("ancestors", "pain", "--min-probability", 1) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk", "qwxzzy"), "holds no known term"),
        (("ancestors", "qwxzzy"), "holds no known term"),
        (("descendants", "reward anticipaton"), "near are 'reward anticipation'"),
        (("descendants", ""), "no term of the vocabulary"),
        (("walk", "nowhere.nii.gz"), "nowhere.nii.gz"),
    ],
)
def test_what_the_model_does_not_know_is_told(arguments, message):
    assert message in fail(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk", QUERY, "--steps", 0), "--steps"),
        (("walk", QUERY, "-k", 0), "-k"),
        (("ancestors", QUERY, "--min-probability", 1.5), "--min-probability"),
        (("ancestors", QUERY, "--threshold", 3), "the query is a text"),
        (("descendants", QUERY, "-k", "many"), "-k"),
    ],
)
def test_options_out_of_range_are_wrong_usage(arguments, message):
    result = mnm(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_model_without_a_hierarchy_of_terms_says_so():
    former = Path(__file__).parents[1] / "persistence" / "format_1" / "encoder"
    term = load_model(former).terms_[0]
    for command in ("walk", "ancestors", "descendants"):
        assert "knows no hierarchy of terms" in fail(command, term, "-m", former)
