"""Load a database in the release format shared by NeuroQuery and Neurosynth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm._tools.storage import as_path, reading
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.datasets import _tables
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

_FILE_NAME = re.compile(
    r"data-(?P<database>[^_]+)_version-(?P<version>[^_]+)"
    r"(?:_vocab-(?P<vocabulary>[^_]+))?(?:_source-(?P<source>[^_]+))?(?:_type-(?P<feature_type>[^_]+))?"
    r"_(?P<content>metadata\.tsv|coordinates\.tsv|features\.npz|vocabulary\.txt)(?:(?<=\.tsv)\.gz)?"
)


@dataclass(frozen=True)
class _ReleaseFile:
    path: Path
    database: str
    version: str
    vocabulary: str | None
    source: str | None
    feature_type: str | None
    content: str


def load_database(
    folder: str | Path,
    *,
    database: str | None = None,
    version: str | None = None,
    vocabulary: str | None = None,
    feature_type: str | None = None,
    sources: str | Sequence[str] | Mapping[str, float] | None = None,
) -> Studies:
    """Load a folder of NeuroQuery or Neurosynth release files.

    Files are found by their names,
    ``data-<database>_version-<version>_[vocab-<vocabulary>_source-<source>_type-<type>_]<file>``
    with the files ``metadata.tsv.gz``, ``coordinates.tsv.gz`` (or unpacked), ``features.npz`` and
    ``vocabulary.txt``; other files are ignored. Each choice below may be left out as long as the
    folder holds only one possibility.

    Parameters
    ----------
    folder : str or pathlib.Path
        Folder that holds the files.
    database, version, vocabulary, feature_type : str, optional
        Which of several to load, e.g. ``"neuroquery"``, ``"1"``, ``"neuroquery7547"``,
        ``"count"``.
    sources : str, sequence of str or mapping of str to float, optional
        Parts of the papers (``"title"``, ``"abstract"``, ``"keywords"``, ...) whose term counts
        are added up; a mapping also gives the weight of each. Default: all, with weight 1.

    Returns
    -------
    studies : Studies
        Rows in the order of the metadata. `counts` is the weighted sum of the features over
        sources, None if the folder holds no features. `texts` is title and abstract if the
        metadata have a column ``abstract``, else None. Peaks are in mm, MNI152: if the metadata
        have a column ``space``, Talairach peaks are converted and the peaks get the columns
        ``space`` and ``reported_space``.

    Raises
    ------
    DataFormatError
        If a file is missing, damaged, or does not agree with the others; the message names the
        file and, for tables, the line.
    InvalidInputError
        If the folder holds several databases, versions, ... and the choice is left open, or a
        choice that is not there is asked for.

    Warns
    -----
    DataWarning
        Once, with counts and the folder: studies without peaks or text (which are kept), peaks
        converted from another space or of unknown space.

    Examples
    --------
    >>> studies = load_database("neuroquery", sources={"title": 2, "abstract": 1})  # doctest: +SKIP
    """
    release = _choose_release(as_path(folder, "folder"), database, version)
    metadata_path = _only_file(release, "metadata.tsv", folder)
    coordinates_path = _only_file(release, "coordinates.tsv", folder)

    studies_sheet = _tables.read_table(metadata_path, required=["title"])
    _tables.check_unique_ids(studies_sheet)
    metadata = studies_sheet.table
    ids = pd.Index(metadata["id"])
    peaks_sheet = _tables.read_table(coordinates_path, required=["x", "y", "z"])
    peaks = _tables.with_coordinates(peaks_sheet.table, peaks_sheet)
    _tables.check_known_ids(peaks_sheet, ids, metadata_path)

    notes: list[str] = []
    if "space" in metadata.columns:
        reported = metadata["space"].to_numpy()[ids.get_indexer(pd.Index(peaks["id"]))]
        peaks, notes = standardise_space(peaks.assign(space=reported))
    counts, terms = _load_features(
        release, metadata_path, len(ids), vocabulary, feature_type, sources
    )
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        counts=counts,
        vocabulary=terms,
        texts=(joined_texts(metadata, ["title", "abstract"]) if "abstract" in metadata else None),
    )
    warn_of_data(folder, notes, studies)
    return studies


def is_release(folder: Path) -> bool:
    """Whether a folder holds files with the names of a release."""
    return any(_FILE_NAME.fullmatch(path.name) for path in folder.iterdir())


def _choose_release(folder: Path, database: str | None, version: str | None) -> list[_ReleaseFile]:
    """Return the release files of one version of one database."""
    with reading(folder):
        if not folder.is_dir():
            raise DataFormatError(f"{folder}: is not a folder. Give that of a release.")
        paths = sorted(folder.iterdir())
    matches = ((path, _FILE_NAME.fullmatch(path.name)) for path in paths)
    files = [_ReleaseFile(path, **match.groupdict()) for path, match in matches if match]
    if not files:
        raise DataFormatError(
            f"{folder}: holds no release file; expected names such as "
            "'data-neuroquery_version-1_metadata.tsv.gz'."
        )
    files = _choose(files, "database", database, folder)
    return _choose(files, "version", version, folder)


def _choose(
    files: list[_ReleaseFile], argument: str, wanted: str | None, folder: Path
) -> list[_ReleaseFile]:
    available = sorted({getattr(file, argument) for file in files}, key=str)
    if wanted is None and len(available) > 1:
        raise InvalidInputError(
            f"{folder}: holds several possibilities for {argument}: {available}; "
            f"choose one, e.g. {argument}={available[0]!r}."
        )
    chosen = available[0] if wanted is None else wanted
    if chosen not in available:
        raise InvalidInputError(f"{argument}={wanted!r} is not in {folder}; it holds {available}.")
    return [file for file in files if getattr(file, argument) == chosen]


def _only_file(release: list[_ReleaseFile], content: str, folder: Path | str) -> Path:
    paths = [file.path for file in release if file.content == content]
    if not paths:
        name = f"data-{release[0].database}_version-{release[0].version}_{content}.gz"
        raise DataFormatError(f"{Path(folder) / name}: not found; every release needs this file.")
    return paths[-1]  # packed, if it is there as well


def _load_features(
    release: list[_ReleaseFile],
    metadata_path: Path,
    n_studies: int,
    vocabulary: str | None,
    feature_type: str | None,
    sources: str | Sequence[str] | Mapping[str, float] | None,
) -> tuple[sparse.csr_matrix | None, np.ndarray | None]:
    folder = metadata_path.parent
    files = [file for file in release if file.content == "features.npz"]
    choices = {"vocabulary": vocabulary, "feature_type": feature_type, "sources": sources}
    if not files:
        asked = [name for name, value in choices.items() if value is not None]
        if asked:
            raise InvalidInputError(f"{asked[0]}: {folder} holds no file '*_features.npz'.")
        return None, None
    files = _choose(files, "vocabulary", vocabulary, folder)
    files = _choose(files, "feature_type", feature_type, folder)
    weights = _source_weights(sources, files, folder)

    first = files[0]
    terms_path = folder / (
        f"data-{first.database}_version-{first.version}_vocab-{first.vocabulary}_vocabulary.txt"
    )
    if not terms_path.is_file():
        raise DataFormatError(
            f"{terms_path}: not found; it names the columns of {first.path.name}."
        )
    terms = _tables.read_vocabulary(terms_path)
    counts = sparse.csr_matrix((n_studies, len(terms)))
    for file in files:
        if file.source not in weights:
            continue
        features = _tables.read_features(file.path)
        if features.shape[0] != n_studies:
            raise DataFormatError(
                f"{file.path}: has {features.shape[0]} rows but {metadata_path.name} lists "
                f"{n_studies} studies; they must come from the same release."
            )
        if features.shape[1] != len(terms):
            raise DataFormatError(
                f"{file.path}: has {features.shape[1]} columns but {terms_path.name} lists "
                f"{len(terms)} terms; they must come from the same release."
            )
        counts = counts + weights[file.source] * features
    return sparse.csr_matrix(counts), terms


def _source_weights(
    sources: str | Sequence[str] | Mapping[str, float] | None,
    files: list[_ReleaseFile],
    folder: Path,
) -> dict[str | None, float]:
    available = [file.source for file in files]
    if sources is None:
        return dict.fromkeys(available, 1.0)
    if isinstance(sources, str):
        sources = [sources]
    weights: dict[str | None, float] = (
        {name: float(weight) for name, weight in sources.items()}
        if isinstance(sources, Mapping)
        else dict.fromkeys(sources, 1.0)
    )
    unknown = [name for name in weights if name not in available]
    if unknown or not weights:
        raise InvalidInputError(f"sources={sources!r}: {folder} holds features of {available}.")
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise InvalidInputError(
                f"sources: the weight of {name!r} is {weight}; it must be finite and >= 0."
            )
    return weights
