"""MNMEncoder and MNMDecoder on the n-back and flanker studies of NiMARE."""

import re
import warnings
from copy import copy

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.datasets import load_mni152_brain_mask
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GroupKFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMDecoder, MNMEncoder, PeaksToRegions, Studies
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.datasets import load_nback_flanker
from sklearn_mnm.exceptions import DataWarning, InvalidInputError, UnknownQueryWarning
from sklearn_mnm.model.salience import salient_terms
from sklearn_mnm.scorers import get_scorer

N_REGIONS = 80


def parts():
    return {
        "regions": PeaksToRegions(
            n_regions=N_REGIONS, resolution=6, max_distance=1000, random_state=0
        ),
        "embedder": HyperbolicBrainTextEmbedder(n_components=24, random_state=0),
        "random_state": 0,
    }


@pytest.fixture(scope="module")
def studies():
    pytest.importorskip("nimare")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        loaded = load_nback_flanker(level="study")
    return loaded[(loaded.peak_counts > 0) & (np.char.str_len(loaded.texts.astype(str)) > 100)]


@pytest.fixture(scope="module")
def encoder(studies):
    return MNMEncoder(**parts()).fit(studies)


@pytest.fixture(scope="module")
def decoder(encoder):
    return encoder.decoder()


@pytest.fixture(scope="module")
def few(studies):
    """A hundred of the studies, the tasks mixed, for what is fitted again and again."""
    return studies[np.random.default_rng(0).permutation(len(studies))[:100]]


@pytest.fixture(scope="module")
def encoder_of_few(few):
    return MNMEncoder(**parts()).fit(few)


def test_texts_predict_maps_of_the_right_task(encoder, studies):
    nback = (studies.metadata["task"] == "n-back").to_numpy()
    # Scaled: how many peaks a study reports is not in its text.
    scale = encoder.embedder_.activation_scaler_.transform
    observed = scale(encoder.regions_.transform(studies))
    predicted = scale(encoder.predict(studies))
    differences = [
        maps[nback].mean(axis=0) - maps[~nback].mean(axis=0) for maps in (observed, predicted)
    ]
    assert np.corrcoef(*differences)[0, 1] > 0.5


def test_maps_predict_words_of_the_right_task(decoder, encoder, studies):
    task = studies.metadata["task"].to_numpy()
    mean = np.stack(
        [encoder.regions_.transform(studies[task == t]).mean(0) for t in np.unique(task)]
    )
    scores = decoder.decision_function(mean)
    column = {term: j for j, term in enumerate(decoder.terms_)}
    flanker, nback = scores  # alphabetical
    assert flanker[column["flanker"]] > nback[column["flanker"]]
    assert nback[column["wm"]] > flanker[column["wm"]]


def test_one_fit_serves_both_directions(encoder_of_few, few):
    encoder, decoder = encoder_of_few, encoder_of_few.decoder()
    other = MNMDecoder(**parts())
    other.fit(few)
    maps = encoder.regions_.transform(few[:5])
    np.testing.assert_array_equal(decoder.decision_function(maps), other.decision_function(maps))
    again = decoder.encoder()
    assert again.embedder_ is encoder.embedder_
    np.testing.assert_array_equal(again.predict(["memory"]), encoder.predict(["memory"]))


def test_all_forms_of_texts_and_maps_give_the_same_fit(encoder_of_few, few):
    encoder = encoder_of_few
    peaks = [p[["x", "y", "z"]].to_numpy() for _, p in few.peaks.groupby(few.study_index)]
    from_lists = MNMEncoder(**parts()).fit(list(few.texts), peaks)
    from_table = MNMEncoder(**parts()).fit(few.texts, few.peaks)
    query = ["working memory"]
    np.testing.assert_allclose(from_lists.predict(query), encoder.predict(query), rtol=1e-5)
    np.testing.assert_allclose(from_table.predict(query), encoder.predict(query), rtol=1e-5)
    assert list(from_table.neighbours_.ids) == list(encoder.neighbours_.ids)
    assert from_lists.neighbours_.titles is None


