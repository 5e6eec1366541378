"""Pages, downloads and the interface for programs say what the model says."""

import gzip
import io
import json
import re
import struct
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("starlette")

from sklearn_mnm.app import create_app
from sklearn_mnm.app._answers import with_word
from sklearn_mnm.app._disk import draw_disk
from sklearn_mnm.app._questions import Model, TextQuestion
from sklearn_mnm.brain import cluster_table, name_regions
from sklearn_mnm.plotting.brain import SHOWN_Z
from sklearn_mnm.report._facts import points_of_terms

QUERY = "reward anticipation"
ATTACK = 'fear <script>alert("x")</script><img src=x onerror=alert(1)> \'"&{{ 7*7 }}'


def text(ask, query=QUERY, part="", **params):
    return ask.get(f"/text{part}", params={"q": query, **params})


@pytest.fixture(scope="module")
def answer(ask):
    return text(ask)


@pytest.fixture(scope="module")
def page(answer, read_page):
    return read_page(answer.text)


def test_home_asks_for_a_text_or_a_map(ask, read_page):
    answer = ask.get("/")
    assert answer.status_code == 200
    page = read_page(answer.text)
    by_text, by_place, by_map, by_number = page.all("form")
    assert (by_place["action"], by_place["method"]) == ("/place", "get")
    assert (by_text["action"], by_text["method"]) == ("/text", "get")
    assert (by_map["action"], by_map["enctype"]) == ("/map", "multipart/form-data")
    assert (by_number["action"], by_number["enctype"]) == ("/map", "multipart/form-data")
    assert [field["name"] for field in page.all("input") if "required" in field][-1] == "neurovault"
    examples = [link["href"] for link in page.all("a") if link["href"].startswith("/text?")]
    assert len(examples) == 5
    assert ask.get(examples[0]).status_code == 200


def test_terms_studies_and_words_are_those_of_the_model(page, encoder):
    for row in encoder.decoder().predict_topk(encoder.predict([QUERY]), k=10).itertuples():
        assert any(line.startswith(f" {row.term} {row.score:.2f}") for line in page.rows)
    studies = encoder.retrieve([QUERY], k=10)
    links = [link["href"] for link in page.all("a") if "pubmed" in link["href"]]
    assert links == [f"https://pubmed.ncbi.nlm.nih.gov/{study}/" for study in studies["id"]]
    assert "reward anticipation 100 % of the map" in page.text.replace("\xa0", " ")


def test_clusters_and_regions_have_their_anatomical_names(ask, page, encoder):
    image = encoder.predict_img([QUERY], kind="z", resolution=2)
    expected = cluster_table(image, SHOWN_Z)
    rows = [" ".join(row.split()) for row in page.rows]
    told = ask.get("/api/encode", params={"text": QUERY}).json()
    assert len(told["clusters"]) == len(expected) > 0
    for row, found in zip(expected.itertuples(), told["clusters"], strict=True):
        start = f"{row.x:.0f}, {row.y:.0f}, {row.z:.0f} {row.peak_name}"
        end = f"{row.cluster_name} {100 * row.cluster_share:.0f} %"
        assert any(line.startswith(start) and line.endswith(end) for line in rows)
        assert found["peak"] == [row.x, row.y, row.z]
        assert found["volume"] == pytest.approx(row.volume)
        assert (found["peak_name"], found["cluster_name"]) == (row.peak_name, row.cluster_name)
    names = name_regions(encoder.regions_).groupby("region", sort=False).first()
    best = names.iloc[encoder.predict_z([QUERY])[0].argmax()]
    assert told["regions"][0]["name"] == best["name"]
    assert told["regions"][0]["share"] == pytest.approx(best["share"])
    assert any(f"{best['name']} {100 * best['share']:.0f} %" in row for row in rows)
    table = pd.read_csv(io.StringIO(text(ask, part="/clusters.tsv").text), sep="\t", dtype={0: str})
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_a_map_without_clusters_says_so(ask, encoder):
    assert encoder.predict_img(["schizophrenia"], kind="z").get_fdata().max() < SHOWN_Z
    assert "Nowhere is z 1.96 or more" in text(ask, "schizophrenia").text
    assert ask.get("/api/encode", params={"text": "schizophrenia"}).json()["clusters"] == []


