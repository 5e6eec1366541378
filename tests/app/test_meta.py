"""Where the server has studies with peaks, pages test and count with them."""

import csv
import io
import re
import zlib

import nibabel
import numpy as np
import pandas as pd
import pytest

from sklearn_mnm.app import create_app
from sklearn_mnm.datasets import Studies, to_nimare
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

testclient = pytest.importorskip("starlette.testclient")
cbma = pytest.importorskip("nimare.meta.cbma")

QUERY = "working memory"
PLACE = (-44.0, 6.0, 32.0)


@pytest.fixture(scope="module")
def studies(encoder):
    """Peaks of studies that the model knows: of 40 on topic at one place, of others anywhere."""
    ids = encoder.retrieve([QUERY], k=400, by="text")["id"].to_numpy()
    ids = np.concatenate([ids[:40], ids[-40:]])
    random = np.random.default_rng(0)
    near = np.array(PLACE) + random.normal(scale=4, size=(40, 3))
    elsewhere = random.uniform([-60, -90, -40], [60, 60, 70], size=(120, 3))
    places = np.concatenate([near, elsewhere]).round(1)
    names = np.concatenate([ids[:40], np.tile(ids[40:], 3)])
    peaks = pd.DataFrame(places, columns=["x", "y", "z"]).assign(id=names)
    # Rows of a study need not follow each other.
    metadata = pd.DataFrame({"authors": [f"Author {name}; Else, Somebody" for name in ids]})
    return Studies(ids, metadata=metadata, peaks=peaks.sample(frac=1, random_state=0))


@pytest.fixture(scope="module")
def client(encoder, studies):
    app = create_app(encoder, studies=studies)
    with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def test_the_map_is_nimares_of_the_studies_whose_texts_fit_best(client, encoder, studies):
    ask = {"q": QUERY, "method": "mkda", "k": 30}
    body = client.get("/meta/map.nii.gz", params=ask).content
    image = nibabel.Nifti1Image.from_bytes(zlib.decompress(body, 31))
    found = encoder.retrieve([QUERY], k=400, by="text")["id"]
    chosen = found[found.isin(studies.ids)].head(30)
    with pytest.warns(DataWarning, match="no sample size"):
        collection = to_nimare(studies.select(ids=chosen))
    expected = cbma.MKDADensity().fit(collection).get_map("z").get_fdata()
    np.testing.assert_allclose(image.get_fdata(), expected, atol=1e-5)
    table = client.get("/meta/studies.tsv", params=ask).text
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t"))
    assert [row["id"] for row in rows] == chosen.tolist()


@pytest.mark.parametrize("page", ["meta", "text"])
def test_references_have_the_authors_that_the_corpus_has(client, ask, studies, page):
    params = {"q": QUERY, "k": 30} if page == "meta" else {"q": QUERY}
    written = client.get(f"/{page}/studies.bib", params=params).text
    known = [name for name in studies.ids if f"pmid = {{{name}}}" in written]
    assert known
    for name in known:
        assert f"author = {{Author {name} and Else, Somebody}}" in written
    assert ("The corpus holds no authors of" in written) == (page == "text")
    # The model itself keeps none.
    without = ask.get("/text/studies.bib", params={"q": QUERY}).text
    assert without.startswith("% The corpus holds no authors. ")
    assert "author = " not in without


def test_the_page_tells_clusters_and_all_studies(client, encoder):
    answer = client.get("/meta", params={"q": QUERY, "k": 40})
    assert answer.status_code == 200
    assert "MKDA of studies on working memory" in answer.text
    assert "of 40 studies with 40 peaks" in answer.text
    table = client.get("/meta/clusters.tsv", params={"q": QUERY, "k": 40}).text
    first = next(csv.DictReader(io.StringIO(table), delimiter="\t"))
    assert (
        np.linalg.norm([float(first[axis]) - at for axis, at in zip("xyz", PLACE, strict=True)]) < 8
    )
    for name in encoder.retrieve([QUERY], k=40, by="text")["id"]:
        assert f"pubmed.ncbi.nlm.nih.gov/{name}/" in answer.text
    # MKDA takes no sample sizes, so nothing is said of them.
    assert 'class="note"' not in answer.text


def test_small_clusters_are_left_out_of_the_page_and_counted(client, read_page):
    params = {"q": QUERY, "k": 80}
    every = pd.read_csv(io.StringIO(client.get("/meta/clusters.tsv", params=params).text), sep="\t")
    n_small = int((every["volume"] < 0.1).sum())
    assert 0 < n_small < len(every) < 100
    page = read_page(client.get("/meta", params=params).text)
    told = f"{n_small} smaller clusters are left out, of less than 0.1 cm³"
    assert (told if n_small > 1 else "1 smaller cluster is left out") in page.text
    links = [link["href"] for link in page.all("a") if "viewer" in link["href"]]
    assert len(links) == min(len(every) - n_small, 10)


