"""Fetching over real HTTP from a server on this machine, which breaks off where it is told to."""

import contextlib
import hashlib
import re
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from sklearn_mnm.datasets import (
    _download,
    fetch_neuroquery,
    fetch_neurosynth,
    fetchers,
    load_database,
    make_literature,
)
from sklearn_mnm.exceptions import DataWarning, DownloadError, InvalidInputError, MNMError

METADATA = "data-neuroquery_version-1_metadata.tsv.gz"
COORDINATES = "data-neuroquery_version-1_coordinates.tsv.gz"
VOCABULARY = "data-neuroquery_version-1_vocab-neuroquery7547_vocabulary.txt"


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, ranges included; breaks off and refuses ranges where it is told to."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        name, wanted = self.path[1:], self.headers.get("Range")
        faults = self.server.faults
        self.server.requests.append((name, wanted))
        path = Path(self.directory) / name
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        if faults.get("no ranges"):
            start = 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if faults.get("breaks", 0) and name == COORDINATES:
            faults["breaks"] -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)


@pytest.fixture
def server(tmp_path):
    """A server: `base`, `folder` that it serves, `requests` so far, `faults` to choose."""
    folder = tmp_path / "served"
    folder.mkdir()

    def handler(*args):
        return Handler(*args, directory=str(folder))

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.requests, httpd.faults = [], {}
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield SimpleNamespace(
        base=f"http://127.0.0.1:{httpd.server_port}",
        folder=folder,
        requests=httpd.requests,
        faults=httpd.faults,
    )
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture(scope="session")
def small_release(tmp_path_factory):
    """Folder of files of 300 generated studies, with the names that NeuroQuery's have."""
    folder = tmp_path_factory.mktemp("release")
    studies = make_literature(300, random_state=0).studies
    studies.metadata.to_csv(folder / METADATA, sep="\t", index=False)
    studies.peaks.to_csv(folder / COORDINATES, sep="\t", index=False)
    (folder / VOCABULARY).write_text("\n".join(studies.vocabulary), encoding="utf-8")
    for part in ("title", "abstract", "keywords"):
        name = VOCABULARY.replace("_vocabulary.txt", f"_source-{part}_type-count_features.npz")
        sparse.save_npz(folder / name, studies.counts)
    return folder


@pytest.fixture
def neuroquery(server, small_release, monkeypatch):
    """The server with these files; the checksum of the vocabulary is known beforehand."""
    shutil.copytree(small_release, server.folder, dirs_exist_ok=True)
    monkeypatch.setattr(fetchers, "SHA256", {VOCABULARY: checksum(small_release / VOCABULARY)})
    return server


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("SKLEARN_MNM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SKLEARN_MNM_MIRROR", raising=False)
    # One more try, after a second, is enough to be seen.
    monkeypatch.setattr(_download, "_TRIES_MORE", 1)


def test_the_real_corpus_is_fetched_as_it_is(server, real_data, tmp_path):
    for path in (real_data / "neuroquery").glob("data-*"):
        shutil.copy(path, server.folder)
    fetched = fetch_neuroquery(mirror=server.base)
    loaded = load_database(real_data / "neuroquery")
    assert fetched.ids.tolist() == loaded.ids.tolist()
    assert (fetched.counts != loaded.counts).nnz == 0
    np.testing.assert_array_equal(fetched.peaks[["x", "y", "z"]], loaded.peaks[["x", "y", "z"]])
    folder = tmp_path / "cache" / "neuroquery"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [path.name for path in server.folder.iterdir()] + ["SHA256SUMS"]
    )


def test_a_second_call_makes_no_request(neuroquery, monkeypatch):
    parts = ["title", "abstract"]
    first = fetch_neuroquery(sources=parts, mirror=neuroquery.base)
    assert len(neuroquery.requests) == 5
    monkeypatch.setenv("SKLEARN_MNM_MIRROR", neuroquery.base)
    second = fetch_neuroquery(sources=parts)
    assert len(neuroquery.requests) == 5
    assert (first.counts != second.counts).nnz == 0
    # Another part of the papers is the only thing that is missing now.
    fetch_neuroquery()
    assert len(neuroquery.requests) == 6