def share_in_words(step):
    return "in the text" if step.probability == 1 else f"{100 * step.probability:.0f} %"


def test_hierarchy_shows_walk_and_levels(page, encoder):
    start, *steps = encoder.walk(QUERY).itertuples()
    rows = [" ".join(row.split()) for row in page.rows]
    first = rows.index(f"the text {start.radius:.2f} {start.n_studies:,}")
    assert len(steps) > 1
    assert rows[first + 1 : first + 1 + len(steps)] == [
        f"{row.term} {share_in_words(row)} {row.radius:.2f} {row.n_studies:,}" for row in steps
    ]
    assert "No study has all of the terms" not in page.text
    predicted = encoder.predict([QUERY])
    broad = encoder.decoder().predict_topk(predicted, k=5, level="ward7")["term"]
    assert any(row.strip() == f"7 networks (ward7) {', '.join(broad)}" for row in page.rows)


def test_a_walk_of_words_that_no_study_has_says_so(ask, encoder, read_page):
    walk = encoder.walk("fear of spiders")
    assert walk["n_studies"][0] == 0
    assert (walk["probability"] == 1).sum() > 1
    page = read_page(text(ask, "fear of spiders").text)
    assert (
        "No study has all of the terms that these words are read as, so there is nothing to count"
        in page.text
    )
    rows = [" ".join(row.split()) for row in page.rows]
    assert any(row.startswith("fear in the text ") for row in rows)
    assert not any("100 %" in row for row in rows if row.startswith(tuple(walk["term"])))


def test_the_two_counts_of_studies_have_two_names(ask, page, encoder):
    heads = [row for row in page.rows if "probability" in row]
    assert len(heads) == 2
    assert heads[0].endswith(" studies, by itself")
    assert heads[1].endswith(" studies, also in longer terms")
    (row,) = encoder.decoder().predict_topk(encoder.predict([QUERY]), k=1).itertuples()
    steps = {step.term: step.n_studies for step in encoder.walk(QUERY).itertuples()}
    assert row.n_studies < steps[row.term]  # as of "reward", also in "reward anticipation"
    place = ask.get("/place", params={"x": 14, "y": 11, "z": -4}).text
    assert "studies, by itself" in place


@pytest.mark.parametrize("view", ["region", "ward17", "ward7", "activation"])
def test_maps_to_download_are_those_of_the_model(ask, encoder, view):
    answer = text(ask, part="/map.nii.gz", view=view)
    name = answer.headers["content-disposition"]
    assert name == f'attachment; filename="reward-anticipation_map_{view}.nii.gz"'
    found = nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.content))
    kind = {} if view == "activation" else {"kind": "z", "level": view}
    expected = encoder.predict_img([QUERY], resolution=2, **kind)
    assert np.array_equal(found.affine, expected.affine)
    values = expected.get_fdata()
    values = np.maximum(values, 0) if view == "activation" else values
    np.testing.assert_allclose(found.get_fdata(), values, rtol=1e-5, atol=1e-6)


def test_steps_of_the_walk_show_the_map_of_their_term(ask, page, encoder):
    walk = encoder.walk(QUERY)
    steps = [link["href"] for link in page.all("a") if "view=step-" in link["href"]]
    assert len(steps) == len(walk) > 2
    for step, term in enumerate(walk["term"]):
        assert steps[step].endswith(f"view=step-{step}")
        found = nibabel.Nifti1Image.from_bytes(
            gzip.decompress(text(ask, part="/map.nii.gz", view=f"step-{step}").content)
        )
        expected = encoder.predict_img([term]).get_fdata()
        np.testing.assert_allclose(found.get_fdata(), np.maximum(expected, 0), rtol=1e-4, atol=1e-6)