def test_images_peaks_and_arrays_of_one_map_decode_alike(decoder, encoder, studies, tmp_path):
    study = studies[[3]]
    regions = encoder.regions_
    image = regions.inverse_transform(regions.transform(study), interpolation="nearest")
    path = tmp_path / "map.nii.gz"
    image.to_filename(path)
    expected = decoder.decision_function(regions.transform(study))
    for form in (study, study.peaks, [study.peaks[["x", "y", "z"]].to_numpy()]):
        np.testing.assert_allclose(decoder.decision_function(form), expected, atol=1e-4)
    standing_out = regions.regions_from_img(image, prominent=True)
    assert (standing_out > 0).any()
    # A tenth of an image counts as what is usual.
    usual = decoder.embedder_.activation_scaler_.expected()
    usual *= standing_out.sum() / usual.sum()
    expected = decoder.decision_function(0.9 * standing_out + 0.1 * usual)
    for form in (image, path, str(path), [path]):
        np.testing.assert_allclose(decoder.decision_function(form), expected, atol=1e-2)
    four = nibabel.Nifti1Image(np.stack([image.get_fdata()] * 2, axis=-1), image.affine)
    assert decoder.decision_function(four).shape == (2, len(decoder.terms_))


def test_images_are_scored_and_learnt_from_as_they_are(encoder, few):
    """What is asked about is drawn to what is usual; what is observed is not."""
    rows = np.flatnonzero(encoder.regions_.transform(few).any(axis=1))[:12]
    texts = list(few[rows].texts)
    observed = encoder.regions_.transform(few[rows])
    images = [
        encoder.regions_.inverse_transform(map_, interpolation="nearest") for map_ in observed
    ]
    standing_out = encoder.regions_.regions_from_img(images, prominent=True)
    assert standing_out.any(axis=1).all()
    assert encoder.score(texts, images) == pytest.approx(encoder.score(texts, standing_out))
    for name in ("map_correlation", "recall_at_10"):
        scorer = get_scorer(name)
        assert scorer(encoder, texts, images) == pytest.approx(scorer(encoder, texts, standing_out))
    learnt = [clone(encoder).set_params(embedder__max_epochs=0).partial_fit(few) for _ in range(2)]
    learnt[0].partial_fit(texts, images)
    learnt[1].partial_fit(texts, learnt[1].regions_.regions_from_img(images, prominent=True))
    text = ["working memory"]
    np.testing.assert_allclose(learnt[0].predict(text), learnt[1].predict(text), rtol=1e-6)


def test_negative_values_of_an_image_count_as_zero(decoder, encoder):
    image = encoder.predict_img(["working memory"])
    data = image.get_fdata()
    inside = encoder.regions_.mask_img_.get_fdata() > 0
    low = data < np.median(data[inside])
    signed, positive = np.where(low & inside, -5.0, data), np.where(low & inside, 0.0, data)
    scores = [
        decoder.decision_function(nibabel.Nifti1Image(d, image.affine)) for d in (signed, positive)
    ]
    np.testing.assert_allclose(*scores, atol=1e-5)


@pytest.mark.parametrize("resolution", [None, 2, 4])
def test_images_are_zero_outside_the_brain_and_as_fine_as_asked_for(encoder, resolution):
    image = encoder.predict_img(["working memory"], resolution=resolution)
    mask = (
        encoder.regions_.mask_img_
        if resolution is None
        else load_mni152_brain_mask(resolution=resolution)
    )
    assert image.shape == mask.shape
    np.testing.assert_allclose(image.affine, mask.affine)
    inside = mask.get_fdata() > 0
    data = image.get_fdata()
    assert not data[~inside].any()
    assert data.min() >= 0
    assert data.max() > 0


def test_a_finer_image_shows_the_same_map(encoder):
    coarse = encoder.predict_img(["working memory"]).get_fdata()
    fine = encoder.predict_img(["working memory"], resolution=2)
    peak = np.array(np.unravel_index(coarse.argmax(), coarse.shape))
    position = nibabel.affines.apply_affine(encoder.regions_.mask_img_.affine, peak)
    at = np.round(nibabel.affines.apply_affine(np.linalg.inv(fine.affine), position)).astype(int)
    assert fine.get_fdata()[tuple(at)] > 0.8 * coarse.max()
    assert fine.get_fdata().max() <= coarse.max() + 1e-6


