"""What the bundled model knows agrees with what is known."""

from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import fetch_coords_seitzman_2018
from nilearn.image import threshold_img
from scipy.spatial import cKDTree

import sklearn_mnm
from sklearn_mnm import MNMDecoder, MNMEncoder, load_pretrained, model_card
from sklearn_mnm.brain.atlas import image_from_voxels
from sklearn_mnm.brain.smoothness import smooth_noise
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# In mm: peaks of one activation scatter by about a centimetre from study to study (Eickhoff et al.
# 2009, doi:10.1002/hbm.20718).
TOLERANCE = 10
LARGEST = 14_000_000
MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"

# Of the Harvard-Oxford cortical atlas: label value of each region.
CORTEX = {
    "insula": 2,
    "superior frontal": 3,
    "middle frontal": 4,
    "inferior frontal, triangular": 5,
    "inferior frontal, opercular": 6,
    "precentral": 7,
    "superior temporal, anterior": 9,
    "superior temporal, posterior": 10,
    "middle temporal, temporo-occipital": 13,
    "inferior temporal, temporo-occipital": 16,
    "postcentral": 17,
    "superior parietal": 18,
    "supramarginal, anterior": 19,
    "supramarginal, posterior": 20,
    "angular": 21,
    "lateral occipital, superior": 22,
    "lateral occipital, inferior": 23,
    "frontal medial": 25,
    "supplementary motor": 26,
    "paracingulate": 28,
    "cingulate, anterior": 29,
    "cingulate, posterior": 30,
    "precuneus": 31,
    "parahippocampal, anterior": 34,
    "parahippocampal, posterior": 35,
    "fusiform, temporo-occipital": 39,
    "planum polare": 44,
    "Heschl": 45,
    "planum temporale": 46,
}
# Query, regions that may hold the peak of its z map, and what its decoded terms must hold.
KNOWN = {
    "finger tapping": (["precentral", "postcentral", "supplementary motor"], {"finger", "motor"}),
    "visual motion": (
        ["lateral occipital, inferior", "middle temporal, temporo-occipital"],
        {"motion", "visual motion"},
    ),
    "fear": (["amygdala"], {"fear"}),
    "reward": (["basalGanglia"], {"reward"}),
    "speech production": (
        ["inferior frontal, opercular", "inferior frontal, triangular", "insula", "precentral"],
        {"speech", "speech production"},
    ),
    "auditory": (
        [
            "superior temporal, anterior",
            "superior temporal, posterior",
            "Heschl",
            "planum temporale",
            "planum polare",
        ],
        {"auditory"},
    ),
    "working memory": (
        [
            "middle frontal",
            "superior parietal",
            "supramarginal, anterior",
            "angular",
            "supramarginal, posterior",
            "superior frontal",
        ],
        {"working memory"},
    ),
    "default mode": (
        ["cingulate, posterior", "precuneus", "frontal medial", "angular"],
        {"default mode", "dmn"},
    ),
    "pain": (["insula", "cingulate, anterior", "paracingulate"], {"pain"}),
    "reading": (
        [
            "fusiform, temporo-occipital",
            "inferior temporal, temporo-occipital",
            "inferior frontal, opercular",
            "inferior frontal, triangular",
        ],
        {"reading"},
    ),
    "navigation": (
        ["parahippocampal, anterior", "parahippocampal, posterior", "hippocampus"],
        {"navigation"},
    ),
    "saccades": (["precentral", "middle frontal", "superior frontal"], {"saccade", "saccades"}),
}
LEFT = {"reading"}
# Query, and more general terms of which its walk must pass one.
BROADER = {
    "finger tapping": {"finger", "hand", "motor"},
    "visual motion": {"motion", "visual"},
    "fear": {"anxiety", "amygdala", "emotional"},
    "speech production": {"speech", "language"},
    "working memory": {"memory"},
    "visual working memory": {"working memory", "memory"},
    "default mode": {"resting state", "functional connectivity", "connectivity"},
    "reading": {"word", "language"},
    "navigation": {"hippocampus", "memory"},
    "saccades": {"saccade", "eye", "movements"},
}
# Of the centres of Seitzman et al. 2020.
SUBCORTEX = ("amygdala", "hippocampus", "basalGanglia")


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


@pytest.fixture(scope="module")
def places():
    """Positions in mm of voxels of cortical regions and of centres of subcortical ones, by name."""
    nimare = pytest.importorskip("nimare")
    folder = Path(nimare.__file__).parent / "resources" / "atlases"
    atlas = nibabel.load(folder / "HarvardOxford-cort-maxprob-thr25-2mm.nii.gz")
    labels = np.asarray(atlas.dataobj)
    found = {
        name: nibabel.affines.apply_affine(atlas.affine, np.argwhere(labels == value))
        for name, value in CORTEX.items()
    }
    rois = fetch_coords_seitzman_2018()
    centres = np.asarray(rois.rois, dtype=float)
    for name in SUBCORTEX:
        found[name] = centres[np.asarray(rois.regions) == name]
    found["cortex"] = nibabel.affines.apply_affine(atlas.affine, np.argwhere(labels > 0))
    return found


