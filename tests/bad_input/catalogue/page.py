"""The web page of ``mnm app``: what goes wrong is a status and a reason, on a page or as JSON."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

import gzip
import pickle
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError

import sklearn_mnm
from catalogue.case import Case
from catalogue.faults import coded, damaged, moved
from catalogue.hardship import taken_port
from catalogue.workshop import MAX_UPLOAD_MB, Workshop
from sklearn_mnm import MNMEncoder, Studies
from sklearn_mnm.app import create_app, serve
from sklearn_mnm.exceptions import InvalidInputError

_PACKAGE = str(Path(sklearn_mnm.__file__).parent)
_PATIENCE = 5  # seconds
#: The two ways to send a map, and what both say of it.
_UPLOADS = "/map", "/api/decode"


class PageError(Exception):
    """The page refused and said why.

    Attributes
    ----------
    status : int
        Of the answer, by HTTP.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Read(HTMLParser):
    """What a page alerts to, and how many forms it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.alerts: list[str] = []
        self.n_forms = self._depth = 0
        self._in_heading = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count."""
        self.n_forms += tag == "form"
        if ("role", "alert") in attrs:
            self.alerts.append("")
            self._depth = 1
        elif tag == "div" and self._depth:
            self._depth += 1
        self._in_heading = tag == "h1"

    def handle_endtag(self, tag: str) -> None:
        """Leave what alerts."""
        self._depth -= tag == "div" and self._depth > 0
        self._in_heading = False

    def handle_data(self, data: str) -> None:
        """Keep the words of an alert, without its heading."""
        if self._depth and not self._in_heading:
            self.alerts[-1] += data


def ask(w: Workshop, method: str, address: str, **parts: Any) -> Any:
    """Ask the page; what it refuses comes out as an error."""
    page, start = w.page, time.perf_counter()
    answer = page.request(method, address, **parts)
    assert time.perf_counter() - start < _PATIENCE
    if answer.status_code < 400:
        return answer
    for secret in ("Traceback", "sklearn_mnm/", _PACKAGE, str(w.folder)):
        assert secret not in answer.text, f"the answer tells of {secret}"
    error = _error(answer)
    raise error from _cause(str(error))


def _error(answer: Any) -> PageError:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "text/plain":  # before the page is asked at all
        return PageError(answer.status_code, answer.text.strip())
    if answer.request.url.path.startswith("/api/"):
        told = answer.json()
        assert set(told) == {"error"}
        return PageError(answer.status_code, told["error"])
    page = _Read(answer.text)
    assert len(page.alerts) == 1
    assert page.n_forms == 4, "there is no way to ask again"
    return PageError(answer.status_code, " ".join(page.alerts[0].split()))


def _cause(message: str) -> Exception | None:
    """The words of the package that reads forms, which are other ones in other versions."""
    _, found, words = message.partition("The form cannot be read: ")
    return ValueError(words) if found else None


def send(w: Workshop, path: str, content: bytes, name: str = "map.nii.gz", **fields: str) -> Any:
    """Send a file as the form does."""
    return ask(w, "POST", path, files={"image": (name, content)}, data=fields)


class _BadFile(NamedTuple):
    kind: str
    given: str
    make: Callable[[Workshop], bytes]
    status: int
    tells: tuple[str, ...]


def _bytes(image: Any) -> bytes:
    return image.to_bytes()


def _of(change: Callable[[np.ndarray], Any], **options: Any) -> Callable[[Workshop], bytes]:
    return lambda w: _bytes(w.image(change, **options))


def _with(offset: int, dtype: str, *values: float) -> Callable[[Workshop], bytes]:
    """Make a file with other numbers in its header."""
    return lambda w: damaged(offset, np.array(values, dtype).tobytes())(w).read_bytes()


def _zipped(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=1, mtime=0)


def _bomb(w: Workshop) -> bytes:
    """A gigabyte of zeros in some megabytes, under a header that asks for 2,000 GB."""
    header = _with(40, "<i2", 3, 8000, 8000, 8000, 1, 1, 1, 1)(w)[:352]
    return _zipped(header) + _zipped(bytes(2**20)) * 1024


def _good(w: Workshop) -> bytes:
    return _bytes(w.image())


