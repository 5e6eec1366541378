"""A meta-analysis of the studies that fit a text is that of NiMARE."""

import json

import nibabel
import numpy as np
import pytest

from sklearn_mnm import load_model
from sklearn_mnm.brain import cluster_table
from sklearn_mnm.datasets import load_studies, to_nimare
from tests.cli.conftest import fail, succeed

cbma = pytest.importorskip("nimare.meta.cbma")


@pytest.fixture
def term(fitted):
    return load_model(fitted.folder).terms_[0]


@pytest.mark.parametrize("method", ["ale", "mkda"])
def test_the_map_is_that_of_the_studies_whose_texts_fit_best(
    corpus, fitted, term, tmp_path, method
):
    output = tmp_path / "z.nii.gz"
    options = "--studies", corpus, "--level", "study", "--model", fitted.folder, "-k", 5
    more = "--method", method, "--sample-size", 20, "-o", output, "--json"
    told = json.loads(succeed("meta", term, *options, *more).stdout)
    found = load_model(fitted.folder).retrieve([term], k=5, by="text")
    assert told["ids"] == found["id"].tolist()
    assert (told["method"], told["studies"]) == (method, 5)
    estimator = {"ale": cbma.ALE, "mkda": cbma.MKDADensity}[method]()
    chosen = load_studies(corpus, level="study").select(ids=found["id"])
    expected = estimator.fit(to_nimare(chosen, sample_size=20)).get_map("z")
    np.testing.assert_allclose(nibabel.load(output).get_fdata(), expected.get_fdata(), atol=1e-5)


def test_studies_that_the_model_does_not_know_are_refused(fitted, term, tmp_path):
    table = tmp_path / "others.csv"
    table.write_text("id,x,y,z,title\no1,0,-20,60,pain\no2,2,-22,58,pain\n")
    output = tmp_path / "z.nii.gz"
    told = fail("meta", term, "--studies", table, "--model", fitted.folder, "-o", output)
    assert "studies: 0 of the 2 with peaks are known to the model" in told
    assert "mnm fit" in told
    assert not output.exists()


def test_ale_without_sample_sizes_is_refused_with_a_way_out(fitted, term, tmp_path):
    table = tmp_path / "same.csv"
    names = load_model(fitted.folder).neighbours_.ids[:2]
    table.write_text("id,x,y,z\n" + "".join(f"{name},0,-20,60\n" for name in names))
    output = tmp_path / "z.nii.gz"
    options = "--studies", table, "--model", fitted.folder, "--method", "ale"
    told = fail("meta", term, *options, "-o", output)
    assert "none of the 2 chosen tells its sample size" in told
    assert "method mkda" in told
    assert not output.exists()


def test_mkda_says_nothing_of_sample_sizes(corpus, fitted, term, tmp_path):
    options = "--studies", corpus, "--level", "study", "--model", fitted.folder, "-k", 5
    output = tmp_path / "z.nii.gz"
    assert succeed("meta", term, *options, "--method", "mkda", "-o", output).stderr == ""


def test_studies_with_a_peak_at_a_place_are_listed(corpus, fitted):
    studies = load_studies(corpus)
    place = studies.peaks[["x", "y", "z"]].to_numpy(float)[0]
    given = "--studies", corpus, "--model", fitted.folder, "-k", 1000, "--json"
    told = json.loads(succeed("place", *given, "--", *place).stdout)
    offsets = studies.peaks[["x", "y", "z"]].to_numpy(float) - place
    near = set(studies.peaks["id"][np.linalg.norm(offsets, axis=1) <= 10])
    assert {row["id"] for row in told["studies"]} == near
    assert told["n_studies"] == len(near)
    assert told["studies"][0]["distance"] == 0


def test_words_without_effect_and_clusters_are_told(corpus, fitted, term, tmp_path):
    options = "--studies", corpus, "--level", "study", "--model", fitted.folder, "-k", 20
    output = tmp_path / "z.nii.gz"
    done = succeed("meta", term, "qwxzzy", *options, "-o", output, "--json")
    assert "not known, and without effect: qwxzzy" in done.stderr
    told = json.loads(done.stdout)
    every = cluster_table(output, told["cluster_threshold"])
    is_small = every["volume"] < told["least_cluster_cm3"]
    assert told["clusters_left_out"] == is_small.sum()
    peaks = every.loc[~is_small, "value"].tolist()
    assert [row["value"] for row in told["clusters"]] == pytest.approx(peaks[:10], abs=1e-4)
    in_words = succeed("meta", term, *options, "-o", output).stdout
    assert f"clusters left out: {is_small.sum()}" in in_words
    assert told["cluster_threshold"] == 3.09
