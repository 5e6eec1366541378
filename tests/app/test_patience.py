"""Nobody waits for those who send slowly, and nothing that is kept grows without being counted."""

import asyncio
import logging
import socket
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import uvicorn
from starlette.requests import Request

from sklearn_mnm.app import _protocol, _site, _uploads
from sklearn_mnm.app._answers import ANSWERS, Wish
from sklearn_mnm.app._cache import BodyCache
from sklearn_mnm.app._guard import Guard
from sklearn_mnm.app._nifti import MapRefused
from sklearn_mnm.app._uploads import UploadReader
from sklearn_mnm.app._workers import TooBusy
from sklearn_mnm.app.server import _is_loopback
from sklearn_mnm.exceptions import InvalidInputError

HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.nii"\r\n\r\n'
WHOLE = HEAD + b"content\r\n--x--\r\n"


def request(parts, client="10.0.0.1", pause=0.0):
    """A form that comes in parts, with a pause before each, and ends with the last of them."""
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "headers": headers, "client": (client, 1)}
    rest = iter(parts)

    async def receive():
        await asyncio.sleep(pause)
        part = next(rest, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    return Request(scope, receive)


def drops():
    yield HEAD
    while True:
        yield b"."


async def taken(reader, *args, **options):
    async with reader.receive(request(*args, **options)) as (upload,):
        return upload.name


def test_who_sends_by_the_drop_is_sent_away_after_the_time_of_a_part(monkeypatch):
    monkeypatch.setattr(_uploads, "_PART_PATIENCE", 0.3)

    async def ask():
        start = time.perf_counter()
        with pytest.raises(MapRefused, match="did not arrive in time") as caught:
            await taken(UploadReader(10**6), drops(), pause=0.01)
        assert caught.value.status == 408
        return time.perf_counter() - start

    assert asyncio.run(ask()) < 5


def test_slow_uploads_of_one_client_block_no_other(monkeypatch):
    monkeypatch.setattr(_uploads, "_PART_PATIENCE", 2)
    monkeypatch.setattr(_uploads, "_WAIT", 0.2)

    async def ask():
        reader = UploadReader(10**6)
        slow = [asyncio.ensure_future(taken(reader, drops(), pause=0.02)) for _ in range(8)]
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        assert await taken(reader, [WHOLE], client="10.0.0.2") == "a.nii"
        assert time.perf_counter() - start < 0.5
        with pytest.raises(TooBusy):
            await taken(reader, [WHOLE])
        told = await asyncio.gather(*slow, return_exceptions=True)
        # Four had a place; the others were told to come again.
        assert (
            sorted(type(error).__name__ for error in told) == ["MapRefused"] * 4 + ["TooBusy"] * 4
        )
        assert await taken(reader, [WHOLE]) == "a.nii"

    asyncio.run(ask())


def test_a_network_of_ipv6_is_one_client():
    told = {_uploads._client(request([], client=f"2001:db8:1:2::{n}")) for n in range(3)}
    assert len(told) == 1
    assert _uploads._client(request([], client="10.0.0.1")) == "10.0.0.1"


def test_who_is_sent_away_hears_when_to_come_again():
    async def ask():
        site = object.__new__(_site.Site)
        site._home = lambda **_: "page"
        return await site.problem(
            SimpleNamespace(method="POST", url=SimpleNamespace(path="/map")), TooBusy()
        )

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


@contextmanager
def serving(app):
    """A server in a thread, with our protocol."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=_protocol.PatientProtocol, ws="none", lifespan="off", log_config=None,
        timeout_keep_alive=30,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()


async def slow_app(scope, receive, send):
    await asyncio.sleep(1.2)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.parametrize("is_second", [False, True])
def test_heads_that_never_end_are_closed(sent, is_second, monkeypatch):
    monkeypatch.setattr(_protocol, "HEAD_PATIENCE", 0.5)
    with serving(slow_app) as address, socket.create_connection(address, timeout=10) as client:
        if is_second:
            # Longer than a head may take: answers have all the time that they need.
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok"):
                answer += client.recv(1000)
            sent = sent or b"G"  # without a byte the server waits as long as between requests
        client.sendall(sent)
        start = time.perf_counter()
        with suppress(ConnectionError):
            assert client.recv(1) == b""
        assert time.perf_counter() - start < 5


def test_keys_are_counted():
    cache = BodyCache(100_000)
    for number in range(1000):
        cache.get(("text", f"{number:05}" + "x" * 5000, "", Wish()), lambda: b"body")
        assert cache.n_bytes <= 100_000
    assert 5 <= len(cache._bodies) < 20


@pytest.mark.parametrize("part", ANSWERS)
@pytest.mark.parametrize("view", ["x" * 5000, "step-1000", "Z", "../map"])
def test_views_that_are_none_are_refused_before_anything_is_kept(part, view):
    question = SimpleNamespace(views={"z": "z"})
    if part not in ("viewer", "map.nii.gz"):
        # They show the first one, or none: kept once, however many are asked for.
        assert ANSWERS[part].heeded(Wish(view, None), question) == Wish()
        return
    with pytest.raises(InvalidInputError, match="choose one of") as caught:
        ANSWERS[part].heeded(Wish(view, None), question)
    assert len(str(caught.value)) < 200


def test_what_makes_no_difference_is_kept_once():
    question = SimpleNamespace(views={"z": "z"})
    wish = Wish("z", (1.0, 2.0, 3.0))
    assert ANSWERS["viewer"].heeded(wish, question) == wish
    assert ANSWERS["map.nii.gz"].heeded(wish, question) == Wish("z", None)
    assert ANSWERS["terms.tsv"].heeded(wish, question) == Wish()


def test_no_coordinate_is_none():
    for place in ("nan", "inf", "201"):
        for axis in range(3):
            x, y, z = (place if number == axis else "1" for number in range(3))
            with pytest.raises(InvalidInputError, match="places within"):
                Wish.from_address({"x": x, "y": y, "z": z})


@pytest.mark.parametrize(
    "path", ["/map/SECRET", "/map/SECRET/viewer", "//map//SECRET/x\ny", "/map/SECRET/" + "y" * 99]
)
def test_the_log_does_not_open_maps(path, caplog):
    async def app(scope, receive, send):
        return None

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": b"/%6dap/SECRET",
        "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    with caplog.at_level(logging.INFO, "sklearn_mnm.app"):
        asyncio.run(Guard(app, ["localhost"])(scope, None, None))
    assert "GET /map/..." in caplog.text
    assert "SECRET" not in caplog.text
    assert caplog.text.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.7", False), ("fe80::1%eth0", False)],
)  # fmt: skip
def test_addresses_of_this_computer_alone_are_known(address, is_ours):
    assert _is_loopback(address) == is_ours


@pytest.mark.parametrize(("host", "n_warnings"), [("0.0.0.0", 1), ("127.0.0.1", 0)])
def test_serving_others_warns(host, n_warnings, monkeypatch, caplog):
    from sklearn_mnm.app import server

    monkeypatch.setattr(server, "create_app", lambda *_, **__: None)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    with caplog.at_level(logging.WARNING, "sklearn_mnm.app"):
        server.serve(None, host=host, port=0)
    assert caplog.text.count("can be reached from other computers") == n_warnings


def test_a_first_answer_that_fails_is_logged_and_health_says_so(encoder, monkeypatch, caplog):
    import json

    from sklearn_mnm.app._questions import Model

    def fail(*_):
        raise ValueError("no viewer")

    async def ask(site):
        await site.warm_up()
        return await site.health(None)

    for viewer, status, told in ((ANSWERS["viewer"].make, 200, "ok"), (fail, 503, "failing")):
        monkeypatch.setitem(ANSWERS, "viewer", ANSWERS["viewer"]._replace(make=viewer))
        site = _site.Site(Model(encoder, "model"), 1000)
        answer = asyncio.run(ask(site))
        site.close()
        assert answer.status_code == status
        assert json.loads(answer.body)["status"] == told
    assert "no viewer" in caplog.text
    assert "The first answer failed" in caplog.text


def test_a_kept_connection_does_not_wait_for_acknowledgements(ask):
    """Each wait is 40 ms; the least of some is told, as the machine may be busy."""
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        assert ask.get("/static/icon.svg").status_code == 200
        seconds.append(time.perf_counter() - start)
    assert min(seconds[1:]) < 0.02