def test_terms_lie_in_the_disk_where_the_hierarchy_has_them(encoder):
    terms = ["memory", "working memory", "amygdala"]
    rows = [list(encoder.terms_).index(term) for term in terms]
    np.testing.assert_array_equal(
        points_of_terms(encoder, terms), encoder.embedder_.term_points()[rows]
    )


def test_the_disk_names_the_terms_of_the_map_and_of_the_walk_once_each(encoder):
    figure = draw_disk(TextQuestion(Model(encoder, "model"), QUERY))
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.texts]
    for term in encoder.walk(QUERY)["term"][1:]:
        assert names.count(term) == 1
    for term in encoder.decoder().predict_topk(encoder.predict([QUERY]), k=10)["term"]:
        assert names.count(term) == 1
    assert names.count("your text") == 1
    kinds = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "texts of similar studies (10)" in kinds


def test_a_model_without_a_hierarchy_of_terms_answers_without_the_walk(
    without_hierarchy, read_page
):
    testclient = pytest.importorskip("starlette.testclient")
    with testclient.TestClient(
        create_app(without_hierarchy), base_url="http://127.0.0.1"
    ) as client:
        answer = client.get("/text", params={"q": "finger tapping"})
        assert answer.status_code == 200
        assert "This model has no hierarchy of terms, so there is no walk." in answer.text
        assert "half its information" not in answer.text
        page = read_page(answer.text)
        assert [frame["name"] for frame in page.all("iframe")] == ["map"]
        assert client.get("/api/encode", params={"text": "finger tapping"}).json()["walk"] == []
        assert client.get("/text/disk.png", params={"q": "finger tapping"}).status_code == 200
        assert client.get("/place", params={"x": -40, "y": -20, "z": 55}).status_code == 200
        step = {"q": "finger tapping", "view": "step-0"}
        assert client.get("/text/viewer", params=step).status_code == 400


def test_tables_to_download_hold_a_hundred_rows(ask, encoder):
    terms = pd.read_csv(io.StringIO(text(ask, part="/terms.tsv").text), sep="\t")
    expected = encoder.decoder().predict_topk(encoder.predict([QUERY]), k=100)
    assert terms["term"].tolist() == expected["term"].tolist()
    np.testing.assert_allclose(terms["probability"], expected["probability"], rtol=1e-5)
    studies = pd.read_csv(io.StringIO(text(ask, part="/studies.tsv").text), sep="\t", dtype=str)
    assert studies["id"].tolist() == encoder.retrieve([QUERY], k=100)["id"].tolist()


def test_disk_is_a_picture_of_the_size_that_the_page_says(ask, page):
    png = text(ask, part="/disk.png").content
    (disk,) = [image for image in page.all("img") if "disk.png" in image["src"]]
    assert struct.unpack(">II", png[16:24]) == (int(disk["width"]), int(disk["height"]))
    assert "ventral striatum" in disk["alt"]


def test_viewer_stands_alone_and_shows_what_is_asked_for(ask):
    answer = text(ask, part="/viewer", view="ward17", x=10, y=-20, z=30)
    assert "brainsprite(" in answer.text
    # Scripts aside, which hold what looks like tags.
    elements = re.sub("<script>.*?</script>", "", answer.text, flags=re.DOTALL)
    assert set(re.findall(r"(?:src|href)=.(\w+:)?", elements)) == {"data:"}
    assert "@import" not in answer.text
    assert re.search(r"z: highest value [\d.]+ at MNI", answer.text)
    elsewhere = text(ask, part="/viewer", view="ward17", x=-10, y=-20, z=30).text
    maps = [
        json.loads(re.search('id="map">(.*?)</script>', each)[1])
        for each in (answer.text, elsewhere)
    ]
    assert [each.pop("place") for each in maps] == [[10, -20, 30], [-10, -20, 30]]
    assert maps[0] == maps[1]


