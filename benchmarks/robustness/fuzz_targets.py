"""Parsers that are to be fuzzed: good files to start from, and what is done with changed ones.

Whatever the bytes are, only errors of the package may come out.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import logging
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
from scipy import sparse

from sklearn_mnm import datasets, load_model, save_model
from sklearn_mnm.app._nifti import read_map as receive_map
from sklearn_mnm.brain import BrainHierarchy, PeaksToRegions
from sklearn_mnm.brain.maps import read_map
from sklearn_mnm.datasets._tables import read_features
from sklearn_mnm.exceptions import MNMError
from sklearn_mnm.text import TermVectorizer

# nibabel prints what it thinks of headers.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)


class Target(NamedTuple):
    """A parser.

    Attributes
    ----------
    seeds : callable
        Returns good files, as bytes.
    parse : callable
        Takes a path.
    suffix : str
        Of the names of its files.
    modules : tuple of str
        Paths, in the package, of the code that is to be reached.
    words : tuple of str
        What its files are made of, for changes that keep their form.
    """

    seeds: Callable[[], list[bytes]]
    parse: Callable[[Path], Any]
    suffix: str
    modules: tuple[str, ...]
    words: tuple[str, ...]


def try_bytes(name: str, content: bytes) -> str:
    """Give bytes to a parser.

    Parameters
    ----------
    name : str
        Key of `TARGETS`.
    content : bytes

    Returns
    -------
    outcome : str
        Name of the error, "" if the file was taken.

    Raises
    ------
    Exception
        Other than those of the package: a defect.
    """
    target = TARGETS[name]
    path = _folder() / f"input{target.suffix}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            target.parse(path)
        except MNMError as error:
            return type(error).__name__
    return ""


@cache
def _folder() -> Path:
    """Folder of this process, in memory where there is such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.TemporaryDirectory(dir=memory)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[Any] = []

_TABLE = b"""id,x,y,z,title,space,sample_size,z_stat\r
7,-44,22,30,"n-back, 2 > 0",MNI,12,3.1
7,36,-48,44,,TAL,,\r
8,,,,flanker,,20,
"""
_SLEUTH = b"""// Reference=MNI
// Smith et al., 2010: n-back
// Subjects=12
-44 22 30
36 -48 44

// Reference = Talairach
// DOI=10.1/x
// Jones, 2011: flanker; go
1.5\t2e1\t-3
"""
_STUDYSET = {
    "id": "s",
    "name": "n",
    "studies": [
        {
            "id": "7",
            "name": "n-back",
            "description": "memory",
            "metadata": {"sample_size": 12, "year": 2010},
            "analyses": [
                {
                    "id": "1",
                    "name": "2 > 0",
                    "metadata": {"sample_sizes": [12]},
                    "points": [
                        {
                            "coordinates": [-44, 22, 30],
                            "space": "MNI",
                            "values": [{"kind": "Z", "value": 3.1}],
                        },
                        {"x": 1, "y": 2, "z": 3, "space": "TAL"},
                    ],
                }
            ],
        }
    ],
}


def _json_seeds(document: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(document).encode(), json.dumps(document, indent=1).encode()]


def _image_seeds() -> list[bytes]:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    affine = np.diag([4.0, 4, 4, 1])
    images = [
        nibabel.Nifti1Image(values, affine),
        nibabel.Nifti1Image(np.stack([values] * 2, axis=-1).astype(np.int16), affine),
        nibabel.Nifti2Image(values, affine),
    ]
    return [image.to_bytes() for image in images]


@cache
def _mask() -> Any:
    return nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.diag([4.0, 4, 4, 1]))


def _read_image(path: Path) -> None:
    read_map(path, _mask())


def _upload_seeds() -> list[bytes]:
    first, _, third = _image_seeds()  # the second holds two maps, of which the page takes none
    return [first, third, *(gzip.compress(seed, mtime=0) for seed in (first, third))]


def _receive_image(path: Path) -> None:
    with path.open("rb") as file:
        receive_map(file, _mask(), name=path.name)


def _features_seeds() -> list[bytes]:
    seeds = []
    for matrix in (sparse.csr_matrix(np.eye(3)), sparse.coo_matrix(np.eye(3)[:2])):
        content = io.BytesIO()
        sparse.save_npz(content, matrix)
        with zipfile.ZipFile(content) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        seeds.append(b"".join(b"%s %d\n" % (n.encode(), len(p)) + p for n, p in parts.items()))
    return seeds


def _read_features(path: Path) -> None:
    """Read an archive of the members in a file, so that checksums are right."""
    rest = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name twice
        while rest:
            head, _, rest = rest.partition(b"\n")
            name, _, size = head.rpartition(b" ")
            length = int(size) if size.isdigit() and len(size) < 9 else 0
            member = name.decode("latin-1").replace("\0", "") or "x"
            archive.writestr(member, rest[:length])
            rest = rest[length:]
    read_features(path)