#: Files that are no map of a brain.
FILES = (
    _BadFile("empty", "a file without a byte", lambda w: b"", 400, ("The file is empty",)),
    _BadFile("missing or foreign file", "a table", lambda w: b"x,y,z\n1,2,3\n" * 99, 415, ("no NIfTI file", "Choose one")),
    _BadFile("missing or foreign file", "three letters", lambda w: b"abc", 415, ("no NIfTI file", "Choose one")),
    _BadFile("pickled objects", "a pickle", lambda w: pickle.dumps({"a": 1}), 415, ("no NIfTI file", "Choose one")),
    _BadFile("missing or foreign file", "a compressed text", lambda w: _zipped(b"hello " * 999), 415, ("no NIfTI file", "Choose one")),
    _BadFile("missing or foreign file", "a file in the Analyze format", _with(344, "S4", b""), 415, ("no NIfTI file", "Choose one")),
    _BadFile("missing or foreign file", "one of a pair of files", _with(344, "S4", b"ni1"), 415, (r"\.hdr and \.img", "as one file")),
    _BadFile("truncated gzip", "the header alone", lambda w: _good(w)[:348], 400, ("damaged: it ends before all voxels", "Copy or export it again")),
    _BadFile("truncated gzip", "half a header", lambda w: _good(w)[:200], 415, ("no NIfTI file", "Choose one")),
    _BadFile("truncated gzip", "a file cut off", lambda w: _good(w)[:5000], 400, ("ends before all voxels", "again")),
    _BadFile("truncated gzip", "a compressed file cut off", lambda w: _zipped(_good(w))[:-900], 400, ("damaged: its gzip compression ends early", "Copy or export it again")),
    _BadFile("truncated gzip", "a compressed file with a wrong checksum", lambda w: _zipped(_good(w))[:-8] + bytes(8), 400, ("gzip compression", "again")),
    _BadFile("truncated gzip", "bytes that begin as a compressed file", lambda w: b"\x1f\x8b" + b"not gzip" * 9, 400, ("gzip compression", "again")),
    _BadFile("4D for 3D", "three maps in one file", _of(None, shape=(13, 15, 13, 3)), 400, ("holds 3 maps", "index_img")),
    _BadFile("wrong shape", "a slice", _with(40, "<i2", 2), 400, ("a map has three dimensions",)),
    _BadFile("empty", "a map without voxels", _with(42, "<i2", 0), 400, ("a map has three dimensions",)),
    _BadFile("negative values", "a negative shape", _with(42, "<i2", -5), 400, ("header is damaged", "again")),
    _BadFile("broken header", "nine dimensions", _with(40, "<i2", 9), 400, ("header is damaged", "again")),
    _BadFile("huge values", "a map of 10\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO} voxels", _with(42, "<i2", 9999, 9999, 9999), 413, ("at most 32,000,000", "coarser")),
    _BadFile("bomb", "a gigabyte of zeros, compressed", _bomb, 413, ("at most 32,000,000", "coarser")),
    _BadFile("broken header", "an unknown type of numbers", _with(70, "<i2", 777), 400, ("type of the values", "again")),
    _BadFile("wrong dtype", "coloured voxels", _with(70, "<i2", 128), 400, ("values are of the type .*R.*colours", "statistical map of real numbers")),
    _BadFile("wrong dtype", "complex voxels", _of(lambda v: v.astype(np.complex64)), 400, ("values are of the type complex64", "statistical map of real numbers")),
    _BadFile("broken header", "data that start behind the end", _with(108, "<f4", 1e9), 400, ("values begin at byte", "again")),
    _BadFile("NaN", "data that start at NaN", _with(108, "<f4", np.nan), 400, ("values begin at byte", "again")),
    _BadFile("NaN", "a scale of NaN", _with(112, "<f4", 1, np.nan), 400, ("scale", "again")),
    _BadFile("NaN", "a map of NaN", _of(lambda v: v * np.nan), 400, ("NaN or infinite", "again")),
    _BadFile("all-zero map", "a map of zeros", _of(lambda v: 0 * v), 400, ("all its values are 0", "again")),
    _BadFile("negative values", "a map without positive values", _of(np.negative), 400, ("multiply the map by -1",)),
    _BadFile("broken header", "an affine of zeros", _with(280, "<f4", *[0] * 12), 400, ("leads nowhere",)),
    _BadFile("huge values", "voxels of 1e35", _of(lambda v: v * np.float32(1e35)), 400, ("values up to",)),
    _BadFile("wrong space", "a map of a place outside the brain", lambda w: _bytes(coded(2, 0, moved(900))(w)), 400, ("covers nothing of the brain", "Normalise it")),
)  # fmt: skip

