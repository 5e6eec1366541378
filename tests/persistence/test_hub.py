"""Models go to a hub and come back, by the real client over real HTTP to a hub in a folder."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import sklearn_mnm
from sklearn_mnm import MNMEncoder, TermVectorizer, load_from_hub, load_model, push_to_hub
from sklearn_mnm.exceptions import (
    HubError,
    InvalidInputError,
    MissingDependencyError,
    ModelFormatError,
)
from sklearn_mnm.persistence.files import MODEL_FILES

huggingface_hub = pytest.importorskip("huggingface_hub")
yaml = pytest.importorskip("yaml")
constants = pytest.importorskip("huggingface_hub.constants")
file_download = pytest.importorskip("huggingface_hub.file_download")

TOKEN = "hf_writes"
REPOSITORY = "me/model"
LICENSES = {"bsd-3-clause", "cc-by-4.0", "other"}


class FolderHub(ThreadingHTTPServer):
    """What of the hub's protocol the client uses to write and read models.

    Each commit is a folder of files, each branch a file that holds a commit. Files with
    suffixes in `large` go another way, by their SHA-256, as weights do on the hub.
    """

    daemon_threads = True

    def __init__(self, folder, large=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.large = folder, large
        self.requests = []
        self.status_instead = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def commit_of(self, repository, revision):
        branch = self.folder / repository / "branches" / revision
        return branch.read_text() if branch.is_file() else revision

    def files_of(self, repository, revision="main"):
        return self.folder / repository / "commits" / self.commit_of(repository, revision)

    def large_file(self, oid):
        (self.folder / "lfs").mkdir(exist_ok=True)
        return self.folder / "lfs" / oid

    def add_commit(self, repository, files):
        """Commit files, by name, on top of the last commit."""
        seed = repr((self.commit_of(repository, "main"), sorted(files.items())))
        commit = hashlib.sha1(seed.encode()).hexdigest()
        target = self.folder / repository / "commits" / commit
        if (old := self.files_of(repository)).is_dir():
            shutil.copytree(old, target)
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (target / name).write_bytes(content)
        branch = self.folder / repository / "branches" / "main"
        branch.parent.mkdir(parents=True, exist_ok=True)
        branch.write_text(commit)
        return commit


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def blob_id(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


REPO, REVISION = r"(?P<repository>[^/]+/[^/]+)", r"(?P<revision>[^/]+)"
ROUTES = {
    "create": r"POST /api/repos/create",
    "validate_card": r"POST /api/validate-yaml",
    "choose_storage": rf"POST /api/models/{REPO}/preupload/{REVISION}",
    "offer_uploads": rf"POST /{REPO}\.git/info/lfs/objects/batch",
    "take_large_file": r"PUT /lfs/(?P<oid>\w+)",
    "take_commit": rf"POST /api/models/{REPO}/commit/{REVISION}",
    "describe": rf"GET /api/models/{REPO}(/revision/{REVISION})?",
    "list_files": rf"GET /api/models/{REPO}/tree/{REVISION}",
    "give_file": rf"(GET|HEAD) /{REPO}/resolve/{REVISION}/(?P<name>.+)",
    "give_large_file": r"(GET|HEAD) /lfs/(?P<oid>\w+)",
}


class Handler(BaseHTTPRequestHandler):
    def handle_request(self):
        hub = self.server
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        hub.requests.append(f"{self.command} {path}")
        if hub.status_instead is not None:
            return self.answer(hub.status_instead, {"error": "not now"})
        matches = {name: re.fullmatch(route, hub.requests[-1]) for name, route in ROUTES.items()}
        (name, found) = next((name, match) for name, match in matches.items() if match)
        parts = found.groupdict()
        needs_token = self.command == "POST" and name != "validate_card"
        if needs_token and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "Invalid username or password."})
        if "repository" in parts and not (hub.folder / parts["repository"]).is_dir():
            return self.answer(404, {"error": "no"}, X_Error_Code="RepoNotFound")
        if "revision" in parts and self.command != "POST":
            parts["revision"] = hub.commit_of(parts["repository"], parts["revision"] or "main")
            if not hub.files_of(parts["repository"], parts["revision"]).is_dir():
                return self.answer(404, {"error": "no"}, X_Error_Code="RevisionNotFound")
        return getattr(self, name)(**parts)

    do_GET = do_HEAD = do_POST = do_PUT = handle_request

    def log_message(self, *args):
        """Say nothing."""

    def answer(self, status, body=b"", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def create(self):
        question = self.server.question = json.loads(self.body)
        repository = f"{question['organization']}/{question['name']}"
        is_new = not (self.server.folder / repository).is_dir()
        if is_new:
            self.server.add_commit(repository, {".gitattributes": b"*.safetensors filter=lfs"})
        self.answer(200 if is_new else 409, {"url": f"{self.server.url}/{repository}"})

    def validate_card(self):
        header = yaml.safe_load(json.loads(self.body)["content"].split("---\n")[1])
        errors = [] if header["license"] in LICENSES else [{"message": '"license" must be known'}]
        self.answer(400 if errors else 200, {"errors": errors, "warnings": []})

    def choose_storage(self, repository, revision):
        answers = []
        for file in json.loads(self.body)["files"]:
            path = self.server.files_of(repository, revision) / file["path"]
            is_large = path.suffix in self.server.large
            oid = (sha256 if is_large else blob_id)(path.read_bytes()) if path.is_file() else None
            mode = "lfs" if is_large else "regular"
            answers.append(
                {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        self.answer(200, {"files": answers})

    def offer_uploads(self, repository):
        objects = [
            {**file, "actions": {"upload": {"href": f"{self.server.url}/lfs/{file['oid']}"}}}
            for file in json.loads(self.body)["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def take_large_file(self, oid):
        self.server.large_file(oid).write_bytes(self.body)
        self.answer(200)

    def take_commit(self, repository, revision):
        files = {}
        for item in map(json.loads, self.body.splitlines()):
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.large_file(value["oid"]).read_bytes()
        commit = self.server.add_commit(repository, files)
        url = f"{self.server.url}/{repository}/commit/{commit}"
        self.answer(200, {"success": True, "commitUrl": url, "commitOid": commit})

    def describe(self, repository, revision):
        names = [path.name for path in self.server.files_of(repository, revision).iterdir()]
        siblings = [{"rfilename": name} for name in sorted(names)]
        self.answer(200, {"id": repository, "sha": revision, "siblings": siblings})

    def list_files(self, repository, revision):
        entries = []
        for path in sorted(self.server.files_of(repository, revision).iterdir()):
            content = path.read_bytes()
            entry = {"type": "file", "path": path.name, "size": len(content)}
            entry["oid"] = blob_id(content)
            if path.suffix in self.server.large:
                entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
            entries.append(entry)
        self.answer(200, entries)

    def give_file(self, repository, revision, name):
        path = self.server.files_of(repository, revision) / name
        if not path.is_file():
            return self.answer(404, {"error": "no"}, X_Error_Code="EntryNotFound")
        content = path.read_bytes()
        headers = {"X_Repo_Commit": revision, "ETag": f'"{blob_id(content)}"'}
        if path.suffix not in self.server.large:
            return self.answer(200, content, **headers)
        oid = sha256(content)
        self.server.large_file(oid).write_bytes(content)
        headers |= {"X_Linked_Size": str(len(content)), "X_Linked_ETag": f'"{oid}"'}
        # Of another host, as on the hub.
        location = f"http://localhost:{self.server.server_port}/lfs/{oid}"
        return self.answer(302, Location=location, **headers)

    def give_large_file(self, oid):
        self.answer(200, self.server.large_file(oid).read_bytes())


def start_session():
    """Have the client look at its settings again."""
    restart = getattr(huggingface_hub, "close_session", None)
    # Of versions before 1.0.
    (restart or huggingface_hub.configure_http_backend)()


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Settings of the client, whatever those of this machine are."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_XET_CACHE", str(tmp_path / "xet"), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    start_session()
    yield
    start_session()


@pytest.fixture
def hub(request, client, tmp_path, monkeypatch):
    large = getattr(request, "param", [])
    if large:
        # Else the client sends them to a storage of another protocol.
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    server = FolderHub(tmp_path / "hub", large)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (constants, file_download):
        monkeypatch.setattr(module, "ENDPOINT", server.url, raising=False)
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def encoder():
    return load_model(Path(__file__).parent / "format_1" / "encoder")


@pytest.fixture(scope="module")
def vectorizer():
    return TermVectorizer(["pain", "memory"], min_df=1).fit([[1, 0], [0, 2]])


def push(model, **options):
    return push_to_hub(model, REPOSITORY, **{"license": "other", "token": TOKEN, **options})


both_ways_of_files = pytest.mark.parametrize(
    "hub", [[], [".safetensors"]], ids=["small files", "large files"], indirect=True
)


@both_ways_of_files
@pytest.mark.parametrize("precision", ["full", "compact"])
def test_models_come_back_from_the_hub(hub, encoder, precision):
    commit = push(encoder, precision=precision)
    for revision in (commit, "main", None):
        loaded = load_from_hub(REPOSITORY, revision=revision)
        np.testing.assert_array_equal(
            loaded.predict(["finger tapping"]), encoder.predict(["finger tapping"])
        )
    files = hub.files_of(REPOSITORY)
    assert {path.name for path in files.iterdir()} == {".gitattributes", "README.md", *MODEL_FILES}
    assert json.loads((files / "model.json").read_bytes())["precision"] == precision
    # The way that weights take.
    puts = [request for request in hub.requests if request.startswith("PUT")]
    assert len(puts) == len(hub.large)


def test_a_commit_stays_what_it_is_and_the_latest_is_the_default(hub, encoder, vectorizer):
    first = push(vectorizer)
    second = push(encoder)
    assert type(load_from_hub(REPOSITORY)) is MNMEncoder
    assert type(load_from_hub(REPOSITORY, revision=second)) is MNMEncoder
    assert type(load_from_hub(REPOSITORY, revision=first)) is TermVectorizer


@both_ways_of_files
def test_a_model_that_is_there_is_not_committed_again(hub, vectorizer):
    assert push(vectorizer) == push(vectorizer)


@pytest.mark.parametrize("private", [True, False, None])
def test_who_may_see_a_new_repository_is_for_the_owner_to_say(hub, vectorizer, private):
    push(vectorizer, private=private)
    asked = {key: hub.question[key] for key in ("private", "visibility") if key in hub.question}
    # Versions of the client say it in one way or the other.
    words = {True: "private", False: "public"}
    assert (
        asked == {}
        if private is None
        else asked in ({"private": private}, {"visibility": words[private]})
    )


@both_ways_of_files
def test_nothing_but_the_two_files_of_a_model_is_downloaded(hub, vectorizer, tmp_path):
    push(vectorizer)
    extra = {name: b"raise SystemExit" for name in ("model.py", "model.pkl", "x-model.json")}
    hub.add_commit(REPOSITORY, extra)
    hub.requests.clear()
    load_from_hub(REPOSITORY, cache_dir=tmp_path / "elsewhere")
    asked_for = {request.split("/")[-1] for request in hub.requests if "/resolve/" in request}
    assert asked_for <= set(MODEL_FILES)
    downloaded = {path.name for path in (tmp_path / "elsewhere").rglob("snapshots/*/*")}
    assert downloaded == set(MODEL_FILES)


@both_ways_of_files
def test_files_that_were_changed_on_the_hub_are_refused(hub, vectorizer):
    push(vectorizer)
    path = hub.files_of(REPOSITORY) / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    hub.add_commit(REPOSITORY, {path.name: bytes(content)})
    with pytest.raises(ModelFormatError, match=r"repo_id='me/model'.*checksum"):
        load_from_hub(REPOSITORY)


@pytest.mark.parametrize("files", [{"README.md": b"Hello"}, {"model.json": b"{}"}])
def test_repositories_without_a_model_are_refused(hub, files):
    hub.add_commit(REPOSITORY, files)
    with pytest.raises(ModelFormatError, match=r"'me/model' holds no model.*model\.json"):
        load_from_hub(REPOSITORY)


def test_the_card_says_what_the_model_is_and_how_to_load_it(hub, encoder):
    push(encoder, license="cc-by-4.0", description="Made of 48 studies of mine.")
    card = huggingface_hub.ModelCard.load(hub.files_of(REPOSITORY) / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.library_name == "sklearn-mnm"
    assert {"sklearn-mnm", "neuroimaging", "meta-analysis"} <= set(card.data.tags)
    for part in (
        "Made of 48 studies of mine.",
        "| class | MNMEncoder |",
        "| regions | 12 |",
        "| terms | 14 |",
        "| space | 5 dimensions, curvature -1 |",
        "| studies | 48, as embeddings with titles |",
        f"sklearn-mnm {sklearn_mnm.__version__}",
    ):
        assert part in card.text
    push(encoder.decoder())
    assert "| regions | 12 |" in (hub.files_of(REPOSITORY) / "README.md").read_text()
    assert "Nothing was said" not in card.text


def test_the_code_on_the_card_runs(hub, encoder, tmp_path):
    push(encoder)
    card = (hub.files_of(REPOSITORY) / "README.md").read_text(encoding="utf-8")
    assert "Nothing was said" in card
    code = card.split("```python\n")[1].split("```")[0] + "print(type(model).__name__, maps.shape)"
    settings = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "MNMEncoder (1, 12)"


def test_repositories_and_revisions_that_are_not_there_are_named(hub, vectorizer):
    with pytest.raises(InvalidInputError, match=r"repo_id='me/model': http.*hf auth login"):
        load_from_hub(REPOSITORY)
    push(vectorizer)
    with pytest.raises(InvalidInputError, match=r"revision='v7': me/model at .* has no such"):
        load_from_hub(REPOSITORY, revision="v7")
    with pytest.raises(InvalidInputError, match="repo_id='model' names no owner"):
        push_to_hub(vectorizer, "model", license="other", token=TOKEN)
    with pytest.raises(InvalidInputError, match=r"repo_id='a/b/c' is no name"):
        load_from_hub("a/b/c")
    with pytest.raises(InvalidInputError, match=r"repo_id='a b/c' is no name"):
        push_to_hub(vectorizer, "a b/c", license="other", token=TOKEN)


def test_writing_without_the_right_to_is_refused_with_the_remedy(hub, vectorizer):
    for token in (None, "hf_reads"):
        with pytest.raises(HubError, match=r"refuses 'me/model'.*hf auth login.*right to write"):
            push(vectorizer, token=token)
    assert not hub.files_of(REPOSITORY).exists()


def test_licences_that_the_hub_does_not_know_are_named(hub, vectorizer):
    with pytest.raises(InvalidInputError, match=r"license='mine': the hub does not take.*'other'"):
        push(vectorizer, license="mine")
    requests = len(hub.requests)
    with pytest.raises(InvalidInputError, match="license is empty"):
        push(vectorizer, license="")
    assert len(hub.requests) == requests


def test_models_that_cannot_be_saved_never_reach_the_hub(hub):
    with pytest.raises(InvalidInputError, match="model is a dict"):
        push({"a": 1})
    assert hub.requests == []


def test_an_answer_that_is_no_model_is_a_hub_error(hub, vectorizer):
    hub.status_instead = 500
    with pytest.raises(HubError, match="me/model"):
        load_from_hub(REPOSITORY)
    with pytest.raises(HubError, match=r"refuses 'me/model'.*500"):
        push(vectorizer)


@pytest.mark.parametrize("how", ["offline", "no network"])
def test_without_network_models_that_were_loaded_before_are_found(
    hub, vectorizer, how, monkeypatch
):
    commit = push(vectorizer)
    load_from_hub(REPOSITORY, revision=commit)
    load_from_hub(REPOSITORY)
    if how == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        start_session()
    else:
        hub.shutdown()
        hub.server_close()
    for revision in (commit, None):
        loaded = load_from_hub(REPOSITORY, revision=revision)
        np.testing.assert_array_equal(loaded.idf_, vectorizer.idf_)
    with pytest.raises(HubError, match=r"could not be reached.*HF_HUB_OFFLINE=0"):
        load_from_hub("me/other")
    with pytest.raises(HubError, match=r"could not be reached.*HF_HUB_OFFLINE=0"):
        push(vectorizer)


def test_without_the_client_the_remedy_is_named(vectorizer, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"push_to_hub.*sklearn-mnm\[hub\]"):
        push_to_hub(vectorizer, REPOSITORY, license="other")
    with pytest.raises(MissingDependencyError, match=r"load_from_hub.*sklearn-mnm\[hub\]"):
        load_from_hub(REPOSITORY)
