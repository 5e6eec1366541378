"""The main job on real studies: features, embedding, retrieval, maps."""

import warnings

import nibabel
import numpy as np
import pytest
from sklearn.base import clone

from sklearn_mnm import HyperbolicBrainTextEmbedder, PeaksToRegions, TermVectorizer, load_database
from sklearn_mnm.brain.features import relative_extent
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.metrics import dice_top, map_correlation, recall_at_k


@pytest.fixture(scope="module")
def corpus(real_data):
    """2,500 training and 500 other studies of NeuroQuery, their text features and regions."""
    studies = load_database(real_data / "neuroquery")
    order = np.random.default_rng(0).permutation(len(studies))
    train, test = studies[order[:2500]], studies[order[2500:3000]]
    vectorizer = TermVectorizer(vocabulary=studies.vocabulary)
    X = vectorizer.fit_transform(train.counts), vectorizer.transform(test.counts)
    converter = PeaksToRegions(n_regions=256, random_state=0)
    with pytest.warns(DataWarning, match="peaks"):
        Y_train = converter.fit_transform(train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the same, on the other studies
        Y_test, voxels = converter.transform(test), converter.transform_voxels(test)
    Y = Y_train, Y_test
    return {"X": X, "Y": Y, "voxels": voxels, "converter": converter, "vectorizer": vectorizer}


@pytest.fixture(scope="module")
def embedder(corpus):
    return HyperbolicBrainTextEmbedder(random_state=0).fit(corpus["X"][0], corpus["Y"][0])


def test_unseen_studies_find_their_partners_both_ways(corpus, embedder):
    similarity = embedder.similarity(*embedder.transform(corpus["X"][1], corpus["Y"][1]))
    # Chance is 2; a fifth of the corpus and half the regions cost some of the full fit's figures.
    assert recall_at_k(similarity, 10) > 22
    assert recall_at_k(similarity.T, 10) > 22


def test_training_improves_on_the_closed_form(corpus, embedder):
    start = clone(embedder).set_params(max_epochs=0).fit(corpus["X"][0], corpus["Y"][0])
    score, score_at_start = (e.score(corpus["X"][1], corpus["Y"][1]) for e in (embedder, start))
    assert embedder.best_epoch_ > 0
    assert score > score_at_start + 0.01


def test_predicted_maps_are_closer_than_the_mean_map(corpus, embedder):
    regions = embedder.predict(corpus["X"][1])
    predicted = corpus["converter"].voxels_from_regions(regions)
    mean = corpus["converter"].voxels_from_regions(corpus["Y"][0].mean(axis=0))
    mean = np.broadcast_to(mean, predicted.shape)
    observed = corpus["voxels"]
    gain = np.nanmean(map_correlation(predicted, observed)) - np.nanmean(
        map_correlation(mean, observed)
    )
    assert gain > 0.02
    assert np.mean(dice_top(predicted, observed)) > np.mean(dice_top(mean, observed)) + 0.03


def test_brains_lie_further_out_than_texts(corpus, embedder):
    text, brain = embedder.transform(corpus["X"][1], corpus["Y"][1])
    known = text[:, 0] > 1
    assert (np.arccosh(text[known, 0]) < np.arccosh(brain[known, 0])).mean() > 0.95


def test_broad_unseen_maps_lie_nearer_to_the_origin_than_focal_ones(corpus, embedder):
    radii = np.arccosh(embedder.transform_brain(corpus["Y"][1])[:, 0])
    extent = relative_extent(corpus["Y"][1])
    broader = extent[:, np.newaxis] - extent > 0.1
    assert broader.sum() > 10_000
    assert (radii[:, np.newaxis] < radii)[broader].mean() > 0.9


def test_a_query_becomes_an_image_with_its_peak_where_it_belongs(corpus, embedder, tmp_path):
    # Auditory cortex lies in the superior temporal gyri, |x| > 40 mm, y about -20, z about 5.
    X = corpus["vectorizer"].transform(["auditory cortex response to sounds and speech"])
    image = corpus["converter"].inverse_transform(embedder.predict(X))
    nibabel.save(image, tmp_path / "map.nii.gz")
    volume = nibabel.load(tmp_path / "map.nii.gz").get_fdata()
    peak = np.unravel_index(volume.argmax(), volume.shape)
    x, y, z = nibabel.affines.apply_affine(image.affine, peak)
    assert abs(x) > 40
    assert -45 < y < 10
    assert -12 < z < 22