#: Files that are taken with a note.
DOUBTFUL_FILES = (
    ("NaN", "a map with NaN in some voxels", _of(lambda v: np.where(np.arange(13) < 3, np.nan, v)), "585 voxels are NaN or infinite; they count as 0."),
    ("wrong space", "a map that says Talairach", lambda w: _bytes(coded(3, 3)(w)), "Talairach"),
    ("wrong space", "a map beside the brain", lambda w: _bytes(coded(2, 0, moved(90))(w)), "of the brain"),
    ("left and right", "a map without orientation", lambda w: _bytes(coded(0, 0)(w)), "no orientation"),
    ("left and right", "a map whose sform and qform disagree", lambda w: _bytes(coded(1, 1, of_qform=np.diag([-1.0, 1, 1, 1]))(w)), "which side is left"),
    ("wrong dtype", "a map whose values may be p values", _of(lambda v: v / 3), "between 0 and 1"),
)  # fmt: skip


def _refused(
    name: str, kind: str, given: str, call: Callable[[Workshop], Any], status: int, *tells: str
) -> Case:
    """Make the case of something that is refused with a status."""

    def checked(w: Workshop) -> Any:
        try:
            return call(w)
        except PageError as error:
            if error.status != status:
                raise AssertionError(f"status {error.status} is not {status}") from error
            raise

    return Case(name, kind, given, checked, PageError, tells)


def _file_cases() -> Iterator[Case]:
    for path in _UPLOADS:
        name = f"POST {path}"
        for file in FILES:
            yield _refused(
                name, file.kind, f"image: {file.given}",
                lambda w, p=path, f=file: send(w, p, f.make(w)), file.status, *file.tells,
            )  # fmt: skip
        for kind, given, make, note in DOUBTFUL_FILES:
            yield Case(
                name, kind, f"image: {given}",
                lambda w, p=path, m=make: _noted(w, send(w, p, m(w))), "the answer, with a note that says so",
                holds=lambda text, n=note: n in text and ("<iframe" in text or text.startswith("{")),
            )  # fmt: skip
        large = MAX_UPLOAD_MB * 2**20 + 50_000
        yield _refused(
            name, "huge values", "image: a file larger than is taken",
            lambda w, p=path, n=large: send(w, p, bytes(n)), 413, f"larger than {MAX_UPLOAD_MB} MB", "Compress it",
        )  # fmt: skip
        yield _refused(
            name, "huge values", "image: a file larger than is taken, of a length that is not told",
            lambda w, p=path, n=large: ask(w, "POST", p, content=_parts(bytes(n)), headers=_FORM), 413, f"larger than {MAX_UPLOAD_MB} MB", "Compress it",
        )  # fmt: skip
        for kind, given, length, status, tells in (
            ("negative values", "-5", "-5", 400, "no number of bytes"), ("wrong dtype", "a word", "many", 400, "no number of bytes"),
            ("huge values", "of 5,000 digits", "9" * 5000, 413, "larger than"),
        ):  # fmt: skip
            yield _refused(
                name, kind, f"Content-Length: {given}",
                lambda w, p=path, n=length: ask(w, "POST", p, content=_parts(b"abc"), headers={**_FORM, "Content-Length": n}),
                status, tells,
            )  # fmt: skip
        for kind, given, value in (
            ("wrong dtype", "a word", "much"), ("negative values", "-1", "-1"), ("NaN", "NaN", "nan"),
            ("infinity", "infinity", "inf"), ("huge values", "1e31", "1e31"),
        ):  # fmt: skip
            yield _refused(
                name, kind, f"threshold: {given}",
                lambda w, p=path, v=value: send(w, p, _good(w), threshold=v), 400, "The threshold must be a number", "left empty",
            )  # fmt: skip
        yield _refused(
            name, "all-zero map", "threshold: above all values",
            lambda w, p=path: send(w, p, _good(w), threshold="1000"), 400, "above the threshold of 1000",
        )  # fmt: skip
        yield from _form_cases(path, name)
        for given, headers in _FOREIGN:
            yield _refused(
                name, "path out of the folder", given,
                lambda w, p=path, h=headers: ask(w, "POST", p, files={"image": ("a.nii", _good(w))}, headers=h),
                403, "from another site", "ask there",
            )  # fmt: skip


