"""The command mnm app starts, says where, and ends."""

import importlib
import socket
import subprocess
import sys

import pytest
from sklearn.base import clone

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMEncoder, save_model
from tests.app.conftest import RUN, Server

pytest.importorskip("typer")
app = importlib.import_module("sklearn_mnm.cli._app").app
CliRunner = importlib.import_module("typer.testing").CliRunner


@pytest.fixture
def small_encoder(small_corpus):
    """Fitted to 80 generated studies."""
    regions = clone(small_corpus.regions)
    embedder = HyperbolicBrainTextEmbedder(4, max_epochs=0, random_state=0)
    encoder = MNMEncoder(regions=regions, embedder=embedder, random_state=0)
    return encoder.fit(small_corpus.studies)


def test_a_model_of_ones_own_is_served_until_it_is_interrupted(small_encoder, tmp_path):
    httpx = pytest.importorskip("httpx")
    save_model(small_encoder, tmp_path / "my_model")
    options = "--model", str(tmp_path / "my_model"), "--max-upload-mb", "0.01"
    server = Server(tmp_path / "log.txt", *options, "--allow-host", "brain.example.org", "--quiet")
    try:
        with httpx.Client(base_url=server.address, trust_env=False) as client:
            told = client.get("/health", headers={"Host": "brain.example.org"}).json()
            # The folder, and not where it is.
            assert (told["model"], told["studies"]) == ("my_model", 80)
            home = client.get("/")
            assert str(tmp_path) not in home.text
            # Of this model, which knows none of the words that are examples elsewhere.
            term = str(small_encoder.terms_[small_encoder.term_counts_.argmax()])
            assert f'<a href="/text?q={term}">' in home.text
            answer = client.get("/text", params={"q": term})
            assert answer.status_code == 200
            assert "pubmed" not in answer.text
            refused = client.post("/map", files={"image": ("a.nii", bytes(30_000))})
            assert refused.status_code == 413
    finally:
        code = server.stop()
    assert code == 130
    assert (tmp_path / "log.txt").read_text() in ("", "Aborted.\n")


def test_a_port_that_is_taken_is_one_line_and_exit_code_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(app, ["app", "--port", str(taken.getsockname()[1])])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: host='127.0.0.1', port=")
    assert result.stderr.count("\n") == 1
    assert "port 0 takes one that is free" in result.stderr


def test_a_model_that_is_not_there_is_one_line_and_exit_code_1():
    result = CliRunner().invoke(app, ["app", "--model", "nowhere"])
    assert result.exit_code == 1
    assert "there is no folder 'nowhere'" in result.stderr


@pytest.mark.parametrize(
    "options", [["--port", "99999"], ["--max-upload-mb", "0"], ["--threads", "2"]], ids=str
)
def test_wrong_usage_exits_with_2(options):
    assert CliRunner().invoke(app, ["app", *options]).exit_code == 2


@pytest.mark.parametrize("module", ["starlette", "uvicorn", "python_multipart"])
def test_without_a_package_the_remedy_is_named(module):
    code = f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = ['app']; {RUN}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "pip install 'sklearn-mnm[app]'" in result.stderr
    assert "Traceback" not in result.stderr
