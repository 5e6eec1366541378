"""Load what pubget made of articles of PubMed Central."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm._tools.storage import as_path, reading
from sklearn_mnm.brain.spaces import standardise_space
from sklearn_mnm.datasets import _tables
from sklearn_mnm.datasets._spreadsheets import Sheet
from sklearn_mnm.datasets._texts import joined_texts
from sklearn_mnm.datasets._warnings import warn_of_data
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError

_DATA, _VECTORS = "_extractedData", "_vectorizedText"
_FILES = ("metadata.csv", "text.csv", "coordinates.csv")
_PARTS = ("title", "keywords", "abstract", "body")
_COLUMNS = {"publication_year": "year"}


def load_pubget(
    folder: str | Path, *, parts: str | Sequence[str] = ("title", "keywords", "abstract")
) -> Studies:
    """Load the output of pubget: texts, peaks and, where there, term counts.

    Parameters
    ----------
    folder : str or pathlib.Path
        A folder ``subset_..._extractedData`` with ``metadata.csv``, ``text.csv``,
        ``coordinates.csv`` and, where there, ``coordinate_space.csv``, ``authors.csv`` and
        ``links.csv``; a folder ``subset_..._vectorizedText`` beside it, whose term counts are
        then read, too; or the folder ``query_...`` that holds one or both.
    parts : str or sequence of str, default=("title", "keywords", "abstract")
        Parts of the articles that make the texts, and whose term counts are added up:
        ``"title"``, ``"keywords"``, ``"abstract"`` and ``"body"``.

    Returns
    -------
    studies : Studies
        `ids` are those of PubMed Central. `metadata` has ``pmid``, ``doi``, ``title``,
        ``journal``, ``year``, ``license``, ``keywords``, ``abstract``, and, where there,
        ``authors`` and ``links``, a list of addresses. Peaks are in mm, MNI152: those that pubget
        takes for Talairach are converted, of unknown space taken as MNI152.

    Raises
    ------
    DataFormatError
        If a file is missing or damaged, ids repeat, an article is in two spaces, or a coordinate
        is not a finite number.
    InvalidInputError
        If the folder holds several subsets or vectorized texts, or `parts` are none of the four.

    Warns
    -----
    DataWarning
        Once, with counts and the folder: peaks and texts of articles that the metadata do not
        list (which pubget could not read; left out), peaks converted from Talairach or of unknown
        space, studies without peaks or text (which are kept).

    Examples
    --------
    >>> studies = load_pubget("pubget_data/query_3c0556e22a59e7d2")  # doctest: +SKIP
    """
    parts = _checked_parts(parts)
    data, vectors = _find(as_path(folder, "folder"))
    articles = _read(data / "metadata.csv", ["title"])
    _tables.check_unique_ids(articles)
    metadata = articles.table
    ids = pd.Index(metadata["id"])
    notes: list[str] = []

    told = _of_known(_read(data / "text.csv", list(_PARTS)), ids, notes)
    _tables.check_unique_ids(told)
    texts = told.table.set_index("id").reindex(ids).astype(object).fillna("")
    metadata = metadata.rename(columns=_COLUMNS).assign(
        **{name: texts[name].to_numpy() for name in ("keywords", "abstract")}
    )
    if "pmid" in metadata.columns:  # a column with gaps is read as numbers with a point
        metadata["pmid"] = _whole_numbers(metadata["pmid"])
    found = _read(data / "coordinates.csv", ["x", "y", "z"])
    found = replace(found, table=_tables.with_coordinates(found.table, found))
    peaks = _of_known(found, ids, notes).table
    if (path := data / "coordinate_space.csv").is_file():
        spaces = _read(path, ["coordinate_space"])
        _check_one_space(spaces)
        by_id = spaces.table.drop_duplicates("id").set_index("id")
        peaks = peaks.assign(space=peaks["id"].map(by_id["coordinate_space"]))
        peaks, of_spaces = standardise_space(peaks)
        notes += of_spaces
    for name, column in (("authors", _authors(data)), ("links", _links(data))):
        if column is not None:
            metadata[name] = column.reindex(ids).to_numpy()
    counts, vocabulary = (None, None) if vectors is None else _counts(vectors, ids, parts)
    studies = Studies(
        ids=metadata["id"].to_numpy(),
        metadata=metadata,
        peaks=peaks,
        counts=counts,
        vocabulary=vocabulary,
        texts=joined_texts(texts, parts),
    )
    warn_of_data(folder, notes, studies)
    return studies


def is_pubget(folder: Path) -> bool:
    """Whether a folder, or what is in it, has the names that pubget gives."""
    named = folder.name.endswith((_DATA, _VECTORS)) or any(folder.glob(f"*{_DATA}"))
    return named or all((folder / name).is_file() for name in _FILES)


def _checked_parts(parts: str | Sequence[str]) -> tuple[str, ...]:
    chosen = (parts,) if isinstance(parts, str) else tuple(parts)
    if not chosen or not set(chosen) <= set(_PARTS) or len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"parts={parts!r}: choose one or several of {_PARTS}.")
    return chosen


def _find(folder: Path) -> tuple[Path, Path | None]:
    """Return the folder of the tables and that of the term counts, if there is one."""
    with reading(folder):
        if not folder.is_dir():
            raise DataFormatError(f"{folder}: is not a folder. Give one that pubget made.")
        list(folder.iterdir())
    name = folder.resolve().name
    if name.endswith(_VECTORS):
        data = folder.resolve().parent / (name.split("-voc_")[0] + _DATA)
        if not data.is_dir():
            raise DataFormatError(
                f"{data}: not found; the term counts in {folder} need the tables beside them."
            )
        return data, folder
    data = folder if (folder / "metadata.csv").is_file() else _only(folder, f"*{_DATA}")
    subset = data.resolve().name.removesuffix(_DATA)
    beside = sorted(data.resolve().parent.glob(f"{subset}-voc_*{_VECTORS}"))
    if len(beside) > 1:
        raise InvalidInputError(
            f"{folder}: there are several vectorized texts, {[path.name for path in beside]}; "
            "give the folder of one of them."
        )
    return data, beside[0] if beside else None


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataFormatError(
            f"{folder}: holds no folder '{pattern}'; run 'pubget extract_data', or give the "
            "folder that holds metadata.csv."
        )
    if len(found) > 1:
        raise InvalidInputError(
            f"{folder}: holds several subsets, {[path.name for path in found]}; give one of them."
        )
    return found[0]


def _read(path: Path, required: list[str]) -> Sheet:
    if not path.is_file():
        raise DataFormatError(f"{path}: not found; pubget writes it with the other tables.")
    return _tables.read_table(path, required=required, key="pmcid")


def _of_known(sheet: Sheet, ids: pd.Index, notes: list[str]) -> Sheet:
    table = sheet.table
    known = table["id"].isin(ids).to_numpy()
    # Numbers may be of articles that pubget could not read; other ids are written otherwise.
    if len(table) and len(ids) and not (known | table["id"].str.isdecimal()).any():
        raise DataFormatError(
            f"{sheet.path}: none of its articles is one that metadata.csv lists: it has "
            f"{table['id'].iloc[0]!r} and the like, the other {ids[0]!r}. Give tables of one run "
            "of pubget."
        )
    if not known.all():
        what = "texts" if sheet.path.name == "text.csv" else "peaks"
        notes.append(f"{(~known).sum()} {what} of articles without metadata left out")
    return replace(sheet, table=table[known])


def _whole_numbers(column: pd.Series) -> pd.Series:
    try:
        return column.astype("Int64").astype(object)
    except (TypeError, ValueError):  # words among them
        return column


def _check_one_space(sheet: Sheet) -> None:
    """Raise DataFormatError if an article is said to be in two spaces."""
    several = sheet.table.groupby("id")["coordinate_space"].nunique() > 1
    if several.any():
        article = several.index[several][0]
        raise DataFormatError(
            f"{sheet.path}: lines {sheet.lines(sheet.table['id'] == article)} give article "
            f"{article} different spaces ({int(several.sum())} such articles). Keep one of them."
        )


def _authors(data: Path) -> pd.Series | None:
    path = data / "authors.csv"
    if not path.is_file():
        return None
    table = _read(path, ["surname", "given-names"]).table.fillna("")
    names = (table["surname"] + ", " + table["given-names"]).str.strip(", ")
    return names.groupby(table["id"]).agg("; ".join)


def _links(data: Path) -> pd.Series | None:
    path = data / "links.csv"
    if not path.is_file():
        return None
    table = _read(path, ["href"]).table
    return table["href"].groupby(table["id"]).agg(list)


def _counts(
    vectors: Path, ids: pd.Index, parts: Sequence[str]
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Term counts of the parts, rows in the order of the metadata; none where they lack."""
    rows = pd.Index(_tables.read_vocabulary(vectors / "pmcid.txt"))
    names = vectors / "feature_names.csv"
    try:
        terms = pd.read_csv(names, header=None, keep_default_na=False, dtype=str)[0].to_numpy()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataFormatError(f"{names}: cannot be read as a table of terms ({error}).") from error
    total = sparse.csr_matrix((len(rows), len(terms)))
    for part in parts:
        path = vectors / f"{part}_counts.npz"
        features = _tables.read_features(path)
        if features.shape != total.shape:
            raise DataFormatError(
                f"{path}: has the shape {features.shape} but pmcid.txt and feature_names.csv "
                f"list {len(rows)} articles and {len(terms)} terms."
            )
        total = total + features
    positions = rows.get_indexer(ids)
    # A row of zeros after all others, for articles that were not vectorized.
    padded = sparse.vstack([total, sparse.csr_matrix((1, len(terms)))]).tocsr()
    return sparse.csr_matrix(padded[positions]), terms