def test_a_broken_download_goes_on_where_it_broke(neuroquery):
    neuroquery.faults["breaks"] = 1
    fetch_neuroquery(mirror=neuroquery.base)
    half = (neuroquery.folder / COORDINATES).stat().st_size // 2
    first, second = (wanted for name, wanted in neuroquery.requests if name == COORDINATES)
    assert first is None
    # Less than a chunk is lost.
    assert half - _download._CHUNK < int(second.removeprefix("bytes=").removesuffix("-")) <= half


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(neuroquery, tmp_path):
    neuroquery.faults["breaks"] = 2
    with pytest.raises(DownloadError, match=rf"{COORDINATES} could not be had.*broke|Incomplete"):
        fetch_neuroquery(mirror=neuroquery.base)
    folder = tmp_path / "cache" / "neuroquery"
    assert not (folder / COORDINATES).exists()
    parts = [path.stat().st_size for path in folder.glob(".*.part")]
    fetch_neuroquery(mirror=neuroquery.base)
    assert (COORDINATES, f"bytes={parts[0]}-") in neuroquery.requests
    assert checksum(folder / COORDINATES) == checksum(neuroquery.folder / COORDINATES)
    assert list(folder.glob(".*.part")) == []


def test_servers_without_ranges_start_anew(neuroquery, tmp_path):
    neuroquery.faults.update({"breaks": 1, "no ranges": True})
    fetch_neuroquery(mirror=neuroquery.base)
    fetched = tmp_path / "cache" / "neuroquery" / COORDINATES
    assert checksum(fetched) == checksum(neuroquery.folder / COORDINATES)


def test_a_part_of_another_file_is_noticed_and_thrown_away(neuroquery, tmp_path):
    neuroquery.faults["breaks"] = 2
    with pytest.raises(DownloadError):
        fetch_neuroquery(mirror=neuroquery.base)
    folder = tmp_path / "cache" / "neuroquery"
    (part,) = folder.glob(".*.part")
    part.write_bytes(bytes(part.stat().st_size))
    fetch_neuroquery(mirror=neuroquery.base)
    assert checksum(folder / COORDINATES) == checksum(neuroquery.folder / COORDINATES)


def test_parts_longer_than_the_file_do_not_stay(neuroquery, tmp_path):
    neuroquery.faults["breaks"] = 2
    with pytest.raises(DownloadError):
        fetch_neuroquery(mirror=neuroquery.base)
    (part,) = (tmp_path / "cache" / "neuroquery").glob(".*.part")
    part.write_bytes(bytes(10**6))
    studies = fetch_neuroquery(mirror=neuroquery.base)
    assert len(studies) == 300


def test_a_file_with_another_checksum_is_refused(neuroquery, tmp_path):
    path = neuroquery.folder / VOCABULARY
    path.write_bytes(path.read_bytes() + b"\nanother term")
    with pytest.raises(DownloadError) as caught:
        fetch_neuroquery(mirror=neuroquery.base)
    message = str(caught.value)
    assert VOCABULARY in message
    assert fetchers.SHA256[VOCABULARY] in message
    assert checksum(path) in message
    assert not (tmp_path / "cache" / "neuroquery" / VOCABULARY).exists()
    assert isinstance(caught.value, MNMError)
    assert isinstance(caught.value, OSError)


def test_archives_of_unknown_checksum_are_checked_inside(neuroquery):
    path = neuroquery.folder / COORDINATES
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DownloadError, match=f"{COORDINATES} is damaged"):
        fetch_neuroquery(mirror=neuroquery.base)


def test_arrays_that_only_their_checksum_tells_damaged_are_refused(neuroquery):
    path = neuroquery.folder / VOCABULARY.replace(
        "_vocabulary.txt", "_source-title_type-count_features.npz"
    )
    sparse.save_npz(path, sparse.load_npz(path), compressed=False)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DownloadError, match=r"title.*npz is damaged: wrong checksum"):
        fetch_neuroquery(mirror=neuroquery.base)


@pytest.mark.parametrize("name", [METADATA, VOCABULARY])
def test_files_that_change_on_the_disk_are_fetched_again(neuroquery, tmp_path, name):
    fetch_neuroquery(mirror=neuroquery.base)
    path = tmp_path / "cache" / "neuroquery" / name
    path.write_bytes(path.read_bytes()[:-10])
    n_requests = len(neuroquery.requests)
    fetch_neuroquery(mirror=neuroquery.base)
    assert neuroquery.requests[n_requests:] == [(name, None)]
    assert checksum(path) == checksum(neuroquery.folder / name)


def test_checksums_are_written_down_as_sha256sum_reads_them(neuroquery, tmp_path):
    fetch_neuroquery(mirror=neuroquery.base)
    folder = tmp_path / "cache" / "neuroquery"
    comment, *lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert comment.startswith("#")
    assert len(lines) == 5  # that of the vocabulary is known beforehand
    for line in lines:
        expected, name = line.split("  ")
        assert checksum(folder / name) == expected
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True)


