"""The report of queries tells what the model says of them."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sklearn_mnm import MNMEncoder
from sklearn_mnm.brain import cluster_table
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.plotting.brain import SHOWN_Z
from sklearn_mnm.report import query_report
from sklearn_mnm.report._facts import region_centres, region_labels

K = 7


@pytest.fixture(scope="module")
def page(of_queries, read_page):
    return read_page(of_queries.html)


def test_terms_studies_and_walk_are_those_of_the_model(page, encoder):
    query = "reward anticipation"
    terms = encoder.decoder().predict_topk(encoder.predict([query]), k=K)
    for row in terms.itertuples():
        assert any(line.startswith(f" {row.term} {row.score:.2f}") for line in page.rows)
    studies = encoder.retrieve([query], k=K)
    links = [link["href"] for link in page.all("a")]
    assert [link for link in links if "pubmed" in link][:K] == [
        f"https://pubmed.ncbi.nlm.nih.gov/{study}/" for study in studies["id"]
    ]
    start, *steps = encoder.walk(query).itertuples()
    rows = [" ".join(row.split()) for row in page.rows]
    first = rows.index(f"{query} {start.radius:.2f} {start.n_studies:,}")
    assert len(steps) > 1
    assert rows[first + 1 : first + 1 + len(steps)] == [
        f"{row.term} {share_in_words(row)} {row.radius:.2f} {row.n_studies:,}" for row in steps
    ]


def share_in_words(step):
    return "in the text" if step.probability == 1 else f"{100 * step.probability:.0f} %"


@pytest.mark.parametrize(("query", "says_so"), [("fear of spiders", True), ("fear", False)])
def test_a_walk_of_words_that_no_study_has_says_so(encoder, read_page, query, says_so):
    assert (encoder.walk(query)["n_studies"][0] == 0) == says_so
    page = read_page(query_report(encoder, [query], k=1).html)
    assert (
        "No study has all of the terms that these words are read as, so there is nothing to count"
        in page.text
    ) == says_so


def test_each_usable_query_has_its_pictures_with_where_the_map_is_highest(page, encoder):
    alts = [picture["alt"] for picture in page.all("img")]
    assert len(alts) == 4  # map and walk of the two queries of which something is known
    assert re.search(
        r"512 regions: highest value [\d.]+ at MNI \(-?\d+, -?\d+, -?\d+\) mm", alts[0]
    )
    assert "reward anticipation" in alts[1]
    assert f"({', '.join(encoder.walk('reward anticipation')['term'][1:])})" in alts[1]


def test_a_model_without_a_hierarchy_of_terms_gets_a_report_without_the_walk(
    without_hierarchy, read_page
):
    page = read_page(query_report(without_hierarchy, ["finger tapping"], k=3).html)
    assert "This model has no hierarchy of terms, so there is no walk." in page.text
    assert len(page.all("img")) == 1  # the map
    assert not any("Walk from" in caption for caption in page.text.split("Figure:"))
    assert "half its information" not in page.text


def test_regions_that_stand_out_are_where_the_literature_on_reward_has_them(page, encoder):
    z = encoder.predict_z(["reward anticipation"])[0]
    x, y, height = region_centres(encoder.regions_)[z.argmax()]
    assert np.linalg.norm([abs(x) - 12, y - 10, height + 6]) < 10  # ventral striatum
    lower, upper = encoder.predict_interval(["reward anticipation"])
    interval = f"{lower[0, z.argmax()]:.3f} to {upper[0, z.argmax()]:.3f}"
    assert any(f"({x:.0f}, {y:.0f}, {height:.0f})" in row and interval in row for row in page.rows)


def test_clusters_and_regions_are_named(page, encoder):
    query = "reward anticipation"
    rows = [" ".join(row.split()) for row in page.rows]
    table = cluster_table(encoder.predict_img([query], kind="z", resolution=2), SHOWN_Z)
    assert len(table) > 0
    for row in table.itertuples():
        start = f"({row.x:.0f}, {row.y:.0f}, {row.z:.0f}) {row.peak_name}"
        assert any(line.startswith(start) for line in rows)
    label = region_labels(encoder.regions_)[encoder.predict_z([query])[0].argmax()]
    told = f"{label['name']} {100 * label['share']:.0f} %"
    assert any(told in line and " to " in line for line in rows)
    assert "Desikan" in page.text


def test_names_of_regions_are_found_once_for_each_model(encoder, small_encoder):
    labels = region_labels(encoder.regions_)
    assert region_labels(encoder.regions_) is labels
    assert len(labels) == encoder.n_regions_
    assert len(region_labels(small_encoder.regions_)) == small_encoder.n_regions_


def test_what_a_query_holds_is_shown_as_text(page):
    assert '<script>alert("x")</script>' in page.text
    assert "<img src=x onerror=alert(1)>" in page.text
    assert page.all("script") == []


def test_unknown_words_are_told_and_a_query_of_them_alone_gets_no_map(page):
    assert any(row.startswith(" misophonia not in the vocabulary") for row in page.rows)
    part = page.html.split('id="query-3"', 1)[1].split("</section>", 1)[0]
    assert "knows none of these words" in part
    assert "<img" not in part


def test_formulas_are_text_and_no_figure_stays_open(small_encoder, literature):
    before = plt.get_fignums()
    # What matplotlib would read as a formula, and could not.
    text = r"$\frac$ " + " ".join(literature.vocabulary[literature.counts[0].indices])
    query_report(small_encoder, [text], k=1000)
    assert plt.get_fignums() == before


def test_ids_that_are_not_of_pubmed_are_not_linked(small_encoder, literature, read_page):
    text = " ".join(literature.vocabulary[literature.counts[0].indices])
    page = read_page(query_report(small_encoder, [text], k=3).html)
    assert not [link for link in page.all("a") if "pubmed" in link["href"]]
    for study in small_encoder.retrieve([text], k=3)["id"]:
        assert any(row.startswith(f" {study} ") for row in page.rows)


@pytest.mark.parametrize(
    ("texts", "k", "message"),
    [
        ("fear", 10, r"write \['fear'\]"),
        ([], 10, "texts is empty"),
        (["fear", " "], 10, "row 1 is empty"),
        (["fear"], 0, "k=0"),
        (["fear"], True, "k=True"),
    ],
)
def test_what_is_no_query_is_refused(encoder, texts, k, message):
    with pytest.raises(InvalidInputError, match=message):
        query_report(encoder, texts, k=k)


def test_an_encoder_that_knows_no_places_is_refused(small_corpus):
    texts = [" ".join(row) for row in np.array([["pain", "fear"]] * 80)]
    for number, row in enumerate(texts):
        texts[number] = row + (" reward" if number % 2 else " motor")
    encoder = MNMEncoder(random_state=0).fit(texts, small_corpus.maps)
    with pytest.raises(InvalidInputError, match="fitted to maps given as arrays"):
        query_report(encoder, ["pain"])