#: What browsers tell of pages of others.
_FOREIGN = (
    ("Origin: of another site", {"Origin": "http://evil.example"}),
    ("Origin: null, as of a file", {"Origin": "null"}),
    ("Origin: another port", {"Origin": "http://127.0.0.1:1"}),
    ("Sec-Fetch-Site: cross-site", {"Sec-Fetch-Site": "cross-site"}),
    ("Sec-Fetch-Site: same-site", {"Sec-Fetch-Site": "same-site"}),
)
_FORM = {"content-type": "multipart/form-data; boundary=x"}


def _parts(content: bytes) -> Iterator[bytes]:
    """A form in pieces, whose length is not known."""
    yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.nii"\r\n\r\n'
    yield content
    yield b"\r\n--x--\r\n"


def _noted(w: Workshop, answer: Any) -> str:
    """The text of an answer, or of the page to which it leads."""
    place = answer.headers.get("location")
    return answer.text if place is None else ask(w, "GET", place).text


def _form_cases(path: str, name: str) -> Iterator[Case]:
    for kind, given, parts, status, tells in (
        ("empty", "no file", {"data": {"threshold": "3"}}, 415, ("Send the map as the field 'image'",)),
        ("wrong dtype", "the bytes of a file alone", {"content": b"raw bytes"}, 415, ("Send the map as the field 'image'",)),
        ("unknown choice", "a file in another field", {"files": {"other": ("map.nii", b"123")}}, 400, ("other: there is no such field", "Give image")),
        ("empty", "a file without a name", {"files": {"image": ("", b"123")}}, 400, ("No file was chosen", "Choose")),
        ("wrong dtype", "a word for a file", {"files": {"image": (None, "word")}}, 400, ("No file was chosen", "Choose")),
        ("duplicated studies", "more files than are taken", {"files": [("image", ("a.nii", b"1"))] * 9}, 400, ("The form cannot be read",)),
        ("unknown choice", "more fields than there are", {"files": {"image": ("a", b"1")}, "data": {"a": "1", "b": "2", "c": "3", "d": "4"}}, 400, ("The form cannot be read",)),
        ("broken header", "a form that does not say where its parts end", {"content": b"--x\r\nbad", "headers": {"content-type": "multipart/form-data"}}, 400, ("The form cannot be read",)),
        ("broken header", "a part without a name", {"content": b"--x\r\nContent-Disposition: form-data\r\n\r\nabc", "headers": _FORM}, 400, ("The form cannot be read",)),
        ("truncated gzip", "a form that ends early", {"content": b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.nii"\r\n\r\nabc', "headers": _FORM}, 400, ("No file was chosen|The form cannot be read",)),
    ):  # fmt: skip
        yield _refused(
            name, kind, given, lambda w, p=path, more=parts: ask(w, "POST", p, **more), status, *tells,
        )  # fmt: skip
    for kind, given, file_name, shown in (
        ("path out of the folder", "a path", "../../etc/passwd", "passwd"),
        ("path out of the folder", "a path of Windows", r"C:\data\..\motor.nii", "motor.nii"),
        ("control characters", "tags and control characters", "<i>\x1b[31m\x00motor.nii", "&lt;i&gt;"),
        ("huge values", "2,000 letters", "a" * 2000 + ".nii", "a" * 80),
    ):  # fmt: skip
        if path != "/map":
            continue  # where it is not shown
        yield Case(
            name, kind, f"name of the file: {given}",
            lambda w, n=file_name: _noted(w, send(w, "/map", _good(w), n)), "a page that shows what is a name of it, as text",
            holds=lambda text, s=shown: s in text and not any(x in text for x in ("etc/", "C:", "<i>", "\x1b", "\0", "a" * 81)),
        )  # fmt: skip


def _side_cases() -> Iterator[Case]:
    yield _refused(
        "POST /map", "wrong dtype", "two files, one of them no image",
        lambda w: ask(w, "POST", "/map", files=[("image", ("a.nii", _good(w))), ("image", ("b.nii", b"1"))]), 415, "b.nii: ", "no NIfTI file",
    )  # fmt: skip
    yield _refused(
        "POST /api/decode", "unknown choice", "negative: 1",
        lambda w: send(w, "/api/decode", _good(w), negative="1"), 400, "one side of a map at a time", "multiply",
    )  # fmt: skip
    yield Case(
        "POST /map", "negative values", "negative: 1, of a map without any",
        lambda w: _noted(w, send(w, "/map", _bytes(w.image(np.abs)), negative="1")), "the answer, with a note that says so",
        holds=lambda text: "No value of the map is negative" in text,
    )  # fmt: skip
    for kind, given, params, status, tells in (
        ("empty", "map: none", {}, 400, ("There are no maps",)),
        ("unknown choice", "map: one that was never given", {"map": "AAAA"}, 404, ("not here any more", "Upload it again")),
    ):  # fmt: skip
        yield _refused(
            "GET /maps", kind, given, lambda w, p=params: _get("/maps", w, **p), status, *tells,
        )  # fmt: skip


_NO_TEXT = "There is no text", "at least one word"


def _text_cases() -> Iterator[Case]:
    for path, field in (("/text", "q"), ("/api/encode", "text")):
        name = f"GET {path}"
        get = partial(_get, path)
        for kind, given, params, tells in (
            ("empty", f"no {field}", {}, _NO_TEXT),
            ("empty", f"{field}: empty", {field: ""}, _NO_TEXT),
            ("empty", f"{field}: white space", {field: " \t\r\n\u2003"}, _NO_TEXT),
            ("unknown choice", "a field of another name", {"words": "pain"}, _NO_TEXT),
            ("huge values", f"{field}: 5,001 letters", {field: "a" * 5001}, ("5,001 characters", "at most 5,000")),
            ("huge values", f"{field}: 20,001 letters", {field: "ab " * 6_667}, ("20,000 characters", "at most 5,000")),
        ):  # fmt: skip
            yield _refused(name, kind, given, lambda w, g=get, p=params: g(w, **p), 400, *tells)
        for kind, given, text in (
            ("all-zero text", "an unknown word", "qwxzzy"),
            ("control characters", "control characters", "{} \x1b[31m\x00\x07"),
            ("control characters", "tags", "{} <script>alert(1)</script><img src=x onerror=alert(1)>"),
            ("control characters", "letters of other scripts and directions", "{} \u202e\u0e01\u4e2d\U0001f9e0"),
            ("duplicated studies", "a word 500 times", "{} " * 500),
        ):  # fmt: skip
            yield Case(
                name, kind, f"{field}: {given}",
                lambda w, g=get, f=field, t=text: g(w, **{f: t.replace("{}", _known(w))}).text,
                "the answer, in which nothing runs",
                holds=lambda answer, is_page=path == "/text": not is_page or ("<script>" not in answer and "<img src=x" not in answer and "\x1b" not in answer),
            )  # fmt: skip
        yield Case(
            name, "control characters", f"{field}: bytes that are no UTF-8",
            lambda w, p=path, f=field: ask(w, "GET", f"{p}?{f}=%ff%ed%a0%80pain").text, "the answer", holds=lambda answer: answer != "",
        )  # fmt: skip
    for path, method in (("/api/encode", "GET"), ("/api/place", "GET"), ("/api/decode", "POST")):
        for kind, value in (("unknown choice", "0"), ("negative values", "-1"), ("wrong dtype", "ten"), ("wrong dtype", "2.5"),
                            ("huge values", "101"), ("huge values", "9" * 5000), ("empty", ""), ("NaN", "nan"),
                            ("wrong dtype", "\N{FULLWIDTH DIGIT ONE}")):  # fmt: skip
            shown = "of 5,000 digits" if len(value) > 9 else repr(value)

            def call(
                w: Workshop, path: str = path, method: str = method, value: str = value
            ) -> Any:
                more = {} if method == "GET" else {"files": {"image": ("a.nii", _good(w))}}
                given = {"text": "pain", "x": "0", "y": "0", "z": "0", "k": value}
                return ask(w, method, path, params=given, **more)

            yield _refused(
                f"{method} {path}",
                kind,
                f"k: {shown}",
                call,
                400,
                "k='",
                "whole number from 1 to 100",
            )


def _known(w: Workshop) -> str:
    """A word that the model knows."""
    return str(w.encoder.terms_[0])


def _get(path: str, w: Workshop, **params: str) -> Any:
    return ask(w, "GET", path, params=params)


def _part_cases() -> Iterator[Case]:
    def of_text(w: Workshop, part: str, **params: str) -> Any:
        return ask(w, "GET", f"/text/{part}", params={"q": _known(w), **params})

    def of_map(w: Workshop, part: str, **params: str) -> Any:
        return ask(w, "GET", f"{_place(w)}/{part}", params=params)

    for name, call in (("GET /text/{part}", of_text), ("GET /map/{token}/{part}", of_map)):
        for kind, part in (
            ("unknown choice", "map.nii"), ("unknown choice", "page.html.jinja"),
            ("path out of the folder", "..%2f..%2fetc%2fpasswd"), ("path out of the folder", "%2e%2e%2fserver.py"),
            ("control characters", "viewer%00"), ("huge values", "a" * 5000),
        ):  # fmt: skip
            yield _refused(
                name, kind, f"part: {part if len(part) < 99 else '5,000 letters'}",
                lambda w, c=call, p=part: c(w, p), 404, "There is no such page",
            )  # fmt: skip
        for kind, given, params, tells in (
            ("unknown choice", "view: one that is not there", {"view": "lobe"}, ("view='lobe'", "choose one of")),
            ("path out of the folder", "view: a path", {"view": "../../etc/passwd"}, ("view=", "choose one of")),
            ("control characters", "view: tags and control characters", {"view": "<script>\x1b\x00"}, ("view=", "choose one of")),
        ):  # fmt: skip
            for part in ("viewer", "map.nii.gz"):
                yield _refused(
                    name, kind, f"{part}, {given}", lambda w, c=call, o=part, p=params: c(w, o, **p), 400, *tells,
                )  # fmt: skip
        for kind, given, place in (
            ("wrong dtype", "words", ("a", "b", "c")), ("NaN", "NaN", ("nan", "0", "0")),
            ("infinity", "infinity", ("0", "inf", "0")), ("huge values", "1e9 mm", ("0", "0", "1e9")),
            ("empty", "x alone", ("3", "", "")),
        ):  # fmt: skip
            yield _refused(
                name, kind, f"viewer, x, y, z: {given}",
                lambda w, c=call, p=place: c(w, "viewer", **dict(zip("xyz", p, strict=True))), 400, "x, y, z = ", "give",
            )  # fmt: skip
        for kind, given, value in (
            ("wrong dtype", "a word", "much"),
            ("negative values", "-1", "-1"),
            ("NaN", "NaN", "nan"),
        ):
            yield _refused(
                name, kind, f"viewer, threshold: {given}", lambda w, c=call, v=value: c(w, "viewer", threshold=v),
                400, "The threshold must be a number", "left empty",
            )  # fmt: skip
    for path in ("/place", "/api/place"):
        for kind, given, place, tells in (
            ("empty", "no place", {}, ("There is no place", "Give x, y and z")),
            ("empty", "x alone", {"x": "3"}, ("x, y, z = ", "give three numbers")),
            ("wrong dtype", "words", {"x": "a", "y": "b", "z": "c"}, ("x, y, z = ", "give three numbers")),
            ("NaN", "NaN", {"x": "nan", "y": "0", "z": "0"}, ("x, y, z = ", "give places within")),
            ("huge values", "1e9 mm", {"x": "0", "y": "0", "z": "1e9"}, ("x, y, z = ", "give places within")),
            ("unknown choice", "outside the brain", {"x": "0", "y": "150", "z": "150"}, ("No region of the model is at", "within the brain")),
        ):  # fmt: skip
            yield _refused(
                f"GET {path}", kind, f"x, y, z: {given}", lambda w, p=path, v=place: _get(p, w, **v), 400, *tells,
            )  # fmt: skip
    for part in ("viewer", "map.nii.gz", "terms.tsv", "studies.tsv", "clusters.tsv", "disk.png"):
        yield _refused(
            "GET /text/{part}", "all-zero text", f"{part}, q: an unknown word",
            lambda w, p=part: ask(w, "GET", f"/text/{p}", params={"q": "qwxzzy"}), 400, "None of these words is known",
        )  # fmt: skip
    yield _refused(
        "GET /text/{part}", "empty", "viewer, q: empty",
        lambda w: ask(w, "GET", "/text/viewer?q="), 400, *_NO_TEXT,
    )  # fmt: skip
    yield Case(
        "GET /text", "unknown choice", "view: one that is not there",
        lambda w: ask(w, "GET", "/text", params={"q": _known(w), "view": "lobe"}).text, "the page, with the map that is first",
        holds=lambda html: "<iframe" in html and "lobe" not in html,
    )  # fmt: skip


def _place(w: Workshop) -> str:
    """Where a good map is, once it was sent."""
    return str(send(w, "/map", _good(w)).headers["location"])


def _path_cases() -> Iterator[Case]:
    for kind, given, token in (
        ("unknown choice", "one that was never given", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("control characters", "control characters", "%00%1b"),
        ("huge values", "5,000 letters", "A" * 5000),
    ):  # fmt: skip
        for name, part in (("GET /map/{token}", ""), ("GET /map/{token}/{part}", "/map.nii.gz")):
            yield _refused(
                name, kind, f"token: {given}", lambda w, t=token, p=part: ask(w, "GET", f"/map/{t}{p}"), 404,
                "not here any more", "Upload it again",
            )  # fmt: skip
    yield _refused(
        "GET /map/{token}", "path out of the folder", "token: ..%2f..%2fetc%2fpasswd",
        lambda w: ask(w, "GET", "/map/..%2f..%2fetc%2fpasswd"), 404, "no such page",
    )  # fmt: skip
    for kind, path in (
        ("path out of the folder", "..%2fserver.py"), ("path out of the folder", "%2e%2e%2fserver.py"),
        ("path out of the folder", "%2fetc%2fpasswd"), ("path out of the folder", "..%5cserver.py"),
        ("control characters", "app.css%00.js"), ("missing or foreign file", "home.html.jinja"),
    ):  # fmt: skip
        yield _refused(
            "GET /static/{name}", kind, f"name: {path}", lambda w, p=path: ask(w, "GET", f"/static/{p}"), 404,
            "There is no such page",
        )  # fmt: skip
    yield _refused(
        "GET /", "unknown choice", "an address that is not there", lambda w: ask(w, "GET", "/nowhere"), 404,
        "There is no such page",
    )  # fmt: skip
    for method, path in (("POST", "/text"), ("GET", "/map"), ("PUT", "/map"), ("DELETE", "/")):
        name = f"{'GET' if method == 'DELETE' or path == '/text' else 'POST'} {path}"
        yield _refused(
            name, "unknown choice", f"asked by {method}", lambda w, m=method, p=path: ask(w, m, p), 405,
            "not for such requests",
        )  # fmt: skip
    for path in ("/", "/health", "/text", "/api/encode"):
        for kind, given, host in (
            ("path out of the folder", "another name", "evil.example"),
            ("path out of the folder", "a name that begins as this one", "127.0.0.1.evil.example"),
            ("broken header", "half an address", "[::1"),
            ("empty", "none", ""),
        ):  # fmt: skip
            yield _refused(
                f"GET {path}", kind, f"Host: {given}",
                lambda w, p=path, h=host: ask(w, "GET", p, headers={"Host": h}), 400, "does not go by the name", "--allow-host",
            )  # fmt: skip
    for kind in ("image", "iframe", "script", "empty"):
        yield _refused(
            "GET /text", "path out of the folder", f"Sec-Fetch-Dest: {kind}, of another site",
            lambda w, k=kind: ask(w, "GET", "/text?q=pain", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": k}),
            403, "from another site", "ask there",
        )  # fmt: skip


def _meta_cases() -> Iterator[Case]:
    for path in ("/meta", "/meta/map.nii.gz"):
        yield _refused(
            f"GET {path.replace('map.nii.gz', '{part}')}", "unknown choice", "of a server without studies",
            lambda w, p=path: ask(w, "GET", f"{p}?q=pain"), 404, "started without studies", "--studies",
        )  # fmt: skip
    for kind, given in (
        ("wrong dtype", "ten"),
        ("negative values", "-1"),
        ("infinity", "inf"),
        ("huge values", "9" * 30),
    ):
        yield _refused(
            "POST /map", kind, f"neurovault: {given[:9]}",
            lambda w, g=given: ask(w, "POST", "/map", files={"neurovault": (None, g)}), 400, "neurovault=", "give the number",
        )  # fmt: skip


def _server_cases() -> Iterator[Case]:
    makers: dict[str, Callable[..., Any]] = {
        "create_app": create_app,
        # A port that cannot be had: nothing is served even if an argument were taken.
        "serve": lambda encoder, hosts=(), **o: serve(
            encoder, allowed_hosts=hosts, **{"port": -1, **o}
        ),
    }
    hosts = {"create_app": "hosts", "serve": "allowed_hosts"}
    for name, make in makers.items():
        for kind, value in (("unknown choice", 0), ("negative values", -1), ("NaN", np.nan), ("infinity", np.inf),
                            ("wrong dtype", "64"), ("wrong dtype", None), ("huge values", 1e308), ("huge values", 1e-9)):  # fmt: skip
            yield Case(
                name, kind, f"max_upload_mb: {value!r}", lambda w, m=make, v=value: m(w.encoder, max_upload_mb=v),
                InvalidInputError, (f"max_upload_mb={re.escape(repr(value))}", "number"),
            )  # fmt: skip
        for kind, given, value in (
            ("wrong dtype", "one string", "brain.example.org"), ("wrong dtype", "a number", 3),
            ("object array", "numbers", [3]), ("wrong dtype", "None", None),
        ):  # fmt: skip
            yield Case(
                name, kind, f"{hosts[name]}: {given}", lambda w, m=make, v=value: m(w.encoder, hosts=v),
                InvalidInputError, (f"{hosts[name]}=", "list of names"),
            )  # fmt: skip
        for kind, given, of in (
            ("wrong dtype", "a number", lambda w: 3), ("wrong dtype", "a class", lambda w: MNMEncoder),
            ("unknown choice", "an embedder", lambda w: w.embedder),
            ("unknown choice", "a decoder", lambda w: w.decoder),
            ("unknown choice", "terms", lambda w: w.vectorizer),
        ):  # fmt: skip
            yield Case(
                name, kind, f"encoder: {given}", lambda w, m=make, o=of: m(o(w)), InvalidInputError,
                ("encoder is", "Give an MNMEncoder"),
            )  # fmt: skip
        for kind, given, of in (
            ("wrong dtype", "a path", lambda w: "studies.json"), ("unaligned parts", "none that the model knows", lambda w: Studies(["a", "b"], peaks=w.table)),
        ):  # fmt: skip
            yield Case(
                name, kind, f"studies: {given}", lambda w, m=make, o=of: m(w.encoder, studies=o(w)), InvalidInputError,
                ("studies", "Give"),
            )  # fmt: skip
        yield Case(
            name, "not fitted", "encoder: not fitted", lambda w, m=make: m(MNMEncoder()), NotFittedError, ("not fitted",),
        )  # fmt: skip
        yield Case(
            name, "unknown choice", "encoder: one that knows no places", lambda w, m=make: m(w.placeless),
            InvalidInputError, ("where regions are", "Fit it"),
        )  # fmt: skip
    for kind, value in (("negative values", -1), ("huge values", 99999), ("wrong dtype", "http"), ("wrong dtype", "80"),
                        ("NaN", np.nan), ("unknown choice", 80.5), ("wrong dtype", None), ("wrong dtype", True)):  # fmt: skip
        yield Case(
            "serve", kind, f"port: {value!r}", lambda w, v=value: serve(w.encoder, port=v), InvalidInputError,
            (f"port={value!r}", "0 to 65535|port 0 takes"),
        )  # fmt: skip
    for kind, given, value in (
        ("unknown choice", "an address of another computer", "192.0.2.1"), ("huge values", "64 letters", "a" * 64),
        ("control characters", "a null character", "a\0b"), ("wrong dtype", "a number", 3), ("wrong dtype", "None", None),
    ):  # fmt: skip
        yield Case(
            "serve", kind, f"host: {given}", lambda w, v=value: serve(w.encoder, host=v, port=0), InvalidInputError,
            ("host=", "cannot listen there|must be the name", "Choose others|to listen at"),
        )  # fmt: skip

    def taken(w: Workshop) -> None:
        with taken_port() as port:
            serve(w.encoder, port=port)

    yield Case(
        "serve", "unknown choice", "port: one that is taken", taken, InvalidInputError, ("cannot listen there", "port 0 takes"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of the page, and of what serves it."""
    yield from _file_cases()
    yield from _side_cases()
    yield from _text_cases()
    yield from _part_cases()
    yield from _path_cases()
    yield from _meta_cases()
    yield from _server_cases()


def page_names() -> Iterator[str]:
    """Yield ``"<method> <address>"`` of all addresses."""
    from sklearn_mnm.app._site import Site

    # Addresses do not depend on the model.
    for route in object.__new__(Site).routes():
        yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})
