"""Who may ask, and what answers forbid browsers."""

import http.client
import re
import time

import pytest

from tests.app.conftest import MOTOR_MAP

PATHS = ["/", "/text?q=pain", "/text/viewer?q=pain", "/static/app.css", "/health", "/nowhere"]


def raw(server, path, method="GET", **headers):
    """Ask without a client that tidies addresses or headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{server.port}", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, body


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_what_it_does_not_need(ask, path):
    headers = ask.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    # Queries are not told to other sites, but forms say where they come from.
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == "'none'"
    if "viewer" in path:
        # What runs there has no origin, loads nothing, and is framed by pages of this server.
        assert policy["sandbox"] == "allow-scripts"
        assert policy["img-src"] == "data:"
        assert policy["frame-ancestors"] == "'self'"
        assert "connect-src" not in policy
    else:
        assert policy["script-src"] == policy["style-src"] == policy["img-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]


def test_pages_hold_no_script_or_style_of_their_own(ask, read_page):
    place = ask.post("/map", files={"image": MOTOR_MAP.open("rb")}).headers["location"]
    for path in ("/", "/text?q=fear", place, "/nowhere"):
        page = read_page(ask.get(path).text)
        assert page.open == []
        assert page.all("style") == []
        assert all(
            script == {"src": "/static/app.js", "defer": None} for script in page.all("script")
        )
        for _, attributes in page.elements:
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            for name in ("src", "href", "action"):
                address = attributes.get(name, "/")
                assert re.match(r"/(?!/)|#|https://pubmed\.ncbi\.nlm\.nih\.gov/\d+/$", address)


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "", "a:b:c", "[::1"])
def test_other_names_of_the_server_are_refused(server, name):
    status, body = raw(server, "/", Host=name)
    assert status == 400
    assert "--allow-host" in body or "Invalid" in body


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8000"])
def test_names_of_this_computer_are_taken(server, name):
    assert raw(server, "/health", Host=name)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_maps_are_not_taken_from_pages_of_others(ask, headers):
    for path in ("/map", "/api/decode"):
        files = {"image": ("a.nii.gz", MOTOR_MAP.read_bytes())}
        assert ask.post(path, files=files, headers=headers).status_code == 403


def test_maps_are_taken_from_pages_of_this_server(ask, server):
    headers = {"Origin": server.address.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    files = {"image": ("a.nii.gz", MOTOR_MAP.read_bytes())}
    assert ask.post("/map", files=files, headers=headers).status_code == 303


def test_other_sites_may_link_but_not_embed(ask):
    site = {"Sec-Fetch-Site": "cross-site"}
    link = site | {"Sec-Fetch-Dest": "document"}
    assert ask.get("/text?q=pain", headers=link).status_code == 200
    for kind in ("image", "iframe", "script", "empty"):
        embedded = site | {"Sec-Fetch-Dest": kind}
        assert ask.get("/text/disk.png?q=pain", headers=embedded).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/....//server.py",
        "/static//etc/passwd",
        "/static/app.css/..",
        "/static/app.css%00.js",
        "/../../etc/passwd",
        "/text/../server.py?q=pain",
        "/text/%2e%2e%2fhome?q=pain",
        "/map/../../etc/passwd",
        "/map/..%2f..%2fetc%2fpasswd",
        "/map/%2e%2e/viewer",
        "//evil.example/",
        "/text/page.html.jinja?q=pain",
        "/templates/home.html.jinja",
    ],
)
def test_no_path_leads_to_a_file(server, path):
    status, body = raw(server, path)
    assert status == 404
    assert "import" not in body
    assert "root:" not in body
    assert "location" not in body.lower()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/text?q=pain"), ("GET", "/map"), ("PUT", "/map"), ("DELETE", "/"), ("TRACE", "/")],
)
def test_other_methods_are_refused(server, method, path):
    assert raw(server, path, method)[0] == 405


def test_log_tells_requests_but_not_what_was_asked(ask, server):
    ask.get("/text", params={"q": "secretive pain qwxzzy"})
    ask.get("/text/viewer", params={"q": "qwxzzy"})
    ask.get("/nowhere%0d%0aGET /forged")
    files = {"image": ("secretive.nii.gz", MOTOR_MAP.read_bytes())}
    ask.post("/map", files=files)
    # A line is written once its answer is sent.
    ends = time.monotonic() + 10
    while "POST /map" not in (log := server.log.read_text()) and time.monotonic() < ends:
        time.sleep(0.05)
    assert re.search(r"INFO GET /text 200 \d+ ms\n", log)
    assert re.search(r"INFO POST /map 303 \d+ ms\n", log)
    assert "INFO GET /nowhere%0d%0aGET%20/forged 404" in log
    assert "secretive" not in log
    assert "qwxzzy" not in log
