"""The report of a model tells what it is and how good it is."""

import re

import numpy as np
import pytest

from sklearn_mnm import MNMEncoder
from sklearn_mnm.datasets import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError
from sklearn_mnm.metrics import retrieval_report
from sklearn_mnm.report import model_report


@pytest.fixture(scope="module")
def page(of_model, read_page):
    return read_page(of_model.html)


@pytest.fixture(scope="module")
def measured(of_measured_model, read_page):
    return read_page(of_measured_model.html)


def test_size_curvature_and_parameters_are_told(page, encoder):
    rows = [" ".join(row.split()) for row in page.rows]
    assert f"studies {len(encoder.neighbours_.ids):,}" in rows
    assert f"terms {len(encoder.terms_):,}" in rows
    assert f"regions {encoder.n_regions_}" in rows
    assert f"dimensions of the hyperbolic space {encoder.embedder_.n_dimensions_}" in rows
    assert encoder.transform(["pain"]).shape == (1, encoder.embedder_.n_dimensions_ + 1)
    assert f"its curvature {-encoder.embedder_.curvature_:.3g}" in rows
    params = encoder.embedder_.get_params()
    for name, value in params.items():
        if name in ("objective", "towers"):
            continue
        assert any(row.startswith(f"embedder__{name} ") for row in rows)
        if isinstance(value, float):
            assert f"embedder__{name} {value!r}" in rows


def test_card_is_shown_as_it_is(page):
    assert "# Model card: neuroquery" in page.text
    assert "<b>Not bold.</b>" in page.text


def test_without_studies_nothing_is_measured(page):
    assert "quality" not in [section["id"] for section in page.all("section")]


def test_pictures_say_losses_medians_and_terms(page, encoder):
    history, radii, disk = (picture["alt"] for picture in page.all("img"))
    losses = encoder.embedder_.history_["loss"].dropna()
    assert f"from {losses.iloc[0]:.3g} to {losses.iloc[-1]:.3g}" in history
    assert "texts of the fit" in radii
    few, many = disk.split("Terms of few studies: ")[1].split("Terms of many studies: ")
    few, many = (part.rstrip(". ").split(", ") for part in (few, many))
    hierarchy = encoder._term_hierarchy()
    topics = hierarchy.terms[hierarchy.is_topic]
    assert set(few + many) <= set(topics)
    assert (len(few), len(many)) == (24, 12)
    studies = dict(zip(hierarchy.terms, hierarchy.n_studies, strict=True))
    others = [studies[term] for term in topics if term not in few + many]
    assert max(studies[term] for term in few) <= min(others)
    assert min(studies[term] for term in many) >= max(others)


def test_radii_of_terms_are_half_their_information(page, encoder):
    _, radii, _ = (picture["alt"] for picture in page.all("img"))
    median = np.median(encoder.embedder_.term_space_.information) / 2
    assert f"terms {median:.2f}" in radii
    assert "half its information" in page.text


def test_a_model_without_a_hierarchy_of_terms_is_reported_without_the_disk(
    without_hierarchy, read_page
):
    page = read_page(model_report(without_hierarchy).html)
    assert "This model has no hierarchy of terms" in page.text
    assert "half its information" not in page.text
    assert not [picture for picture in page.all("img") if "disk" in picture["alt"]]
    assert any("Histograms of the distance" in picture["alt"] for picture in page.all("img"))


def test_retrieval_is_that_of_the_model_among_the_studies_given(
    measured, small_encoder, literature
):
    studies = literature[140:]
    maps = small_encoder.decoder().transform(studies)
    scores = small_encoder.embedder_.similarity(small_encoder.transform(studies), maps)
    expected = retrieval_report(scores, (1, 10)).values()
    row = "text to map " + " ".join(f"{value:.1f}" for value in expected)
    assert row in [" ".join(row.split()) for row in measured.rows]
    assert "among 60 studies" in measured.text


def test_coverage_is_that_of_the_intervals_at_each_level(measured, small_encoder, literature):
    observed = small_encoder.regions_.transform(literature[140:])
    lower, upper = small_encoder.predict_interval(literature[140:])
    covered = 100 * ((lower <= observed) & (observed <= upper)).mean()
    alt = measured.all("img")[-1]["alt"]
    assert f"Intervals of 90 % hold {covered:.1f} % (30 regions)" in alt
    assert re.search(r"[\d.]+ % \(17 networks \(ward17\)\), [\d.]+ % \(7 networks \(ward7\)\)", alt)


def test_held_out_studies_bring_no_warning(measured):
    assert "None of their ids is that of a study that the model was fitted to" in measured.text
    assert "flatters" not in measured.text


def test_studies_of_the_fit_bring_a_warning(small_encoder, literature, read_page):
    with pytest.warns(DataWarning, match="fitted to 20 of these 40 studies"):
        report = model_report(small_encoder, literature[120:160])
    text = read_page(report.html).text
    assert "fitted to 20 of these studies: what follows flatters it" in text


def test_studies_without_words_or_peaks_are_left_out_and_counted(
    small_encoder, literature, read_page
):
    studies = literature[140:160]
    counts = studies.counts.toarray()
    counts[0] = 0
    peaks = studies.peaks[studies.peaks["id"] != studies.ids[1]]
    without = Studies(studies.ids, peaks=peaks, counts=counts, vocabulary=studies.vocabulary)
    text = read_page(model_report(small_encoder, without).html).text
    assert "Measured on 18 studies; 2 more were left out" in text


def test_too_few_or_no_studies_are_refused(small_encoder, literature):
    with pytest.raises(InvalidInputError, match="two or more are needed"):
        model_report(small_encoder, literature[140:141])
    with pytest.raises(InvalidInputError, match="studies is of type list"):
        model_report(small_encoder, ["pain"])


def test_a_model_that_knows_no_places_and_was_not_trained_is_reported(small_corpus, read_page):
    from sklearn_mnm import HyperbolicBrainTextEmbedder

    vocabulary = small_corpus.studies.vocabulary
    texts = [" ".join(vocabulary[row.indices]) for row in small_corpus.studies.counts]
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=0, random_state=0)
    encoder = MNMEncoder(embedder=embedder, random_state=0).fit(texts, small_corpus.maps)
    page = read_page(model_report(encoder).html)
    assert "the model is the closed form" in page.text
    assert len(page.all("img")) == 2
