"""What stands out at a place is what the maps of terms say, and what studies report there."""

import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from scipy.spatial import cKDTree

from sklearn_mnm import load_pretrained
from sklearn_mnm.brain.anatomical_labels import load_anatomical_labels
from sklearn_mnm.datasets import load_database
from sklearn_mnm.exceptions import InvalidInputError

PLACES = [(14, 11, -4), (-38, -22, 56)]


@pytest.fixture(scope="module")
def models():
    return load_pretrained()


def test_terms_at_a_place_are_those_whose_maps_are_highest_there(models):
    encoder, _ = models
    ranking = encoder.terms_at(PLACES, k=3)
    assert ranking["place"].tolist() == [0, 0, 0, 1, 1, 1]
    assert ranking["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    others = ["pain", "reading"]
    for number, place in enumerate(PLACES):
        rows = ranking[ranking["place"] == number]
        image = encoder.predict_img([*rows["term"], *others], kind="z")
        voxel = tuple(np.rint(apply_affine(np.linalg.inv(image.affine), place)).astype(int))
        at_place = np.asarray(image.dataobj)[voxel]
        np.testing.assert_allclose(at_place[:3], rows["z"], rtol=1e-4)
        assert (np.diff(rows["z"]) <= 0).all()
        assert at_place[3:].max() < rows["z"].min()
    counts = dict(zip(encoder.terms_, encoder.term_counts_, strict=True))
    assert ranking["n_studies"].tolist() == [counts[term] for term in ranking["term"]]


def test_a_place_without_a_region_is_told_by_its_coordinates(models):
    with pytest.raises(InvalidInputError) as error:
        models.encoder.terms_at([(0, 0, 0), (0, 90, 90.5), (1e6, 0, 0)])
    told = "No region of the model is at (0, 90, 90.5) mm, nor at 1 more of these places. "
    assert str(error.value).startswith(told)


def test_places_are_one_some_or_a_table_of_peaks(models):
    encoder, _ = models
    one = encoder.terms_at(PLACES[0], k=5)
    table = pd.DataFrame(PLACES, columns=["X", "Y", "Z"])
    both = encoder.terms_at(table, k=5)
    pd.testing.assert_frame_equal(both[both["place"] == 0], one)


@pytest.fixture(scope="module")
def reported(models, real_data):
    """Places of the grey matter, and which studies of the model report a peak within 10 mm."""
    encoder, _ = models
    studies = load_database(real_data / "neuroquery")
    labels = load_anatomical_labels()
    kinds = np.r_[[""], labels.table["kind"]][np.asarray(labels.image.dataobj)]
    grey = np.argwhere(np.isin(kinds, ["cortex", "subcortex"]))
    voxels = np.random.default_rng(0).choice(grey, 100, replace=False)
    places = apply_affine(labels.image.affine, voxels)
    near = cKDTree(studies.peaks[["x", "y", "z"]]).query_ball_point(places, 10)
    of_peak = np.repeat(studies.ids.astype(str), studies.peak_counts)
    ids = encoder.neighbours_.ids
    return places, np.array([np.isin(ids, of_peak[rows]) for rows in near])


def test_terms_at_a_place_are_told_by_the_studies_that_report_it(models, reported):
    """Of the first 20, most have z > 1.64 of two shares; of a decoded peak, fewer."""
    encoder, decoder = models
    places, reports = reported
    holds = encoder.study_terms_.astype(np.float64)
    n_studies, counts = holds.shape[0], np.asarray(holds.sum(axis=0)).ravel()
    n_near = reports.sum(axis=1, keepdims=True)
    both = (holds.T @ reports.T).T
    rate = counts / n_studies
    difference = both / n_near - (counts - both) / (n_studies - n_near)
    error = np.sqrt(rate * (1 - rate) * (1 / n_near + 1 / (n_studies - n_near)))
    told = dict(zip(encoder.terms_, (difference / error > 1.64).T, strict=True))

    def share(ranking, number):
        rows = zip(ranking[number], ranking["term"], strict=True)
        return np.mean([told[term][place] for place, term in rows])

    decoded = decoder.predict_topk(list(places[:, None]), k=20)
    assert share(encoder.terms_at(places, k=20), "place") > 0.7 > 0.6 > share(decoded, "map")


def test_studies_most_like_a_peak_report_it_twelve_times_as_often_as_others(models, reported):
    encoder, decoder = models
    places, reports = reported
    found = decoder.retrieve(list(places[:, None]), k=10, by="brain")
    rows = {name: row for row, name in enumerate(encoder.neighbours_.ids)}
    share = np.mean(
        [reports[q, rows[name]] for q, name in zip(found["query"], found["id"], strict=True)]
    )
    assert share > 0.6
    assert reports.mean() < 0.06


@pytest.mark.parametrize("resolution", [0, -1, 21, 1.5, "2", True])
def test_voxel_sizes_are_checked(models, resolution):
    with pytest.raises(InvalidInputError, match="resolution"):
        models.encoder.predict_img(["pain"], resolution=resolution)


def test_maps_of_z_say_so_in_their_headers(models):
    for resolution in (None, 2):
        image = models.encoder.predict_img(["pain"], kind="z", resolution=resolution)
        assert image.header.get_intent()[0] == "z score"