@pytest.mark.parametrize("resolution", [None, 3])
def test_images_in_files_hold_every_value(encoder, resolution, tmp_path):
    image = encoder.predict_img(["working memory"], resolution=resolution)
    image.to_filename(tmp_path / "map.nii.gz")
    again = nibabel.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(again.get_fdata(), image.get_fdata())
    assert len(np.unique(again.get_fdata())) > 1000


def test_several_texts_make_one_image_of_four_dimensions(encoder):
    texts = ["working memory", "inhibition"]
    image = encoder.predict_img(texts, kind="z")
    assert image.shape[3] == 2
    single = encoder.predict_img(texts[1:], kind="z")
    np.testing.assert_allclose(image.get_fdata()[..., 1], single.get_fdata(), atol=1e-5)


def test_levels_add_up_and_have_their_own_uncertainty(encoder):
    activations = encoder.predict(["working memory"])
    for level in encoder.hierarchy_.levels:
        values, std = encoder.predict(["working memory"], level=level, return_std=True)
        assert values.shape == std.shape == (1, encoder.hierarchy_.n_networks(level))
        assert values.sum() == pytest.approx(activations.sum(), rel=1e-5)
        assert (std > 0).all()
    z = encoder.predict_img(["working memory"], kind="z", level="ward7").get_fdata()
    inside = encoder.regions_.mask_img_.get_fdata() > 0
    expected = encoder.predict_z(["working memory"], level="ward7")
    assert z[inside].max() <= expected.max() + 1e-6


def test_uncertainty_and_probabilities_are_calibrated_on_held_out_studies(studies):
    coverage, squared, salient, likely, expected = [], [], [], [], []
    for train, test in ShuffleSplit(2, train_size=220, random_state=0).split(studies):
        encoder = MNMEncoder(**parts()).fit(studies[train])
        held_out = studies[test]
        observed = encoder.regions_.transform(held_out)
        lower, upper = encoder.predict_interval(held_out, coverage=0.9)
        coverage.append((lower <= observed) & (observed <= upper))
        predicted, std = encoder.predict(held_out, return_std=True)
        squared.append(np.square((observed - predicted) / std))
        probability = encoder.decoder().predict_proba(held_out)
        truth = salient_terms(encoder.vectorizer_.transform(held_out.texts)).toarray()
        strong = probability > np.quantile(probability, 0.99)
        salient.append(truth.sum() / probability.sum())
        likely.append(truth[strong].mean())
        expected.append(probability[strong].mean())
    assert np.mean(coverage) == pytest.approx(0.9, abs=0.04)
    assert np.mean(squared) == pytest.approx(1, abs=0.3)
    assert np.mean(salient) == pytest.approx(1, abs=0.15)
    assert np.mean(likely) == pytest.approx(np.mean(expected), rel=0.4)


def test_rankings_are_sorted_and_name_the_terms(decoder, studies):
    ranking = decoder.predict_topk(studies[:2], k=7)
    assert list(ranking["map"]) == [0] * 7 + [1] * 7
    for _, rows in ranking.groupby("map"):
        assert list(rows["rank"]) == list(range(1, 8))
        assert rows["score"].is_monotonic_decreasing
        assert rows["probability"].between(0, 1).all()
    predicted = decoder.predict(studies[:2])
    assert predicted.shape == (2, 20)
    assert list(predicted[0][:7]) == list(ranking["term"][:7])


def test_own_terms_score_as_those_that_they_are_read_as(decoder, studies):
    terms = ["memory", "response memory", "zzyzx"]
    with pytest.warns(DataWarning, match="zzyzx"):
        scores = decoder.decision_function(studies, terms=terms)
    assert scores.shape == (len(studies), 3)
    assert np.isnan(scores[:, 2]).all()
    vectorizer, of_terms = decoder.term_vectorizer_, decoder.decision_function(studies)
    np.testing.assert_allclose(scores[:, 0], of_terms[:, vectorizer.vocabulary_["memory"]])
    # "memory" stands in two of the three phrases.
    shared = np.ones(len(vectorizer.vocabulary_))
    shared[[vectorizer.vocabulary_[term] for term in ("memory", "response")]] = np.log([2, 4])
    weights = vectorizer.transform(["response memory"]).toarray()[0] * shared
    np.testing.assert_allclose(scores[:, 1], of_terms @ weights / weights.sum())
    with pytest.warns(DataWarning, match="1 of 3"):
        ranking = decoder.predict_topk(studies[:1], k=3, terms=terms)
    assert ranking["term"].iloc[2] == "zzyzx"
    assert "probability" not in ranking
    spelled = decoder.decision_function(studies[:3], terms=["Memories"])
    np.testing.assert_allclose(spelled[:, 0], scores[:3, 0], atol=1e-5)