@cache
def _model_seeds() -> list[bytes]:
    """Return two small models, the two files of each as one.

    The length of the description in a line, then both.
    """
    models = (
        TermVectorizer(["pain", "memory"], min_df=1).fit([[1, 0], [0, 2]]),
        BrainHierarchy({"lobe": np.array([[0.5, 0.5], [0, 1], [1, 0]])}, sizes=[1, 2, 3]),
        PeaksToRegions(n_regions=2, mask_img=_mask(), max_distance=99).fit([np.eye(3) * 8] * 4),
    )
    seeds = []
    for number, model in enumerate(models):
        folder = _folder() / f"seed-{number}"
        save_model(model, folder, overwrite=True)
        description = (folder / "model.json").read_bytes()
        weights = (folder / "weights.safetensors").read_bytes()
        seeds.append(b"%d\n" % len(description) + description + weights)
    return seeds


def _load_model(path: Path) -> None:
    content = path.read_bytes()
    head, _, rest = content.partition(b"\n")
    length = int(head) if head.isdigit() and len(head) < 9 else 0
    description, weights = rest[:length], rest[length:]
    # With the right checksum and length, so that more than these is tried.
    with contextlib.suppress(ValueError, RecursionError, UnicodeDecodeError):
        parsed = json.loads(description)
        if isinstance(parsed, dict):
            parsed["weights_sha256"] = hashlib.sha256(weights).hexdigest()
            parsed["weights_bytes"] = len(weights)
            description = json.dumps(parsed).encode("utf-8", "surrogatepass")
    folder = path.with_name("model")
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_bytes(description)
    (folder / "weights.safetensors").write_bytes(weights)
    load_model(folder)


_NUMBERS = ("nan", "inf", "-1e999", "1e308", "0x10", "1_0", "9" * 400, "-0", "\x00", "\u2028")
_HEADER_WORDS = ("n+1\0", "n+2\0", "\x5c\x01\0\0", "\xff\x7f", "\0\0\xc0\x7f")
TARGETS = {
    "table": Target(
        lambda: [_TABLE, _TABLE.replace(b",", b"\t"), _TABLE.replace(b",", b";")],
        datasets.load_table,
        ".csv",
        ("datasets/_tables.py", "datasets/peak_table.py", "datasets/spaces.py"),
        ("id", "x", "y", "z", "title", "space", "TAL", '"', ",", "\t", ";", "\n", *_NUMBERS),
    ),
    "gzipped table": Target(
        lambda: [gzip.compress(_TABLE, mtime=0)],
        datasets.load_table,
        ".csv.gz",
        ("datasets/_tables.py", "_tools/archives.py"),
        ("\x1f\x8b",),
    ),
    "sleuth": Target(
        lambda: [_SLEUTH],
        datasets.load_sleuth,
        ".txt",
        ("datasets/sleuth.py", "datasets/studyset.py"),
        ("//", "Reference=", "MNI", "Talairach", "Subjects=", "DOI=", ":", ";", "\n", *_NUMBERS),
    ),
    "studyset": Target(
        _json_seeds(_STUDYSET),
        datasets.load_studyset,
        ".json",
        ("datasets/_studyset_tables.py", "datasets/studyset.py"),
        ("{}", "[]", "null", "true", '"id"', '"study_id"', '"points"', '"\\ud800"', "1e999",
         "NaN", "[[", *_NUMBERS),
    ),
    "image": Target(
        _image_seeds,
        _read_image,
        ".nii",
        ("brain/image_files.py", "brain/image_space.py", "brain/image_kinds.py", "brain/maps.py"),
        _HEADER_WORDS,
    ),
    "upload": Target(
        _upload_seeds,
        _receive_image,
        ".nii.gz",
        ("app/_nifti.py", "brain/image_files.py", "brain/image_space.py", "brain/image_kinds.py"),
        ("\x1f\x8b", *_HEADER_WORDS),
    ),
    "features": Target(
        _features_seeds,
        _read_features,
        ".npz",
        ("datasets/_tables.py", "_tools/archives.py"),
        ("PK\x03\x04", "csr", "csc", "coo", "'descr'", "'<f8'", "'|O'", "(10**9,)", "\x80\x04"),
    ),
    "model": Target(
        _model_seeds,
        _load_model,
        ".model",
        tuple(f"persistence/{name}.py" for name in ("files", "state", "objects", "schema")),
        ('"kind"', '"array"', '"object"', '"class"', '"TermVectorizer"', '"same"', '"csr"',
         '"shape"', '"strings"', '"image"', '"dtype"', '"float64"', "null", "[]", "{}", *_NUMBERS),
    ),
}  # fmt: skip
