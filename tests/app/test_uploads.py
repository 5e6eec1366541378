"""Maps that users send: decoded as the package decodes them, or refused with a reason."""

import contextlib
import gzip
import http.client
import struct
import time

import nibabel
import numpy as np
import pytest

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
    factor = 0.5 if form == "scaled" else 1
    assert told["regions"][0]["value"] == pytest.approx(
        factor * of_motor_cortex["regions"][0]["value"], rel=1e-5
    )


def with_nan():
    values = some_values()
    values[:5] = np.nan
    return image_of(values)


def of_half_a_brain():
    affine = nibabel.Nifti1Image.from_bytes(image_of(some_values())).affine
    return image_of(some_values()[22:], affine @ translated(22))


def translated(voxels):
    matrix = np.eye(4)
    matrix[0, 3] = voxels
    return matrix


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (with_nan, "12,150 voxels are NaN or infinite; they count as 0."),
        (lambda: header_with(254, "h", 3), "Talairach"),
        (of_half_a_brain, "of the brain"),
        (lambda: header_with(252, "2h", [0, 0]), "no orientation"),
    ],
    ids=["NaN", "Talairach", "half", "no orientation"],
)
def test_what_is_doubtful_is_told_on_the_page(ask, read_page, content, note):
    place = send(ask, content()).headers["location"]
    page = read_page(ask.get(place).text)
    assert page.all("iframe")
    assert note in page.text


def header_with(offset, kind, value, content=None):
    content = bytearray(image_of(some_values()) if content is None else content)
    struct.pack_into(f"<{kind}", content, offset, *np.atleast_1d(value))
    return bytes(content)


def bomb():
    """A gigabyte of zeros in a megabyte, under a header that asks for 2,000 GB."""
    head = header_with(40, "8h", [3, 8000, 8000, 8000, 1, 1, 1, 1])[:352]
    return zipped(head + bytes(2**30))