def test_of_phrases_that_tell_of_a_name_the_best_counts_a_quarter(decoder, studies):
    told = {
        "memory": ["response", "zzyzx", "visual"], "zzyzx": ("response",), "visual": [],
        "response": ["zzyzx"], "qwxzy": [],
    }  # fmt: skip
    with pytest.warns(DataWarning, match="1 of 5 hold no known term: 'qwxzy'"):
        scores = decoder.decision_function(studies[:9], terms=told)
    words = [re.findall(r"\w+", str(title).lower()) for title in decoder.neighbours_.titles]
    n_titles = {name: sum(name in title for title in words) for name in told}
    assert n_titles["memory"] > n_titles["visual"] > n_titles["zzyzx"] == 0
    often = np.array([(1 + n_titles[name]) ** 0.2 for name in told])
    columns = [decoder.term_vectorizer_.vocabulary_[term] for term in ("memory", "response")]
    visual = decoder.term_vectorizer_.vocabulary_["visual"]
    of_terms = decoder.decision_function(studies[:9])
    memory, response = of_terms[:, columns].T
    best = np.maximum(response, of_terms[:, visual])
    expected = [(memory + best / 4) / 1.25, response / 5, of_terms[:, visual], response]
    np.testing.assert_allclose(scores[:, :4], np.transpose(expected) * often[:4])
    assert np.isnan(scores[:, 4]).all()
    without = dict.fromkeys(["memory", "response"], ())
    alone = decoder.decision_function(studies[:9], terms=list(without))
    found = decoder.decision_function(studies[:9], terms=without)
    np.testing.assert_allclose(found, alone * often[[0, 3]])
    ranking = decoder.predict_topk(studies[:1], k=2, terms=without)
    assert set(ranking["term"]) == set(without)
    untitled = copy(decoder)
    untitled.neighbours_ = decoder.neighbours_._replace(titles=None)
    np.testing.assert_array_equal(untitled.decision_function(studies[:9], terms=without), alone)
    # Tables of studies hold what they hold.
    untitled.neighbours_ = decoder.neighbours_._replace(titles=np.array([2001, b"x", 0.5, None]))
    np.testing.assert_array_equal(untitled.decision_function(studies[:9], terms=without), alone)
    with pytest.raises(InvalidInputError, match=r"terms\['memory'\]: expected several strings"):
        decoder.decision_function(studies[:1], terms={"memory": "response"})


def test_own_terms_are_taken_as_any_iterable_and_refused_if_there_are_none(decoder, studies):
    names = ["memory", "visual"]
    expected = decoder.predict_topk(studies[:2], k=2, terms=names)
    for terms in (iter(names), np.array(names), tuple(names), pd.Series(names)):
        pd.testing.assert_frame_equal(decoder.predict_topk(studies[:2], k=2, terms=terms), expected)
    for terms in ([], {}, iter([])):
        with pytest.raises(InvalidInputError, match="terms is empty"):
            decoder.decision_function(studies[:2], terms=terms)
    for terms in (np.array("memory"), {"memory": np.array("visual")}):
        with pytest.raises(InvalidInputError, match="expected a list of strings, got ndarray"):
            decoder.decision_function(studies[:2], terms=terms)


def test_lists_of_terms_are_answered_alike_in_any_order(decoder, studies):
    lists = [["memory"], ["visual"], ["memory", "visual"], ["visual", "memory"], ["response"]]
    of_terms = decoder.decision_function(studies[:3])
    of_term = {
        term: of_terms[:, decoder.term_vectorizer_.vocabulary_[term]]
        for term in ("memory", "visual", "response")
    }
    for terms in [*lists, *lists[::-1]]:
        found = decoder.decision_function(studies[:3], terms=terms)
        np.testing.assert_allclose(found, np.transpose([of_term[term] for term in terms]))


