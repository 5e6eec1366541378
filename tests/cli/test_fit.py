"""Models are fitted, saved and measured; what goes wrong leaves no file behind."""

import json
import logging
import re
import signal

import numpy as np
import pytest

from sklearn_mnm import PeaksToRegions, load_model
from sklearn_mnm.persistence import read_description
from tests.cli.conftest import fail, mnm, screen, succeed

SIZES = "--n-regions", 20, "--n-components", 8, "--level", "study"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def new_studies(fitted, tmp_path):
    """A table of four studies that the model has not seen, the last one without peaks."""
    pain, fear = load_model(fitted.folder).terms_[:2]
    path = tmp_path / "new.csv"
    path.write_text(
        f"id,x,y,z,title\nn1,0,-20,60,{pain}\nn1,2,-22,58,{pain}\nn2,-40,20,10,{fear}\n"
        f"n3,30,-60,50,{pain} {fear}\nn4,,,,{fear}\n"
    )
    return path


def test_a_model_is_what_was_asked_for_and_told(fitted):
    encoder = load_model(fitted.folder)
    told = {name: fitted.told[name] for name in ("studies", "papers", "regions", "dimensions")}
    assert told == {"studies": 120, "papers": 120, "regions": 20, "dimensions": 8}
    assert (len(encoder.neighbours_.ids), encoder.n_regions_) == (120, 20)
    assert (fitted.told["terms"], fitted.told["model"]) == (len(encoder.terms_), str(fitted.folder))
    assert encoder.embedder_.n_components_ == 8
    assert encoder.random_state == encoder.regions.random_state == 3
    assert read_description(fitted.folder)["precision"] == "compact"
    # Nothing of the making lies beside it, nor the model that was there before.
    assert [path.name for path in fitted.folder.parent.iterdir()] == ["model"]


def test_a_folder_that_is_there_is_not_touched(corpus, fitted, tmp_path):
    before = contents(fitted.folder)
    assert "exists; give another name or --overwrite" in fail("fit", corpus, "-o", fitted.folder)
    assert contents(fitted.folder) == before

    # Refused before the studies, which are none, are read.
    (tmp_path / "thesis.txt").write_text("words")
    nonsense = tmp_path / "thesis.txt"
    told = fail("fit", nonsense, "-o", tmp_path, "--overwrite")
    assert f"{tmp_path} holds files that are no part of a model and would be lost: thesis" in told
    told = fail("fit", nonsense, "-o", nonsense, "--overwrite")
    assert f"output: {nonsense} is a file" in told
    assert contents(tmp_path) == {"thesis.txt": b"words"}


class InterruptAtEpoch(logging.Handler):
    """Press Ctrl+C when the second epoch is done."""

    def emit(self, record):
        if record.msg.startswith("epoch") and record.args[0] == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def coarse_regions(monkeypatch):
    """Regions of voxels of 8 mm, which are found in less than a second."""
    defaults = PeaksToRegions.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "resolution", 8)
    monkeypatch.setitem(defaults, "max_distance", 1000)


@pytest.mark.usefixtures("coarse_regions")
def test_an_interrupted_fit_makes_nothing_and_leaves_the_old_model(corpus, fitted, terminal):
    logger = logging.getLogger("sklearn_mnm.nn.training")
    level, handler = logger.level, InterruptAtEpoch()
    logger.setLevel("DEBUG")
    logger.addHandler(handler)
    before = contents(fitted.folder)
    # Where tests run in the background, the shell has them ignore Ctrl+C.
    signals = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = terminal("fit", corpus, "-o", fitted.folder, "--overwrite", *SIZES)
    finally:
        signal.signal(signal.SIGINT, signals)
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert contents(fitted.folder) == before
    assert [path.name for path in fitted.folder.parent.iterdir()] == ["model"]
    # A bar was shown meanwhile; what is left is no half of one.
    assert "finding regions and terms" in result.stderr
    assert "".join(screen(result.stderr)).strip() in ("", "Aborted.", "Aborted!")