def test_a_vague_text_has_a_viewer_too(ask):
    answer = text(ask, "control", "/viewer", view="ward7")
    assert answer.status_code == 200
    assert "brainsprite(" in answer.text


@pytest.mark.slow
def test_report_is_that_of_the_package(ask, read_page):
    answer = text(ask, "fear", "/report.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="fear_report.html"'
    page = read_page(answer.text)
    assert (1, "Brain map of “fear”") in page.headings
    assert len(page.all("img")) == 2


def test_unknown_words_are_told_with_what_is_near(ask, read_page):
    answer = text(ask, "antcipation qwxzzy")
    assert answer.status_code == 200
    page = read_page(answer.text)
    assert "knows none of these words" in page.text
    # In the place of the one word, beside the others.
    assert "/text?q=anticipation+qwxzzy" in [link["href"] for link in page.all("a")]
    assert page.all("iframe") == []
    for part in ("/viewer", "/disk.png", "/report.html"):
        refused = text(ask, "qwxzzy", part)
        assert refused.status_code == 400
        assert "None of these words is known" in refused.text


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("Antcipation of pain", "anticipation of pain"),
        ("antcipation, not antcipations", "anticipation, not antcipations"),
        ("antcipation-antcipation", "anticipation-anticipation"),
        ("spelled otherwise", "anticipation"),
    ],
)
def test_a_term_takes_the_place_of_one_word(text, corrected):
    assert with_word(text, "antcipation", "anticipation") == corrected


def test_what_a_text_holds_is_shown_as_text(ask, read_page):
    answer = text(ask, ATTACK)
    page = read_page(answer.text)
    assert '<script>alert("x")</script>' in page.text
    assert "{{ 7*7 }}" in page.text
    assert [script.get("src") for script in page.all("script")] == ["/static/app.js"]
    assert not any(name.startswith("on") for _, given in page.elements for name in given)
    # The title of the viewer is the only place where a text stands beside scripts.
    viewer = text(ask, ATTACK, "/viewer").text
    assert "<script>alert" not in viewer
    assert "alert(&quot;x" in viewer
    assert (
        "\r" not in text(ask, "pain\r\nX-Injected: 1", "/terms.tsv").headers["content-disposition"]
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"q": ""}, "There is no text"),
        ({"q": " \n"}, "There is no text"),
        ({}, "There is no text"),
        ({"q": "pain " * 1001}, "at most 5,000"),
    ],
)
def test_no_text_and_too_long_a_text_are_refused(ask, read_page, params, message):
    answer = ask.get("/text", params=params)
    assert answer.status_code == 400
    page = read_page(answer.text)
    assert message in page.text
    assert len(page.all("form")) == 4


@pytest.mark.parametrize(
    "params",
    [
        {"view": "lobe"},
        {"view": "step-7"},
        {"x": 1, "y": 2},
        {"x": "nan", "y": 2, "z": 3},
        {"x": 1e9, "y": 2, "z": 3},
        {"x": "1;DROP", "y": 2, "z": 3},
        {"threshold": "-1"},
        {"threshold": "nan"},
        {"threshold": "high"},
    ],
)
def test_views_and_places_that_do_not_exist_are_refused(ask, params):
    answer = text(ask, part="/viewer", **params)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_place_and_least_value_of_an_address_reach_the_viewer(ask, read_page):
    def frame(**params):
        (source,) = [
            frame["src"]
            for frame in read_page(text(ask, **params).text).all("iframe")
            if frame["name"] == "map"
        ]
        return ask.get(source).text

    assert "cm³ of at least 2.5<" in frame(x=14, y=-8, z=38, threshold=2.5)
    cut = frame(view="ward7", x=14, y=-8, z=38)
    assert cut == text(ask, part="/viewer", view="ward7", x=14, y=-8, z=38).text
    # Without a view that there is, the first one is shown as usual.
    assert frame(view="lobe", threshold=2.5) == frame()


