"""What is there is told; what is not is fetched, also after the connection broke."""

import functools
import importlib.metadata
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sklearn_mnm.datasets import _download
from tests.cli.conftest import fail, screen, succeed

COORDINATES = "data-neuroquery_version-1_coordinates.tsv.gz"


def test_info_tells_about_package_model_and_studies(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_MNM_CACHE", str(tmp_path))
    package = json.loads(succeed("info", "--json").stdout)
    assert package["sklearn-mnm"] == importlib.metadata.version("sklearn-mnm")
    assert package["numpy"] == importlib.metadata.version("numpy")
    assert (package["models"], package["cache"]) == (["neuroquery"], str(tmp_path))
    model = json.loads(succeed("info", "neuroquery", "--json").stdout)
    assert model["studies"] == 12000
    assert model["levels"] == ["region", "ward17", "ward7", "brain"]
    studies = json.loads(succeed("info", corpus, "--json").stdout)
    assert studies["studies"] == 120
    assert studies["columns"][:2] == ["id", "study_id"]


def test_info_counts_what_a_table_holds(tmp_path):
    path = tmp_path / "peaks.csv"
    path.write_text("id,x,y,z,title\n1,1,2,3,pain\n1,4,5,6,pain\n2,,,,fear\n")
    told = json.loads(succeed("info", path, "--json").stdout)
    counts = {name: told[name] for name in ("studies", "peaks", "studies_without_peaks", "terms")}
    assert counts == {"studies": 2, "peaks": 2, "studies_without_peaks": 1, "terms": None}
    assert told["texts"] is True


def test_a_database_is_fetched_from_a_mirror(real_data, tmp_path):
    mirror = (real_data / "neuroquery").as_uri()
    arguments = "fetch", "neuroquery", "--data-dir", tmp_path, "--json"
    told = json.loads(succeed(*arguments, "--mirror", mirror).stdout)
    assert told["folder"] == str(tmp_path / "neuroquery")
    assert (told["studies"], told["terms"]) == (12000, 7547)
    assert json.loads(succeed(*arguments, "--mirror", "http://127.0.0.1:9").stdout) == told
    assert json.loads(succeed(*arguments, "--source", "title").stdout)["peaks"] == told["peaks"]


class BreakingHandler(SimpleHTTPRequestHandler):
    """Serves a folder, ranges included; the first time breaks off in the middle of the peaks."""

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        wanted = self.headers.get("Range", "bytes=0-")
        self.server.requests.append((self.path, wanted))
        content = Path(self.translate_path(self.path)).read_bytes()
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if start or COORDINATES not in self.path else len(content) // 2
        self.wfile.write(content[start:end])
        self.close_connection = True


@pytest.fixture
def server(real_data):
    """A server of the corpus; its `requests` so far."""
    handler = functools.partial(BreakingHandler, directory=str(real_data / "neuroquery"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_download_that_broke_goes_on_with_the_next_call(server, tmp_path, terminal, monkeypatch):
    monkeypatch.setattr(_download, "_TRIES_MORE", 0)
    mirror = f"http://127.0.0.1:{server.server_port}"
    arguments = "fetch", "neuroquery", "--data-dir", tmp_path, "--source", "title"
    told = fail(*arguments, "--mirror", mirror)
    assert f"{COORDINATES} could not be had from {mirror}" in told
    assert "try again" in told
    folder = tmp_path / "neuroquery"
    # Nothing half under the name of a file.
    assert COORDINATES not in {path.name for path in folder.iterdir()}

    result = terminal(*arguments, "--mirror", mirror)
    assert result.exit_code == 0
    ranges = [wanted for path, wanted in server.requests if COORDINATES in path]
    assert len(ranges) == 2
    assert int(ranges[1].removeprefix("bytes=").removesuffix("-")) > 1_000_000
    assert len({path for path, _ in server.requests}) == 4
    # A bar beside the end of each name, on standard error, where only the warning stays.
    assert re.search(r"\r\S+features.npz .*━.* .*\d:\d\d:\d\d", result.stderr)
    assert " ".join(screen(result.stderr)).startswith("warning: 0 of 12000 studies have no peaks")
    assert screen(result.stdout)[:2] == [f"folder: {folder}", "studies: 12000"]