def test_retrieval_by_maps_ranks_as_the_embedder_does(encoder, decoder, studies):
    points = encoder.transform(["working memory"])
    brain = decoder.transform(studies)
    expected = encoder.embedder_.pair_log_odds(points, brain)[0]
    found = encoder.retrieve(["working memory"], k=5, by="brain")
    assert list(found["id"]) == list(studies.ids[np.argsort(-expected, kind="stable")[:5]])
    np.testing.assert_allclose(found["similarity"], np.sort(expected)[::-1][:5], rtol=1e-4)
    titles = dict(zip(studies.ids, studies.titles, strict=True))
    assert [titles[i] for i in found["id"]] == list(found["title"])


def test_by_default_both_views_count_in_standard_deviations(encoder, decoder, studies):
    for model, query in ((encoder, ["working memory"]), (decoder, studies[:1])):
        views = [model.retrieve(query, k=len(studies), by=by) for by in ("text", "brain")]
        expected = sum(
            (view.set_index("id")["similarity"] - view["similarity"].mean())
            / view["similarity"].std(ddof=0)
            for view in views
        ).sort_values(ascending=False)
        found = model.retrieve(query, k=10)
        np.testing.assert_allclose(found["similarity"], expected.iloc[:10], rtol=1e-6)


def test_studies_chosen_by_text_do_not_depend_on_any_map(encoder, studies):
    """Whatever the maps are, the same studies come: a meta-analysis of them is not circular."""
    order = np.random.default_rng(1).permutation(len(studies))
    others = {name: part for name, part in parts().items() if name != "regions"}
    other = MNMEncoder(**others).fit(studies.texts, encoder.regions_.transform(studies)[order])
    queries = ["working memory", "flanker interference", "cognitive control in adults"]
    for query in queries:
        found, again = (
            model.retrieve([query], k=30, by="text")["similarity"] for model in (encoder, other)
        )
        np.testing.assert_allclose(found, again, atol=1e-5)


def test_a_study_of_the_fit_is_found_by_its_own_map(decoder, studies):
    found = decoder.retrieve(studies[:5], k=1, by="brain")
    assert list(found["id"]) == list(studies.ids[:5])
    np.testing.assert_allclose(found["similarity"], 0, atol=1e-3)


def test_retrieved_studies_go_to_nimare(encoder, studies):
    from sklearn_mnm.datasets import to_nimare

    found = encoder.retrieve(["working memory"], k=20)
    with pytest.warns(DataWarning, match="sample size"):
        studyset = to_nimare(studies.select(ids=found["id"]), sample_size=20)
    assert len(studyset.studies) == 20


def test_walks_and_ancestors_name_terms_nearer_to_the_root(encoder, decoder, studies):
    for walk in (encoder.walk("working memory", n_steps=4, k=3), decoder.walk(studies[:1], 4, 3)):
        assert walk["step"].is_monotonic_increasing
        assert walk.groupby("step")["radius"].min().is_monotonic_decreasing
        assert set(walk["term"][1:]) <= set(encoder.terms_)
    found = encoder.ancestors(["working memory"], k=5)
    assert found["radius"].max() < encoder.walk("working memory")["radius"][0]
    assert set(found["term"]) <= set(encoder.terms_) - {"working", "memory"}


def test_a_text_asked_again_has_the_same_answer_whatever_was_done_to_the_first(encoder, studies):
    text = [str(encoder.terms_[0])]
    first = encoder.transform(text)
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(encoder.transform(text), kept)
    other = encoder.transform([str(encoder.terms_[1])])
    assert not np.array_equal(other, kept)
    np.testing.assert_array_equal(encoder.transform(text), kept)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="nothing to predict from"):
            encoder.transform(["qwxzzy"])
    again = clone(encoder).fit(studies[:200])
    text = [str(again.terms_[again.term_counts_.argmax()])]
    before = again.predict(text)
    after = again.fit(studies[200:400]).predict(text)
    assert before.shape != after.shape or not np.allclose(after, before)