def test_a_place_gets_the_terms_and_studies_that_the_package_gives(ask, encoder, read_page):
    place = {"x": 14, "y": 11, "z": -4}
    told = ask.get("/api/place", params=place | {"k": 5}).json()
    terms = encoder.terms_at((14, 11, -4), k=5)
    assert [row["term"] for row in told["terms"]] == terms["term"].tolist()
    assert [row["z"] for row in told["terms"]] == pytest.approx(terms["z"].tolist())
    assert (told["place"], told["name"]) == ([14, 11, -4], "right putamen")
    page = read_page(ask.get("/place", params=place).text)
    assert (1, "What is reported at 14, 11, -4") in page.headings
    rows = [" ".join(row.split()) for row in page.rows]
    for row in terms.itertuples():
        assert f"{row.term} {row.z:.2f} {row.n_studies:,}" in rows
    links = [link["href"] for link in page.all("a")]
    assert f"/text?q={terms['term'][0].replace(' ', '+')}&x=14&y=11&z=-4" in links
    studies = [row["id"] for row in told["studies"]]
    assert [link.split("/")[3] for link in links if "pubmed" in link][:5] == studies
    (frame,) = page.all("iframe")
    assert ask.get(frame["src"]).status_code == 200


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "There is no place"),
        ({"x": 1, "y": 2}, "give three numbers"),
        ({"x": 0, "y": 90, "z": 90}, "No region of the model is at (0, 90, 90) mm"),
    ],
)
def test_no_place_and_one_outside_the_brain_are_refused(ask, params, message):
    for path in ("/place", "/api/place"):
        answer = ask.get(path, params=params)
        assert answer.status_code == 400
        assert message in answer.text


def test_the_longest_text_of_any_script_is_taken(ask):
    assert text(ask, "pain " + "脑" * 4_990).status_code == 200


def test_programs_get_the_same_as_json(ask, encoder):
    answer = ask.get("/api/encode", params={"text": f"{QUERY} qwxzzy", "k": 3})
    told = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert [row["term"] for row in told["known"]] == [QUERY]
    assert [row["word"] for row in told["unknown"]] == ["qwxzzy"]
    expected = encoder.retrieve([QUERY], k=3)
    assert [row["id"] for row in told["studies"]] == expected["id"].tolist()
    assert len(told["terms"]) == 3
    walk = encoder.walk(f"{QUERY} qwxzzy")
    assert [row["term"] for row in told["walk"]] == walk["term"].tolist()
    assert [row["radius"] for row in told["walk"]] == pytest.approx(walk["radius"].tolist())
    for params in ({"text": ""}, {"text": "pain", "k": 0}, {"text": "pain", "k": "²"}):
        refused = ask.get("/api/encode", params=params)
        assert refused.status_code == 400
        assert set(refused.json()) == {"error"}


def test_health_names_model_and_version(ask):
    import sklearn_mnm

    told = ask.get("/health").json()
    assert told["status"] == "ok"
    assert (told["model"], told["studies"]) == ("neuroquery", 12000)
    assert told["version"] == sklearn_mnm.__version__


def test_many_at_a_time_get_the_answers_that_each_would_get(ask, encoder):
    # Of terms that no other test asks for, so that none is known from before; each twice.
    asked = [str(term) for term in encoder.terms_[1000:1006] for _ in range(2)]

    def both(term):
        told = ask.get("/api/encode", params={"text": term}).json()
        return told, text(ask, term, "/viewer", view="activation")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(both, asked))
    for term, (told, viewer) in zip(asked, answers, strict=True):
        assert [row["id"] for row in told["studies"]] == encoder.retrieve([term])["id"].tolist()
        expected = encoder.decoder().predict_topk(encoder.predict([term]), k=10)
        assert [row["term"] for row in told["terms"]] == expected["term"].tolist()
        scores = [row["score"] for row in told["terms"]]
        np.testing.assert_allclose(scores, expected["score"], rtol=1e-6)
        highest = encoder.predict_img([term], resolution=2).get_fdata().max()
        assert f"activation: highest value {highest:.3g} at MNI" in viewer.text
