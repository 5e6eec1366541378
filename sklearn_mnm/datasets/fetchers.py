"""Fetch the releases of NeuroQuery and Neurosynth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sklearn_mnm.datasets._download import Progress, cache_folder, checked_base, fetch_files
from sklearn_mnm.datasets.database import load_database
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import InvalidInputError

# Commits, whose files never change.
_UPSTREAM = {
    "neuroquery": "https://raw.githubusercontent.com/neuroquery/neuroquery_data/"
    "4580f86267fb7c14ac1f601e298cbed898d79f2d/data/",
    "neurosynth": "https://raw.githubusercontent.com/neurosynth/neurosynth-data/"
    "209c33cd009d0b069398a802198b41b9c488b9b7/",
}
_NEUROQUERY = "data-neuroquery_version-1_"
_NEUROSYNTH = "data-neurosynth_version-7_"
_VOCABULARY = "vocab-neuroquery7547"
_PARTS = ("title", "abstract", "keywords", "body")
#: Vocabularies of Neurosynth and what their features are.
_FEATURES = {
    "terms": "tfidf",
    "LDA50": "weight",
    "LDA100": "weight",
    "LDA200": "weight",
    "LDA400": "weight",
}
#: Checksums of files of these commits. Files that are not here are held to what they were when
#: they were first fetched.
SHA256 = {
    f"{_NEUROQUERY}{_VOCABULARY}_vocabulary.txt": (
        "ae4a13380451797735d3df142fb8b4b3792056fbf79471454aa40e12bec7717b"
    ),
    f"{_NEUROSYNTH}coordinates.tsv.gz": (
        "17135be3e08a0ab045896c77217e8463086543a0817d52a6a88c8e32c1161616"
    ),
    f"{_NEUROSYNTH}metadata.tsv.gz": (
        "8acde7de2a14ee2a12b406e50a8805e83288b0bc78924ddb36879d496dfb757b"
    ),
    f"{_NEUROSYNTH}vocab-terms_source-abstract_type-tfidf_features.npz": (
        "1b3359eebcbc8557340583788b3855031ea21361e87c265cb8fc540d9b6c4edd"
    ),
    f"{_NEUROSYNTH}vocab-terms_vocabulary.txt": (
        "71c1858c5eb1bcc79854198bbca234569731efdc382c6205a9e46495379614af"
    ),
    f"{_NEUROSYNTH}vocab-LDA50_vocabulary.txt": (
        "57a5fba4d3ee97cfcbf73a13d0631a1d9709a53c5a1fdf6d173f04ac8bb8f302"
    ),
}


def fetch_neuroquery(
    data_dir: str | Path | None = None,
    *,
    sources: str | Sequence[str] | Mapping[str, float] = ("title", "abstract", "keywords"),
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Studies:
    """Fetch the NeuroQuery corpus: 13,459 studies, their peaks and counts of 7,547 terms.

    Files that are there already are checked and not fetched again: without a network give the
    folder, or a mirror. Downloads that break off go on where they broke.

    Parameters
    ----------
    data_dir : str or pathlib.Path, default=None
        Files go to ``<data_dir>/neuroquery``. If None, use the environment variable
        ``SKLEARN_MNM_CACHE``, else the cache folder of the operating system.
    sources : str, sequence of str or mapping of str to float, \
            default=("title", "abstract", "keywords")
        Parts of the papers whose term counts are fetched and added up: ``"title"``,
        ``"abstract"``, ``"keywords"``, ``"body"``; a mapping also gives the weight of each.
    mirror : str, default=None
        Address, ``http(s)://`` or ``file://``, of a folder with files of the same names. None
        takes the environment variable ``SKLEARN_MNM_MIRROR``, else the repository
        https://github.com/neuroquery/neuroquery_data, at a fixed commit.
    progress : callable, default=None
        Called with the name of a file, the bytes of it that are there, and its size (0 if
        unknown), as they come in.

    Returns
    -------
    studies : Studies
        As :func:`load_database` returns it.

    Raises
    ------
    DownloadError
        If a file cannot be fetched, or is not what it should be. The message names the files,
        where they were looked for, and what to do.
    InvalidInputError
        If `sources` or `mirror` cannot be what they are to be.

    Warns
    -----
    DataWarning
        As :func:`load_database` does.

    Notes
    -----
    The corpus is released under the BSD 3-Clause licence; cite Dockès et al. (2020), eLife 9,
    e53385, doi:10.7554/eLife.53385.

    The authors do not publish checksums. Archives are checked by the checksums inside them, and
    the SHA-256 of each file is written to ``SHA256SUMS`` beside it when it is first fetched, to
    which it is held afterwards; compare it with that of colleagues. That of the vocabulary is
    known beforehand. The tests of this package fetch from a local server, not from the repository.

    Examples
    --------
    >>> studies = fetch_neuroquery()  # doctest: +SKIP
    """
    parts = [sources] if isinstance(sources, str) else list(sources)
    if not parts or not set(parts) <= set(_PARTS):
        raise InvalidInputError(f"sources={sources!r}: choose one or several of {_PARTS}.")
    names = [f"{_NEUROQUERY}metadata.tsv.gz", f"{_NEUROQUERY}coordinates.tsv.gz"]
    names += [f"{_NEUROQUERY}{_VOCABULARY}_vocabulary.txt"]
    names += [f"{_NEUROQUERY}{_VOCABULARY}_source-{part}_type-count_features.npz" for part in parts]
    folder = _fetch("neuroquery", names, data_dir, mirror, progress)
    return load_database(
        folder,
        database="neuroquery",
        version="1",
        vocabulary="neuroquery7547",
        feature_type="count",
        sources=sources,
    )


def fetch_neurosynth(
    data_dir: str | Path | None = None,
    *,
    vocabulary: str = "terms",
    mirror: str | None = None,
    progress: Progress | None = None,
) -> Studies:
    """Fetch the Neurosynth corpus, version 7: 14,371 studies, their peaks and features.

    Files that are there already are checked and not fetched again: without a network give the
    folder, or a mirror. Downloads that break off go on where they broke.

    Parameters
    ----------
    data_dir : str or pathlib.Path, default=None
        Files go to ``<data_dir>/neurosynth``. If None, use the environment variable
        ``SKLEARN_MNM_CACHE``, else the cache folder of the operating system.
    vocabulary : {"terms", "LDA50", "LDA100", "LDA200", "LDA400"}, default="terms"
        What `counts` of the studies are: TF-IDF of terms of the abstracts, or weights of 50 to
        400 topics.
    mirror : str, default=None
        Address, ``http(s)://`` or ``file://``, of a folder with files of the same names. None
        takes the environment variable ``SKLEARN_MNM_MIRROR``, else the repository
        https://github.com/neurosynth/neurosynth-data, at a fixed commit.
    progress : callable, default=None
        See :func:`fetch_neuroquery`.

    Returns
    -------
    studies : Studies
        As :func:`load_database` returns it.

    Raises
    ------
    DownloadError
        If a file cannot be fetched, or is not what it should be. The message names the files,
        where they were looked for, and what to do.
    InvalidInputError
        If `vocabulary` or `mirror` cannot be what they are to be.

    Warns
    -----
    DataWarning
        As :func:`load_database` does.

    Notes
    -----
    The corpus is released under the Open Database License; cite Yarkoni et al. (2011), Nature
    Methods 8, 665-670, doi:10.1038/nmeth.1635.

    Peaks, metadata, terms and their features are held to SHA-256 checksums that others computed
    of the same commit; features of topics to what they were when first fetched, see
    :func:`fetch_neuroquery`. The tests of this package fetch from a local server, not from the
    repository.

    Examples
    --------
    >>> studies = fetch_neurosynth()  # doctest: +SKIP
    """
    if vocabulary not in _FEATURES:
        raise InvalidInputError(f"vocabulary={vocabulary!r}: choose one of {list(_FEATURES)}.")
    kind = _FEATURES[vocabulary]
    names = [f"{_NEUROSYNTH}metadata.tsv.gz", f"{_NEUROSYNTH}coordinates.tsv.gz"]
    names += [f"{_NEUROSYNTH}vocab-{vocabulary}_vocabulary.txt"]
    names += [f"{_NEUROSYNTH}vocab-{vocabulary}_source-abstract_type-{kind}_features.npz"]
    folder = _fetch("neurosynth", names, data_dir, mirror, progress)
    return load_database(
        folder, database="neurosynth", version="7", vocabulary=vocabulary, feature_type=kind
    )


def _fetch(
    database: str,
    names: Sequence[str],
    data_dir: str | Path | None,
    mirror: str | None,
    progress: Progress | None,
) -> Path:
    folder = cache_folder(data_dir) / database
    base = checked_base(mirror, _UPSTREAM[database])
    fetch_files(names, folder=folder, base=base, sha256=SHA256, progress=progress)
    return folder