def test_sizes_that_are_filled_in_are_told_and_change_the_map_of_ale(client):
    few, many = (
        client.get("/meta/map.nii.gz", params={"q": QUERY, "method": "ale", "sample_size": size})
        for size in (5, 50)
    )
    assert few.content != many.content
    page = client.get("/meta", params={"q": QUERY, "method": "ale", "sample_size": 50}).text
    assert "studies with peaks have no sample size: 50 is taken" in page


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        ({"q": QUERY, "method": "ale"}, "tells its sample size"),
        ({"q": QUERY, "method": "mean"}, "method="),
        ({"q": QUERY, "k": 1}, "k="),
        ({"q": QUERY, "k": "many"}, "k="),
        ({"q": QUERY, "method": "ale", "sample_size": 0}, "sample_size="),
        ({"q": "xyzzy"}, "None of these words is known"),
        ({"q": ""}, "no text"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(client, ask, told):
    answer = client.get("/meta", params=ask)
    assert answer.status_code == 400
    assert told in answer.text


def test_words_without_effect_are_told_and_a_refusal_keeps_the_form(client):
    page = client.get("/meta", params={"q": f"{QUERY} xyzzy", "k": 40}).text
    assert "Not known, and without effect: xyzzy." in page
    refused = client.get("/meta", params={"q": QUERY, "method": "ale"}).text
    assert f'<input type="hidden" name="q" value="{QUERY}">' in refused


def test_headers_say_what_the_map_is(client):
    body = client.get("/meta/map.nii.gz", params={"q": QUERY, "k": 30}).content
    header = nibabel.Nifti1Image.from_bytes(zlib.decompress(body, 31)).header
    assert header.get_intent()[0] == "z score"
    assert header["descrip"].item().decode() == "MKDADensity of NiMARE, 30 studies"


def test_files_and_a_number_of_neurovault_exclude_each_other(ask):
    from tests.app.conftest import MOTOR_MAP

    files = {"image": MOTOR_MAP.read_bytes(), "neurovault": (None, "10426")}
    answer = ask.post("/api/decode", files=files)
    assert answer.status_code == 400
    assert "not both" in answer.json()["error"]


def test_answers_offer_it_only_where_there_are_studies(client, ask):
    assert 'action="/meta"' in client.get("/text", params={"q": QUERY}).text
    without = ask.get("/text", params={"q": QUERY}).text
    assert 'action="/meta"' not in without
    assert "mnm app --studies" in without
    answer = ask.get("/meta", params={"q": QUERY})
    assert answer.status_code == 404
    assert "started without studies" in answer.text


def test_studies_at_a_place_are_those_with_a_peak_there(client, studies):
    place = dict(zip("xyz", PLACE, strict=True))
    told = client.get("/api/place", params=place | {"k": 100}).json()
    nearest = {
        name: np.linalg.norm(rows[["x", "y", "z"]].to_numpy() - PLACE, axis=1).min()
        for name, rows in studies.peaks.groupby("id")
    }
    expected = {name: at for name, at in nearest.items() if at <= 10}
    assert told["n_studies"] == len(expected) >= 38
    assert {row["id"]: row["distance"] for row in told["studies"]} == pytest.approx(expected)
    distances = [row["distance"] for row in told["studies"]]
    assert distances == sorted(distances)
    assert told["studies_are"] == "with a peak within 10 mm, nearest first"
    page = client.get("/place", params=place).text
    assert re.search(rf"{len(expected)} studies have a peak within 10 mm", page)


def test_programs_get_the_same_fields_at_a_place_with_and_without_studies(client, ask):
    place = dict(zip("xyz", PLACE, strict=True))
    reported, like = (
        one.get("/api/place", params=place | {"k": 3}).json() for one in (client, ask)
    )
    assert list(reported) == list(like)
    assert [list(row) for row in reported["studies"]] == [list(row) for row in like["studies"]]
    assert like["n_studies"] is None
    assert "the model keeps no peaks" in like["studies_are"]
    for told, known, unknown in (
        (reported, "distance", "similarity"),
        (like, "similarity", "distance"),
    ):
        assert [row["rank"] for row in told["studies"]] == [1, 2, 3]
        assert all(row[known] is not None and row[unknown] is None for row in told["studies"])


def test_studies_that_the_model_does_not_know_are_refused(encoder):
    peaks = pd.DataFrame({"id": ["a", "b"], "x": [0, 1], "y": [0, 1], "z": [0, 1]})
    with pytest.raises(InvalidInputError, match="0 of the 2 have peaks and are known"):
        create_app(encoder, studies=Studies(["a", "b"], peaks=peaks))
    with pytest.raises(InvalidInputError, match="load_studies"):
        create_app(encoder, studies=peaks)


@pytest.mark.parametrize("number", ["1e3", "-4", "0", "ten", "9" * 30])
def test_numbers_of_neurovault_are_checked(ask, number):
    answer = ask.post("/api/decode", files={"neurovault": (None, number)})
    assert answer.status_code == 400
    assert "number of an image of NeuroVault" in answer.json()["error"]


def test_an_image_of_neurovault_is_decoded_like_its_file(encoder, tmp_path, monkeypatch):
    from sklearn_mnm.app import _site
    from sklearn_mnm.datasets.neurovault import NeuroVaultImage
    from tests.app.conftest import MOTOR_MAP

    fetched = NeuroVaultImage(MOTOR_MAP, "left vs right (NeuroVault 10426)", ("Told there.",))
    monkeypatch.setattr(_site, "fetch_neurovault_image", lambda number: fetched)
    app = create_app(encoder)
    with testclient.TestClient(app, base_url="http://127.0.0.1") as client:
        by_number = client.post("/api/decode", files={"neurovault": (None, "10426")}).json()
        by_file = client.post("/api/decode", files={"image": MOTOR_MAP.read_bytes()}).json()
        assert by_number["terms"] == by_file["terms"]
        assert by_number["notes"][0] == "Told there."
        answer = client.post("/map", files={"neurovault": (None, "10426")})
        assert answer.status_code == 200
        assert "left vs right (NeuroVault 10426)" in answer.text