BAD = {
    "empty": (lambda: b"", 400, "The file is empty"),
    "a text": (lambda: b"x,y,z\n1,2,3\n" * 99, 415, "no NIfTI file"),
    "a short text": (lambda: b"abc", 415, "no NIfTI file"),
    "a pickle": (lambda: __import__("pickle").dumps({"a": 1}), 415, "no NIfTI file"),
    "a compressed text": (lambda: zipped(b"hello " * 999), 415, "no NIfTI file"),
    "Analyze": (lambda: header_with(344, "4s", b"\0\0\0\0"), 415, "no NIfTI file"),
    "one of a pair": (lambda: header_with(344, "4s", b"ni1\0"), 415, ".hdr and .img"),
    "header only": (lambda: image_of(some_values())[:348], 400, "damaged"),
    "half a header": (lambda: image_of(some_values())[:200], 415, "no NIfTI file"),
    "cut off": (lambda: image_of(some_values())[:9999], 400, "ends before all voxels"),
    "truncated gzip": (lambda: zipped(image_of(some_values()))[:-900], 400, "damaged"),
    "corrupt gzip": (
        lambda: zipped(image_of(some_values()))[:-8] + bytes(8),
        400,
        "gzip compression",
    ),
    "no gzip at all": (lambda: b"\x1f\x8b" + b"not gzip" * 9, 400, "gzip compression"),
    "several maps": (
        lambda: image_of(np.stack([some_values((20, 20, 20))] * 3, axis=3)),
        400,
        "holds 3 maps",
    ),
    "a slice": (lambda: header_with(40, "h", 2), 400, "a map has three dimensions"),
    "no voxels": (lambda: header_with(42, "h", 0), 400, "a map has three dimensions"),
    "negative shape": (lambda: header_with(42, "h", -5), 400, "header is damaged"),
    "nine dimensions": (lambda: header_with(40, "h", 9), 400, "header is damaged"),
    "too many voxels": (lambda: header_with(42, "3h", [9999] * 3), 413, "at most 32,000,000"),
    "gzip bomb": (bomb, 413, "at most 32,000,000"),
    "unknown type": (lambda: header_with(70, "h", 777), 400, "type of the values"),
    "colours": (lambda: header_with(70, "h", 128), 400, "real numbers"),
    "complex numbers": (
        lambda: image_of(some_values().astype(np.complex64)),
        400,
        "real numbers",
    ),
    "values far away": (lambda: header_with(108, "f", 1e9), 400, "values begin at byte"),
    "values nowhere": (lambda: header_with(108, "f", np.nan), 400, "values begin at byte"),
    "scale of NaN": (lambda: header_with(112, "2f", [1, np.nan]), 400, "scale"),
    "only NaN": (lambda: image_of(np.full((30, 30, 30), np.nan, "f4")), 400, "only NaN"),
    "only zeros": (lambda: image_of(np.zeros((30, 30, 30), "f4")), 400, "all its values are 0"),
    "only deactivation": (lambda: image_of(-some_values()), 400, "multiply the map by -1"),
    "flat voxels": (lambda: header_with(280, "12f", [0] * 12), 400, "leads nowhere"),
    "absurd values": (lambda: image_of(some_values() * np.float32(1e35)), 400, "values up to"),
    "elsewhere": (
        lambda: image_of(some_values(), np.array(translated(900)) * 1.0),
        400,
        "Within the MNI152 brain nothing",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_with_a_reason_on_a_page(ask, read_page, fault):
    content, status, message = BAD[fault]
    content = content()
    start = time.perf_counter()
    answer = send(ask, content)
    assert answer.status_code == status, answer.text
    assert time.perf_counter() - start < 5
    page = read_page(answer.text)
    assert message in page.text
    assert len([box for box in page.all("div") if box.get("role") == "alert"]) == 1
    assert len(page.all("form")) == 2
    assert "Traceback" not in answer.text
    assert "sklearn_mnm/" not in answer.text
    told = send(ask, content, path="/api/decode")
    assert (told.status_code, set(told.json())) == (status, {"error"})


@pytest.mark.parametrize("threshold", ["much", "-1", "nan", "inf"])
def test_a_threshold_that_is_none_is_refused(ask, threshold):
    answer = send(ask, MOTOR_MAP.read_bytes(), threshold=threshold)
    assert answer.status_code == 400
    assert "The threshold must be a number" in answer.text


def test_a_threshold_above_everything_is_refused(ask):
    answer = send(ask, MOTOR_MAP.read_bytes(), threshold="1000")
    assert answer.status_code == 400
    assert "above the threshold of 1000" in answer.text


@pytest.mark.parametrize(
    ("request_parts", "status"),
    [
        ({"data": {"threshold": "3"}}, 415),
        ({"content": b"raw bytes"}, 415),
        ({"files": {"other": ("map.nii", b"123")}}, 400),
        ({"files": {"image": ("", b"123")}}, 400),
        ({"files": [("image", ("a.nii", b"1")), ("image", ("b.nii", b"2"))]}, 400),
        ({"files": {"image": ("a", b"1")}, "data": {"a": "1", "b": "2"}}, 400),
        ({"content": b"--x\r\nbad", "headers": {"content-type": "multipart/form-data"}}, 400),
        (
            {
                "content": b"--x\r\nContent-Disposition: form-data\r\n\r\nabc",
                "headers": {"content-type": "multipart/form-data; boundary=x"},
            },
            400,
        ),
    ],
)
def test_forms_without_one_file_are_refused(ask, request_parts, status):
    answer = ask.post("/map", **request_parts)
    assert answer.status_code == status, answer.text
    assert 'role="alert"' in answer.text


def test_a_file_that_is_too_large_is_refused_with_its_length_told(ask):
    answer = send(ask, bytes(MAX_UPLOAD_MB * 2**20 + 50_000))
    assert answer.status_code == 413
    assert f"larger than {MAX_UPLOAD_MB} MB" in answer.text


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