@pytest.mark.parametrize("query", KNOWN)
def test_maps_peak_where_they_are_known_to(model, places, query):
    image = model.encoder.predict_img([query], kind="z")
    inside = np.argwhere(np.asarray(model.encoder.regions_.mask_img_.dataobj) > 0)
    positions = nibabel.affines.apply_affine(image.affine, inside)
    values = image.get_fdata()[tuple(inside.T)]
    # Only where the atlases say what is there: cerebellum and white matter they leave out.
    named = np.concatenate([places["cortex"], *(places[n] for n in SUBCORTEX)])
    covered = cKDTree(named).query(positions)[0] < TOLERANCE / 2
    peak = positions[covered][values[covered].argmax()]
    regions = KNOWN[query][0]
    distances = {name: cKDTree(places[name]).query(peak)[0] for name in regions}
    assert min(distances.values()) <= TOLERANCE, (peak, distances)
    if query in LEFT:
        assert peak[0] < 0


@pytest.mark.parametrize("query", KNOWN)
def test_a_map_of_a_concept_decodes_to_it(model, query):
    image = model.encoder.predict_img([query])
    assert KNOWN[query][1] & set(model.decoder.predict(image)[0])


def test_a_real_motor_map_decodes_to_motor_terms(model):
    terms = set(model.decoder.predict(threshold_img(str(MOTOR_MAP), 3.0))[0])
    assert {"motor", "hand", "m1"} <= terms


def test_pooled_pain_studies_decode_to_pain(model):
    nimare = pytest.importorskip("nimare")
    from sklearn_mnm import load_studyset

    studies = load_studyset(Path(nimare.__file__).parent / "resources/nidm_pain_studyset.json")
    pooled = studies.peaks[["x", "y", "z"]].to_numpy()
    assert "pain" in model.decoder.predict([pooled])[0][:5]


@pytest.mark.parametrize("query", BROADER)
def test_walks_lead_up_to_what_is_more_general(model, query):
    walk = model.encoder.walk(query)
    assert walk["term"][0] == query
    assert BROADER[query] & set(walk["term"][1:])
    assert walk["term"].is_unique
    assert (np.diff(walk["radius"]) < 0).all()
    assert (np.diff(walk["n_studies"]) > 0).all()
    assert walk["probability"].min() >= 0.2


def test_terms_of_a_title_are_nearer_to_the_root_than_the_title(model):
    titles = [str(title) for title in model.encoder.neighbours_.titles[::12]]
    held = model.encoder.term_vectorizer_.transform(titles).tocoo()
    curvature = model.encoder.embedder_.curvature_
    radius = np.arccosh(np.sqrt(curvature) * model.encoder.transform(titles)[:, 0])
    of_terms = model.encoder._term_hierarchy().radii[held.col]
    assert len(of_terms) > 2000
    assert np.mean(of_terms <= radius[held.row] / np.sqrt(curvature) + 1e-6) >= 0.99


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("working memory", {"working", "memory"}),
        ("visual motion", {"visual", "motion"}),
        ("visual working memory", {"visual", "working", "memory", "working memory"}),
    ],
)
def test_parts_of_a_term_are_its_certain_ancestors(model, query, parts):
    certain = model.encoder.ancestors([query], k=20, min_probability=0.999)
    assert set(certain["term"]) >= parts
    (certain_of_pain,) = model.encoder.ancestors(["pain"], k=1)["probability"]
    assert certain_of_pain < 0.9


def test_kinds_of_memory_are_below_it(model):
    below = model.encoder.descendants("memory", k=20)
    assert {"working memory", "episodic memory"} <= set(below["term"])
    assert (np.diff(below["rank"]) == 1).all()
    with pytest.raises(InvalidInputError, match=r"'memroy' is no term.*'memory'"):
        model.encoder.descendants("memroy")


@pytest.mark.parametrize("query", ["pain", "speech production", "default mode", "reading"])
def test_the_map_of_a_concept_has_it_among_its_ancestors_and_leads_up(model, query):
    image = model.encoder.predict_img([query])
    assert KNOWN[query][1] & set(model.decoder.ancestors(image, k=10)["term"])
    walk = model.decoder.walk(image)
    assert (KNOWN[query][1] | BROADER.get(query, set())) & set(walk["term"][1:])
    assert (np.diff(walk["radius"]) < 0).all()


