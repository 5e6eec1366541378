"""Maps that users send: decoded as the package decodes them; tests/bad_input tells of bad ones."""

import contextlib
import gzip
import http.client
import os
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest

from sklearn_mnm.app._nifti import read_map
from sklearn_mnm.brain.atlas import load_mask
from tests.app.conftest import MAX_UPLOAD_MB, MOTOR_MAP, image_of, some_values, zipped


def send(ask, content, name="map.nii.gz", path="/map", **fields):
    return ask.post(path, files={"image": (name, content)}, data=fields)


def decoded(ask, content, **fields):
    answer = send(ask, content, path="/api/decode", **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_map_gets_the_terms_and_studies_that_the_package_gives(ask, encoder):
    told = decoded(ask, MOTOR_MAP.read_bytes())
    decoder = encoder.decoder()
    expected = decoder.predict_topk(MOTOR_MAP, k=10)
    assert [row["term"] for row in told["terms"]] == expected["term"].tolist()
    np.testing.assert_allclose(
        [row["score"] for row in told["terms"]], expected["score"], rtol=1e-5
    )
    assert [row["id"] for row in told["studies"]] == decoder.retrieve(MOTOR_MAP)["id"].tolist()
    assert told["notes"] == []


def test_values_below_the_threshold_count_as_0(ask, encoder):
    from nilearn.image import threshold_img

    told = decoded(ask, MOTOR_MAP.read_bytes(), threshold="3")
    image = threshold_img(str(MOTOR_MAP), 3.0, two_sided=False, copy_header=True)
    expected = encoder.decoder().predict_topk(image, k=10)
    assert [row["term"] for row in told["terms"]] == expected["term"].tolist()
    assert told["terms"] != decoded(ask, MOTOR_MAP.read_bytes())["terms"]


def test_the_page_of_a_map_has_all_that_a_text_has(ask, encoder, read_page):
    answer = send(ask, MOTOR_MAP.read_bytes(), r"C:\data\<b>motor</b>.nii.gz", threshold="2")
    assert answer.status_code == 303
    place = answer.headers["location"]
    page = read_page(ask.get(place).text)
    # Of the name that the user gave the end is shown, as text.
    assert (1, "b>.nii.gz") in page.headings
    assert "values below 2 count as 0" in page.text
    assert "hand" in page.text
    assert len([link for link in page.all("a") if "pubmed" in link["href"]]) == 10
    links = {link["href"] for link in page.all("a") if link["href"].startswith(place)}
    frames = {frame["src"] for frame in page.all("iframe")}
    for link in sorted(links | frames):
        if "report" not in link and "&x=" not in link:
            assert ask.get(link).status_code == 200, link
    shown = nibabel.Nifti1Image.from_bytes(
        gzip.decompress(ask.get(f"{place}/map.nii.gz?view=map").content)
    )
    assert shown.get_fdata().max() == pytest.approx(
        nibabel.load(MOTOR_MAP).get_fdata().max(), rel=0.2
    )
    assert ask.get(f"{place}/disk.png").content.startswith(b"\x89PNG")


def send_all(ask, *contents, **fields):
    files = [("image", (f"map{row}.nii", content)) for row, content in enumerate(contents)]
    return ask.post("/map", files=files, data=fields)


def test_words_of_several_maps_are_those_of_each(ask, read_page):
    other = image_of(some_values()[::-1])
    answer = send_all(ask, image_of(some_values()), other)
    assert answer.status_code == 303
    page = read_page(ask.get(answer.headers["location"]).text)
    of_each = [decoded(ask, content)["terms"] for content in (image_of(some_values()), other)]
    for rank, pair in enumerate(zip(*of_each, strict=True), start=1):
        cells = [
            f"{row['term']} {row['score']:.2f}, {100 * row['probability']:.0f} %" for row in pair
        ]
        assert " ".join([str(rank), *cells]) in [" ".join(row.split()) for row in page.rows]
    assert "those with the highest score first" in page.text
    assert all(np.diff([row["score"] for row in terms]).max() <= 0 for terms in of_each)
    places = [link["href"] for link in page.all("a") if link["href"].startswith("/map/")]
    for place, terms in zip(places, of_each, strict=True):
        assert read_page(ask.get(place).text).text.count(terms[0]["term"]) > 0
    gone = ask.get("/maps", params={"map": [places[0].rpartition("/")[2], "unknown"]})
    assert gone.status_code == 404
    assert "not here any more" in gone.text


def test_the_negative_side_is_decoded_if_it_is_asked_for(ask, read_page):
    values = some_values()
    values[18:24, 20:26, 12:18] = -5
    content = image_of(values)
    page = read_page(ask.get(send(ask, content, negative="1").headers["location"]).text)
    positive, negative = [
        link["href"] for link in page.all("a") if link["href"].startswith("/map/")
    ]
    assert "map.nii.gz, negative side (sign changed)" in page.text
    for place, sign in ((positive, 1), (negative, -1)):
        expected = decoded(ask, image_of(sign * values))["terms"][0]
        row = f" {expected['term']} {expected['score']:.2f}"
        assert any(found.startswith(row) for found in read_page(ask.get(place).text).rows)
    # Of a map with one side only, that is decoded, and told.
    for sign, words in (
        (1, "No value of the map is negative"),
        (-1, "No value of the map is positive"),
    ):
        answer = send(ask, image_of(sign * some_values()), negative="1")
        assert answer.headers["location"].startswith("/map/")
        assert words in ask.get(answer.headers["location"]).text


def test_who_asked_for_the_negative_side_is_not_advised_to(ask):
    content = image_of(-some_values())
    advised = send(ask, content, threshold="50")
    assert advised.status_code == 400
    assert "To decode its negative side, ask for it beside the file" in advised.text
    asked = send(ask, content, negative="1", threshold="50")
    assert asked.status_code == 400
    assert "ask for it" not in asked.text
    assert "50" in asked.text


def test_fields_that_there_are_not_are_refused(ask):
    answer = send(ask, image_of(some_values()), below="1")
    assert answer.status_code == 400
    assert "below: there is no such field" in answer.text


def test_of_several_files_the_bad_one_is_named_and_none_is_kept(ask):
    good = image_of(some_values())
    refused = send_all(ask, good, b"no image")
    assert refused.status_code == 415
    assert "map1.nii: This is no NIfTI file" in refused.text
    assert send_all(ask, *[good] * 9).status_code == 400
    # Together they are no larger than one may be.
    half = bytes(MAX_UPLOAD_MB * 2**19 + 20_000)
    assert send_all(ask, half, half).status_code == 413


@pytest.mark.slow
def test_the_report_of_a_map_stands_alone(ask, read_page):
    place = send(ask, MOTOR_MAP.read_bytes(), "motor.nii.gz").headers["location"]
    answer = ask.get(f"{place}/report.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="motor_report.html"'
    page = read_page(answer.text)
    assert (1, "What “motor.nii.gz” shows") in page.headings
    assert page.all("script") == []
    pictures = page.all("img")
    assert len(pictures) == 3
    assert all(picture["src"].startswith("data:image/png;base64,") for picture in pictures)
    assert "highest value" in pictures[0]["alt"]
    assert any(row.strip().startswith("hand") for row in page.rows)


FORMS = {
    "not compressed": lambda: image_of(some_values()),
    "compressed": lambda: zipped(image_of(some_values())),
    "in two pieces": lambda: (
        zipped(image_of(some_values())[:9000]) + zipped(image_of(some_values())[9000:])
    ),
    "NIfTI-2": lambda: image_of(some_values(), image_class=nibabel.Nifti2Image),
    "float64": lambda: image_of(some_values(dtype=np.float64)),
    "uint8": lambda: image_of(some_values(dtype=np.uint8)),
    "one map in 4D": lambda: image_of(some_values()[..., None]),
    "big-endian": lambda: big_endian(),
    "scaled": lambda: scaled(),
    "more bytes at the end": lambda: image_of(some_values()) + b"more" * 999,
}


def big_endian():
    image = nibabel.Nifti1Image.from_bytes(image_of(some_values()))
    header = image.header.as_byteswapped(">")
    header["vox_offset"] = 352
    return header.binaryblock + bytes(4) + some_values().astype(">f4").tobytes(order="F")


def scaled():
    content = bytearray(image_of(some_values(dtype=np.int16)))
    content[112:120] = struct.pack("<ff", 0.5, 0)
    return bytes(content)


@pytest.fixture(scope="module")
def of_motor_cortex(ask):
    return decoded(ask, FORMS["not compressed"]())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_nifti_is_read_alike(ask, of_motor_cortex, form):
    told = decoded(ask, FORMS[form]())
    assert "hand" in [row["term"] for row in told["terms"]]
    assert [row["term"] for row in told["terms"]] == [
        row["term"] for row in of_motor_cortex["terms"]
    ]
    centre = told["regions"][0]["centre"]
    assert np.linalg.norm(np.subtract(centre, [33, -26, 58])) < 20
    assert "right" in told["regions"][0]["name"]
    peaks = [row["peak_name"] for row in told["clusters"]]
    assert peaks == [row["peak_name"] for row in of_motor_cortex["clusters"]]
    assert peaks == ["right precentral gyrus"]
    factor = 0.5 if form == "scaled" else 1
    assert told["regions"][0]["value"] == pytest.approx(
        factor * of_motor_cortex["regions"][0]["value"], rel=1e-5
    )


def test_a_file_that_is_too_large_is_refused_while_it_arrives(ask):
    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.nii"\r\n\r\n'
        for _ in range(MAX_UPLOAD_MB + 2):
            yield bytes(2**20)
        yield b"\r\n--x--\r\n"

    answer = ask.post(
        "/map",
        content=chunks(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413
    assert f"larger than {MAX_UPLOAD_MB} MB" in answer.text


def test_who_never_stops_sending_is_cut_off(server):
    """The connection ends long before all is received."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/map")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.nii"\r\n\r\n'
    connection.send(b"%x\r\n%b\r\n" % (len(head), head))
    chunk, n_sent = b"100000\r\n" + bytes(2**20) + b"\r\n", 0
    with contextlib.suppress(ConnectionError):
        while n_sent < 100 * MAX_UPLOAD_MB:
            connection.send(chunk)
            n_sent += 1
    connection.close()
    assert MAX_UPLOAD_MB < n_sent < 20 * MAX_UPLOAD_MB


def test_maps_of_others_and_forgotten_ones_are_not_found(ask):
    answer = ask.get("/map/AAAAAAAAAAAAAAAAAAAAAA")
    assert answer.status_code == 404
    assert "Upload it again" in answer.text
    assert ask.get("/map/AAAAAAAAAAAAAAAAAAAAAA/map.nii.gz").status_code == 404
    first, second = (send(ask, MOTOR_MAP.read_bytes()).headers["location"] for _ in range(2))
    assert first != second
    assert len(first.removeprefix("/map/")) >= 20


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"<?xml version='1.0'?><GIFTI>" + bytes(400), "lh.func.gii", "surface"),
        (b"\0\0\0\1" + bytes(400), "motor.mgh", "mri_convert"),
        (b"CDF\1" + bytes(400), "mean.mnc", "mnc2nii"),
        (bytes(500), "stats+tlrc.BRIK", "3dAFNItoNIFTI"),
        (bytes(128) + b"DICM" + bytes(400), "slice.dcm", "dcm2niix"),
        (b"PK\3\4" + bytes(400), "maps.zip", "Unpack it"),
    ],
)
def test_other_files_are_called_by_their_names(ask, content, name, told):
    for sent in (content, gzip.compress(content)):
        answer = send(ask, sent, name, path="/api/decode")
        assert answer.status_code == 415
        assert told in answer.text


def test_the_kind_and_the_name_of_a_map_are_looked_at(ask):
    image = nibabel.load(MOTOR_MAP)
    told = send(ask, image.to_bytes(), "sub-1_space-T1w_statmap.nii", path="/api/decode").json()
    assert len(told["notes"]) == 1
    assert "T1w, that of one person" in told["notes"][0]
    image.header.set_intent("p value")
    answer = send(ask, image.to_bytes(), path="/api/decode")
    assert answer.status_code == 400
    assert "z_from_p" in answer.text


def test_what_stands_after_the_compressed_map_does_not_matter_and_parts_are_joined(ask):
    content = image_of(some_values())
    half = len(content) // 2
    expected = ask.post("/api/decode", files={"image": ("map.nii", content)}).json()["terms"]
    for sent in (
        zipped(content) + bytes(range(256)) * 600,
        zipped(content) + b"\x1f",
        zipped(content[:half]) + zipped(content[half:]),
        zipped(content[:100]) + zipped(content[100:]) + b"more",
    ):
        answer = ask.post("/api/decode", files={"image": ("map.nii.gz", sent)})
        assert answer.status_code == 200, answer.text
        assert answer.json()["terms"] == expected


def test_real_maps_are_read_as_nibabel_reads_them():
    if not (folder := os.environ.get("SKLEARN_MNM_DATA")):
        pytest.skip("SKLEARN_MNM_DATA is not set, so there are no real maps")
    maps = sorted(Path(folder).glob("real_maps/*.nii.gz"))
    assert maps
    for path in maps:
        with path.open("rb") as stream:
            found = read_map(stream, load_mask(resolution=4), name=path.name)
        expected = np.nan_to_num(nibabel.load(path).get_fdata(dtype=np.float32)).squeeze()
        np.testing.assert_array_equal(np.asarray(found.image.dataobj), expected, path.name)


def test_clusters_of_a_map_without_a_threshold_are_of_what_the_model_takes_notice_of(encoder):
    from sklearn_mnm.app._questions import MapQuestion, Model

    model = Model(encoder, "model")
    with MOTOR_MAP.open("rb") as stream:
        found = read_map(stream, model.grid)
    question = MapQuestion(model, found, "motor")
    values = np.asarray(question.image.dataobj)[np.asarray(model.grid.dataobj) != 0]
    assert question.cluster_threshold == pytest.approx(np.percentile(values, 95))
    assert question.clusters(1)["volume"].iloc[0] < 0.05 * len(values) * 0.008 + 1
    assert MapQuestion(model, found, "motor", 3.0).cluster_threshold == 3