@pytest.mark.parametrize("sealed", [True, False])
def test_changed_checksums_are_not_what_files_are_held_to(neuroquery, tmp_path, sealed):
    fetch_neuroquery(mirror=neuroquery.base)
    record = tmp_path / "cache" / "neuroquery" / "SHA256SUMS"
    written = record.read_text()
    lines = written.splitlines(keepends=True)
    lines[2] = ("1" if lines[2][0] == "0" else "0") + lines[2][1:]
    record.write_text("".join(lines if sealed else lines[1:]))
    if sealed:
        fetch_neuroquery(mirror=neuroquery.base)
        assert record.read_text() == written
    else:  # a record of other origin, which is to be believed
        with pytest.raises(DownloadError, match="does not match the known hash"):
            fetch_neuroquery(mirror=neuroquery.base)


def test_without_network_the_error_says_what_to_do(tmp_path):
    # Nobody listens at the discard port of this machine.
    with pytest.raises(DownloadError) as caught:
        fetch_neuroquery(mirror="http://127.0.0.1:9/mirror")
    message = str(caught.value)
    names = [METADATA, COORDINATES, VOCABULARY]
    for expected in (*names, "http://127.0.0.1:9/mirror/", str(tmp_path / "cache" / "neuroquery")):
        assert expected in message
    assert "mirror=" in message
    assert "SKLEARN_MNM_MIRROR" in message


def test_files_put_there_by_hand_need_no_network(neuroquery, tmp_path):
    folder = tmp_path / "elsewhere" / "neuroquery"
    shutil.copytree(neuroquery.folder, folder)
    studies = fetch_neuroquery(tmp_path / "elsewhere", mirror="http://127.0.0.1:9")
    assert len(studies) == 300
    (folder / COORDINATES).write_bytes(b"\x1f\x8b")
    (folder / "SHA256SUMS").unlink()
    fetch_neuroquery(tmp_path / "elsewhere", mirror=neuroquery.base)
    assert neuroquery.requests == [(COORDINATES, None)]


def test_a_folder_can_be_the_mirror(neuroquery, monkeypatch):
    monkeypatch.setenv("SKLEARN_MNM_MIRROR", neuroquery.folder.as_uri())
    weighted = fetch_neuroquery(sources={"title": 2.0, "abstract": 1.0})
    plain = fetch_neuroquery(sources="title")
    assert (weighted.counts != 3 * plain.counts).nnz == 0
    assert neuroquery.requests == []
    with pytest.raises(DownloadError, match="source-body_type"):
        fetch_neuroquery(sources="body")


@pytest.mark.parametrize("mirror", ["ftp://example.org/", "/data/neuroquery", "neuroquery"])
def test_mirrors_that_are_no_address_are_refused(mirror):
    with pytest.raises(InvalidInputError, match="mirror="):
        fetch_neuroquery(mirror=mirror)


def test_unknown_parts_and_vocabularies_are_refused():
    with pytest.raises(InvalidInputError, match="sources='references'"):
        fetch_neuroquery(sources="references")
    with pytest.raises(InvalidInputError, match="sources="):
        fetch_neuroquery(sources=[])
    with pytest.raises(InvalidInputError, match="vocabulary='LDA7'"):
        fetch_neurosynth(vocabulary="LDA7")


def test_neurosynth_is_fetched_and_its_spaces_brought_to_mni(server, real_data, monkeypatch):
    sample = real_data / "neurosynth_sample"
    for path in sample.glob("data-*"):
        shutil.copy(path, server.folder)
    # The sample is a part of the release and has checksums of its own.
    with pytest.raises(DownloadError, match="does not match the known hash"):
        fetch_neurosynth(vocabulary="LDA50", mirror=server.base)
    known = {path.name: checksum(path) for path in sample.glob("data-*")}
    monkeypatch.setattr(fetchers, "SHA256", known)
    with pytest.warns(DataWarning, match=r"converted from Talairach.*read from .*neurosynth"):
        studies = fetch_neurosynth(vocabulary="LDA50", mirror=server.base)
    assert studies.counts.shape == (500, 50)
    assert set(studies.peaks["space"]) == {"MNI152"}


def test_progress_ends_at_the_size_of_each_file(neuroquery):
    seen = {}

    def progress(name, done, total):
        assert done >= seen.get(name, (0, 0))[0]
        seen[name] = done, total

    fetch_neuroquery(mirror=neuroquery.base, progress=progress)
    assert len(seen) == 6
    for name, (done, total) in seen.items():
        assert done == total == (neuroquery.folder / name).stat().st_size


def test_fetching_prints_nothing(neuroquery, capfd):
    fetch_neuroquery(mirror=neuroquery.base)
    assert capfd.readouterr() == ("", "")