def test_it_is_small_and_its_card_tells_what_it_holds(model):
    folder = Path(sklearn_mnm.__file__).parent / "persistence" / "pretrained_models"
    assert sum(path.stat().st_size for path in folder.rglob("*")) < LARGEST
    card = model_card()
    for part in ("Data", "licence", "made", "Quality", "Limits", "doi:10.7554/eLife.53385"):
        assert part in card
    assert f"{len(model.decoder.terms_):,} terms" in card


def test_studies_come_with_ids_and_titles(model):
    found = model.encoder.retrieve(["pain"], k=5)
    assert list(found.columns) == ["query", "rank", "id", "title", "similarity"]
    assert found["id"].str.fullmatch(r"\d{7,8}").all()
    assert found["title"].str.lower().str.contains("pain|noxious|nocicept|hyperalges").sum() >= 4


def test_both_classes_load_it(model):
    encoder, decoder = MNMEncoder.from_pretrained("neuroquery"), MNMDecoder.from_pretrained()
    query = ["working memory"]
    np.testing.assert_array_equal(encoder.predict(query), model.encoder.predict(query))
    maps = encoder.predict(query)
    np.testing.assert_array_equal(decoder.predict(maps), model.decoder.predict(maps))


def spheres_of(first):
    """Spheres in both amygdalae and the calcarine sulcus, of 1 mm voxels."""
    values = np.zeros((182, 218, 182), np.uint8)
    places = np.indices(values.shape).reshape(3, -1).T + np.asarray(first, dtype=float)
    for centre in ([24, -4, -18], [-24, -4, -18], [6, -86, 0]):
        values.ravel()[np.linalg.norm(places - centre, axis=1) <= 3] = 1
    affine = np.eye(4)
    affine[:3, 3] = first
    return nibabel.Nifti1Image(values, affine)


def test_small_regions_of_interest_keep_their_words_on_another_grid():
    _, decoder = load_pretrained()
    words = [
        decoder.predict_topk(spheres_of(first), k=8)["term"].tolist()
        for first in ([-90, -126, -72], [-90.5, -125.5, -71.5])
    ]
    assert words[0][:3] == words[1][:3]
    assert {"amygdala", "fear"} <= set(words[0]) & set(words[1])


def test_images_in_arrays_series_and_iterators_are_decoded_like_lists():
    _, decoder = load_pretrained()
    path = str(MOTOR_MAP)
    expected = decoder.predict_topk([path, path], k=3)
    paths = np.array([path, path])
    for maps in (paths, pd.Series(paths, index=[5, 2]), iter([path, path])):
        assert decoder.predict_topk(maps, k=3).equals(expected)
    assert decoder.predict_topk(tuple(paths), k=3).equals(expected)


def test_noise_is_told_from_a_real_map(model):
    """Of noise one map in twenty stands out; words of the others come with a warning."""
    decoder, mask = model.decoder, model.encoder.regions_.mask_img_
    fwhm = np.linspace(5, 20, 60)
    noise = [
        image_from_voxels(values.astype(np.float32), mask)
        for values in smooth_noise(mask, fwhm, seed=11)
    ]
    p = decoder.noise_p_values(noise)
    assert (p <= 0.05).sum() <= 7  # of 60 at 0.05, more once in a hundred times
    assert decoder.noise_p_values(str(MOTOR_MAP))[0] <= 0.05
    dull = noise[int(np.argmax(p))]
    with pytest.warns(DataWarning, match="Nothing stands out of the map"):
        ranking = decoder.predict_topk(dull, k=3)
    assert ranking["p_map"].tolist() == [p.max()] * 3


def test_similar_studies_speak_of_the_query_and_show_its_map(model):
    """Nine in ten of the first ten studies use the one term that a query names."""
    encoder = model.encoder
    held = encoder._term_hierarchy().held
    counts = np.asarray(held.sum(axis=0)).ravel()
    frequent = [row for row in np.argsort(encoder.terms_) if counts[row] > 300][::12]
    assert len(frequent) > 30
    used, alike = [], []
    for row in frequent:
        query = [encoder.terms_[row]]
        found = encoder.retrieve(query, k=10)
        rows = [model_row(encoder, name) for name in found["id"]]
        used.append(np.mean(held[rows, row].toarray() > 0))
        everything = encoder.retrieve(query, k=len(encoder.neighbours_.ids), by="brain")
        place = dict(zip(everything["id"], everything["rank"], strict=True))
        alike.append(np.mean([place[name] for name in found["id"]]) / len(everything))
    assert np.mean(used) > 0.9
    assert np.mean(alike) < 0.1  # by chance a half


def model_row(encoder, name):
    return int(np.flatnonzero(encoder.neighbours_.ids == name)[0])