def test_a_query_is_explained(encoder):
    explanation = encoder.explain("working memmory zzyzx")
    assert list(explanation.known["term"]) == ["working"]
    unknown = explanation.unknown.set_index("word")["nearest"]
    assert "memory" in unknown["memmory"]
    assert unknown["zzyzx"] == ()


def test_a_query_of_which_nothing_is_known_is_no_average_map(encoder):
    with pytest.raises(InvalidInputError, match="at least one word"):
        encoder.predict([""])
    with pytest.raises(InvalidInputError, match=r"^X: 'zzyzx qqq' .* holds no known term"):
        encoder.predict(["zzyzx qqq"])
    with pytest.raises(InvalidInputError, match=r"none of the 2 texts .*'zzyzx'.*'qqq'"):
        encoder.predict(["zzyzx", "qqq"])
    with pytest.warns(UnknownQueryWarning, match="1 of 2"):
        assert encoder.predict(["zzyzx", "memory"]).shape == (2, N_REGIONS)


def test_studies_without_words_or_peaks_are_left_out_and_counted(studies):
    part = studies[:80]
    texts = part.texts.copy()
    texts[5] = ""
    peaks = part.peaks[part.study_index != 7]
    holed = Studies(part.ids, texts=texts, peaks=peaks)
    with pytest.warns(DataWarning, match=r"2 of 80 studies.*1 have no known term, 1 no activ"):
        encoder = MNMEncoder(**parts()).fit(holed)
    assert len(encoder.neighbours_.ids) == 78
    assert not {part.ids[5], part.ids[7]} & set(encoder.neighbours_.ids)


def test_arrays_need_no_regions_but_give_no_images(encoder, few):
    maps = encoder.regions_.transform(few)
    plain = MNMEncoder(embedder=parts()["embedder"], random_state=0).fit(few.texts, maps)
    assert plain.regions_ is None
    assert plain.predict(["memory"]).shape == (1, N_REGIONS)
    assert plain.predict(["memory"], level="brain").shape == (1, 1)
    frame = pd.DataFrame(maps, columns=encoder.regions_.region_names_)
    again = clone(plain).fit(few.texts, frame)
    np.testing.assert_array_equal(again.predict(["memory"]), plain.predict(["memory"]))
    with pytest.raises(InvalidInputError, match="arrays"):
        plain.predict_img(["memory"])
    with pytest.raises(InvalidInputError, match="where the regions are"):
        plain.decoder().predict(few)


def test_an_atlas_and_levels_of_ones_own(encoder, few):
    labels = encoder.regions_.labels_img_
    level = np.arange(N_REGIONS) % 3
    model = MNMEncoder(
        regions=PeaksToRegions(atlas=labels, resolution=6, max_distance=1000),
        hierarchy=BrainHierarchy({"third": level}, sizes=encoder.regions_.region_volumes_),
        embedder=parts()["embedder"],
    )
    model.fit(few)
    assert model.predict(["memory"], level="third").shape == (1, 3)


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(min_df=3),
        make_pipeline(TfidfVectorizer(min_df=3), FunctionTransformer(lambda X: X.toarray())),
    ],
)
def test_any_vectorizer_will_do_and_words_come_from_the_texts(few, vectorizer):
    model = MNMEncoder(vectorizer=vectorizer, **parts())
    model.fit(few)
    assert model.predict(["working memory"]).shape == (1, N_REGIONS)
    assert "memory" in set(model.terms_)
    found = model.retrieve(["working memory"], k=3)
    pd.testing.assert_frame_equal(model.retrieve(iter(["working memory"]), k=3), found)
    assert model.decoder().predict(few[:1]).shape == (1, 20)


def test_cross_validation_takes_studies_whole(studies):
    studies = studies[::2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_validate(
            MNMEncoder(**parts()), studies, groups=studies.groups, cv=GroupKFold(2)
        )
        words = cross_validate(MNMDecoder(**parts()), studies, studies.texts, cv=2)
    assert (scores["test_score"] > 0.15).all()
    assert (words["test_score"] > 0.02).all()
