"""The server as a process of its own, as ``mnm app`` starts it, and maps to send it."""

import gzip
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pytest

MOTOR_MAP = Path(nilearn.__file__).parent / "datasets" / "data" / "image_10426.nii.gz"
MAX_UPLOAD_MB = 6
RUN = "from sklearn_mnm.cli import main; main()"


class Server:
    """``mnm app`` with its address and log."""

    def __init__(self, log, *options):
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, "app", "--port", "0", *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                # Where tests run in the background, the shell has them ignore Ctrl+C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        told = self.process.stdout.readline()
        found = re.search(r"http://\S+", told)
        assert found, f"{told!r}, {log.read_text()}"
        self.address = found.group()

    @property
    def port(self):
        return int(self.address.rstrip("/").rpartition(":")[2])

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    pytest.importorskip("starlette")
    pytest.importorskip("typer")
    log = tmp_path_factory.mktemp("app") / "log.txt"
    server = Server(log, "--max-upload-mb", str(MAX_UPLOAD_MB))
    yield server
    server.stop()
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def ask(server):
    """Client of the server; no redirect is followed."""
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=server.address, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def encoder():
    from sklearn_mnm import load_pretrained

    return load_pretrained().encoder


def image_of(values, affine=None, image_class=nibabel.Nifti1Image):
    """A NIfTI file in bytes, of values around the middle of the brain."""
    if affine is None:
        affine = np.diag([4.0, 4, 4, 1])
        affine[:3, 3] = -2 * np.array(values.shape[:3]) + [0, -18, 8]
    image = image_class(values, affine)
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    stream = io.BytesIO()
    image.to_file_map({"image": nibabel.FileHolder(fileobj=stream)})
    return stream.getvalue()


def some_values(shape=(45, 54, 45), dtype=np.float32):
    """High in the motor cortex of the left hand."""
    values = np.zeros(shape, dtype)
    values[27:35, 22:28, 32:37] = 5
    return values


def zipped(content):
    return gzip.compress(content, compresslevel=1, mtime=0)