def test_studies_of_the_fit_are_measured_only_if_asked_for(corpus, fitted, tmp_path):
    options = "-m", fitted.folder, "--level", "study"
    assert "fitted to all 120 studies; --seen measures" in fail("evaluate", corpus, *options)
    measured = json.loads(succeed("evaluate", corpus, *options, "--seen", "--json").stdout)
    assert measured["studies"] == 120
    assert measured["text_to_brain"]["R@10"] > 2 * measured["chance"]["R@10"]
    assert measured["map_correlation"] > 0

    lines = corpus.read_text(encoding="utf-8").splitlines()
    half = len(lines) // 2
    renamed = [re.sub("^// (?!Subj|Ref)", "// new ", line) for line in lines[half:]]
    mixed = tmp_path / "mixed.txt"
    mixed.write_text("\n".join(lines[:half] + renamed), encoding="utf-8")
    result = succeed("evaluate", mixed, *options, "--json")
    assert "are left out: the model was fitted to them; --seen keeps them" in result.stderr
    assert 50 < json.loads(result.stdout)["studies"] < 70


def test_facts_say_the_same_as_json(fitted, new_studies):
    arguments = "evaluate", new_studies, "-m", fitted.folder
    told = json.loads(succeed(*arguments, "--json").stdout)
    lines = dict(line.split(": ") for line in succeed(*arguments).stdout.splitlines())
    assert (lines["studies"], lines["left out without peaks"]) == ("3", "1")
    assert (told["studies"], told["left_out_without_peaks"]) == (3, 1)
    for name in ("text_to_brain", "brain_to_text", "chance"):
        measures = told.pop(name)
        assert set(measures) == {"R@1", "MM"}
        for measure, value in measures.items():
            shown = lines.pop(f"{name.replace('_', ' ')} {measure}, %")
            assert float(shown) == pytest.approx(value, rel=1e-3)
    assert list(lines) == [name.replace("_", " ") for name in told]
    assert float(lines["map correlation"]) == pytest.approx(told["map_correlation"], rel=1e-3)


def test_measures_are_those_of_the_model(fitted, new_studies):
    from sklearn_mnm.datasets import load_studies
    from sklearn_mnm.metrics import map_correlation

    told = json.loads(succeed("evaluate", new_studies, "-m", fitted.folder, "--json").stdout)
    encoder = load_model(fitted.folder)
    with pytest.warns(match="have no peaks"):
        studies = load_studies(new_studies)[np.arange(3)]
    expected = map_correlation(encoder.predict(studies), encoder.regions_.transform(studies)).mean()
    assert told["map_correlation"] == pytest.approx(expected, rel=1e-5)


def test_too_few_studies_cannot_be_measured(fitted, new_studies):
    lines = new_studies.read_text().splitlines(keepends=True)
    new_studies.write_text("".join([lines[0], lines[1], lines[-1]]))
    told = fail("evaluate", new_studies, "-m", fitted.folder)
    assert told.startswith("data: 1 studies with peaks; two or more are needed")


@pytest.mark.usefixtures("coarse_regions")
@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("id,x,y\n1,2,3\n", "missing column"),
        ("id,x,y,z,title\n1,a,2,3,pain\n", "peaks.csv: line 2"),
        ("id,x,y,z\n1,1,2,3\n2,1,2,3\n", "neither term counts nor texts"),
    ],
)
def test_tables_with_wrong_columns_make_no_model(table, told, tmp_path, fitted):
    path = tmp_path / "peaks.csv"
    path.write_text(table)
    assert told in fail("evaluate", path, "-m", fitted.folder)
    assert told in fail("fit", path, "-o", tmp_path / "model", "--n-regions", 2)
    assert [file.name for file in tmp_path.iterdir()] == ["peaks.csv"]


def test_forms_are_those_that_are_named(tmp_path):
    path = tmp_path / "foci.txt"
    path.write_text("id,x,y,z,title\n1,1,2,3,pain\n")
    for named in ([], ["--format", "table"]):
        told = json.loads(succeed("info", path, *named, "--json").stdout)
        assert (told["studies"], told["peaks"]) == (1, 1)
    assert mnm("info", path, "--format", "sleuth").exit_code == 1
