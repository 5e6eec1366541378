"""Hand studies to NiMARE, whose meta-analyses then run on them."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_mnm._tools.arrays import check_count
from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.brain._deactivations import chosen_points
from sklearn_mnm.datasets._studyset_tables import OF_POINTS, POINT_FIELDS, VALUE_KINDS
from sklearn_mnm.datasets._tables import as_number_or_nan
from sklearn_mnm.datasets._text_files import as_sample_size
from sklearn_mnm.datasets.studies import Studies
from sklearn_mnm.exceptions import DataWarning, InvalidInputError

# Attributes of a NiMADS study and the metadata columns that hold them.
_STUDY_COLUMNS = {
    "name": "title",
    "description": "abstract",
    "authors": "authors",
    "publication": "publication",
    "year": "year",
    "doi": "doi",
    "pmid": "pmid",
}
# Kept elsewhere in the studyset, so not repeated in the metadata of a contrast.
_PLACED = {"id", "study_id", "contrast_id", "contrast", "sample_size", "sample_sizes"}
# Of a point, in NiMADS and as columns of peaks; what else there is goes to lists of the contrast.
_OF_POINT = ("kind", "label_id", "image")


def to_nimare(studies: Studies, *, sample_size: int | None = None) -> Any:
    """Turn studies into what NiMARE's meta-analyses take.

    Each row becomes one contrast ("analysis") of the paper named in ``studies.groups``: NiMARE
    counts contrasts as independent experiments. Its id is the row's id without the leading
    ``"<group>-"``, so that studies loaded with ``level="contrast"`` keep their ids
    (``"<study id>-<contrast id>"``); a row that is a paper by itself becomes the contrast ``"1"``.

    Parameters
    ----------
    studies : Studies
        Peaks in mm, MNI152 unless the column ``space`` says otherwise. Of the metadata,
        ``title``, ``abstract``, ``authors``, ``publication``, ``year``, ``doi`` and ``pmid``
        describe the paper; other numbers and strings go to the contrast. Statistics of peaks
        (``z_stat``, ``t_stat``, ``p``, ``beta``, ``variance``, ``se``, ``value_<kind>``), their
        ``kind`` and marks of deactivations are kept, and come back from :func:`from_nimare` under
        the same names.
    sample_size : int, default=None
        Number of participants of studies whose metadata have neither ``sample_sizes`` nor
        ``sample_size``. The ALE kernel takes its width from them; without, NiMARE leaves those
        studies out unless the kernel has a fixed ``fwhm`` or ``sample_size``. MKDA needs none.

    Returns
    -------
    collection : nimare.nimads.Studyset
        With MNI152 2 mm as target space. NiMARE sorts rows by id.

    Raises
    ------
    InvalidInputError
        If `studies` is not a Studies, `sample_size` is not a positive integer, no study has
        peaks, or two rows get the same id.
    MissingDependencyError
        If NiMARE is not installed.

    Warns
    -----
    DataWarning
        Once, with counts: studies without peaks (left out), studies without sample size, or with
        one that cannot be read (filled or not), peaks in a space that NiMARE does not know (taken
        as MNI152 by it), deactivations and seeds (which NiMARE counts as activations).

    Examples
    --------
    >>> from nimare.meta.cbma import ALE  # doctest: +SKIP
    >>> ALE().fit(to_nimare(studies, sample_size=20)).get_map("z")  # doctest: +SKIP
    """
    collection, notes = studyset_of(studies, sample_size)
    if notes:
        warnings.warn("; ".join(notes) + ".", DataWarning, stacklevel=2)
    return collection


def studyset_of(
    studies: Studies, sample_size: int | None, *, needs_sizes: bool = True
) -> tuple[Any, list[str]]:
    """Return what :func:`to_nimare` does, and what it warns of."""
    if not isinstance(studies, Studies):
        raise InvalidInputError(
            f"studies: expected Studies, got {type(studies).__name__}; "
            "make one with sklearn_mnm.datasets.Studies(ids, peaks=...)."
        )
    check_sample_size(sample_size)
    nimads = import_optional("nimare.nimads", extra="nimare", purpose="to_nimare")

    reported = studies[studies.peak_counts > 0]
    if not len(reported):
        raise InvalidInputError(
            f"studies: none of the {len(studies)} has peaks; a meta-analysis needs some."
        )
    notes = []
    if len(reported) < len(studies):
        notes.append(
            f"{len(studies) - len(reported)} of {len(studies)} studies have no peaks and are "
            "left out"
        )
    sizes = sample_sizes(reported.metadata)
    if needs_sizes:
        notes += _notes_of_sizes(reported.metadata, sizes, sample_size)
    spaces, n_other = _spaces(reported.peaks)
    if n_other:
        notes.append(f"{n_other} peaks are in spaces that NiMARE takes for MNI152 as they are")
    n_marked = len(reported.peaks) - len(chosen_points(reported.peaks, "activations")[0])
    if n_marked:
        notes.append(f"NiMARE counts {n_marked} deactivations and seeds as activations")
    default = None if sample_size is None else [int(sample_size)]
    document = _studyset(reported, [size or default for size in sizes], spaces)
    return nimads.Studyset(document, target="mni152_2mm"), notes


def _notes_of_sizes(
    metadata: pd.DataFrame, sizes: list[list[int] | None], sample_size: int | None
) -> list[str]:
    """Tell of sample sizes that are missing or cannot be read."""
    notes = []
    unread = unread_sizes(metadata, sizes)
    n_unsized = sum(size is None for size in sizes)
    if unread:
        notes.append(f"{len(unread)} sample sizes cannot be read, e.g. {unread[0]!r}")
    if n_unsized:
        consequence = (
            "ALE leaves them out unless sample_size=... is given here, or fwhm=... or "
            "sample_size=... to its kernel"
            if sample_size is None
            else f"{sample_size} is taken"
        )
        notes.append(
            f"{n_unsized} of {len(sizes)} studies with peaks have no sample size"
            f"{' that can be read' if unread else ''}: {consequence}"
        )
    return notes


def _studyset(
    studies: Studies, sizes: list[list[int] | None], spaces: np.ndarray
) -> dict[str, Any]:
    """Return the NiMADS document, papers in the order in which they turn up."""
    points = _points(studies.peaks, spaces)
    of_points = {
        name: [None if _is_missing(value) else _plain(value) for value in studies.peaks[name]]
        for name in POINT_FIELDS
        if name in studies.peaks.columns and name not in _OF_POINT
    }
    ends = np.cumsum(studies.peak_counts)
    papers: dict[str, dict[str, Any]] = {}
    rows: dict[tuple[str, str], str] = {}
    for row, record in enumerate(studies.metadata.to_dict("records")):
        row_id, paper_id = str(studies.ids[row]), str(studies.groups[row])
        contrast_id = contrast_id_of(row_id, paper_id)
        if (paper_id, contrast_id) in rows:
            raise InvalidInputError(
                f"studies: the ids {rows[paper_id, contrast_id]!r} and {row_id!r} of group "
                f"{paper_id!r} both become the contrast {contrast_id!r}; rename one of them."
            )
        rows[paper_id, contrast_id] = row_id
        known = {str(name): value for name, value in record.items() if not _is_missing(value)}
        paper = papers.setdefault(
            paper_id,
            {
                "id": paper_id,
                **{
                    field: _plain(known[column])
                    for field, column in _STUDY_COLUMNS.items()
                    if column in known
                },
                "analyses": [],
            },
        )
        metadata = {
            name: _plain(value)
            for name, value in known.items()
            if name not in _PLACED
            and name not in _STUDY_COLUMNS.values()
            and isinstance(value, str | Real | np.bool_)
        }
        if sizes[row] is not None:
            metadata["sample_sizes"] = sizes[row]
        own = slice(ends[row] - studies.peak_counts[row], ends[row])
        for name, values in of_points.items():
            if any(value is not None for value in values[own]):
                metadata[f"{OF_POINTS}{name}"] = values[own]
        text = studies.texts[row] if studies.texts is not None else ""
        paper["analyses"].append(
            {
                "id": contrast_id,
                "name": str(known.get("contrast", known.get("title", row_id))),
                "metadata": metadata,
                "texts": {"abstract": str(known.get("abstract", text))},
                "points": points[own],
            }
        )
    return {"id": "sklearn-mnm", "name": "sklearn-mnm", "studies": list(papers.values())}


def contrast_id_of(row_id: str, paper_id: str) -> str:
    """Return what the id of a row adds to that of its paper, "1" where it is the paper."""
    if row_id == paper_id:
        return "1"
    return row_id.removeprefix(f"{paper_id}-") or row_id


def _points(peaks: pd.DataFrame, spaces: np.ndarray) -> list[dict[str, Any]]:
    kinds = {column: kind for column, kind in VALUE_KINDS.items() if column in peaks.columns}
    for column in peaks.columns:
        if str(column).startswith("value_"):
            kinds[column] = str(column).removeprefix("value_")
    statistics: list[list[dict[str, Any]]] = [[] for _ in range(len(peaks))]
    for column, kind in kinds.items():
        for position, value in enumerate(peaks[column]):
            if not _is_missing(value):
                statistics[position].append({"kind": kind, "value": _plain(value)})
    coordinates = peaks[["x", "y", "z"]].to_numpy(dtype=float).tolist()
    points: list[dict[str, Any]] = [
        {"coordinates": position, "space": space, "values": values}
        for position, space, values in zip(coordinates, spaces, statistics, strict=True)
    ]
    for name in [name for name in _OF_POINT if name in peaks.columns]:
        for point, value in zip(points, peaks[name], strict=True):
            if not _is_missing(value):
                point[name] = _plain(value)
    return points


def _spaces(peaks: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Return the space of each peak in NiMARE's spelling and how many it does not know."""
    if "space" not in peaks.columns:
        return np.full(len(peaks), "MNI", dtype=object), 0
    spaces = peaks["space"].astype(object).where(peaks["space"].notna(), "").astype(str)
    name = spaces.str.strip().str.upper()
    # An empty entry means MNI152, as Studies says of its peaks.
    is_mni = (name.str.contains("MNI|ICBM") | (name == "")).to_numpy()
    is_talairach = name.str.startswith("TAL").to_numpy()
    spelled = np.select([is_mni, is_talairach], ["MNI", "TAL"], spaces.to_numpy(dtype=str))
    return spelled.astype(object), int((~is_mni & ~is_talairach).sum())


def sample_sizes(metadata: pd.DataFrame) -> list[list[int] | None]:
    """Return the sizes of the groups of each study, None where there are none."""
    sizes: list[list[int] | None] = [None] * len(metadata)
    for column in ("sample_sizes", "sample_size"):
        if column not in metadata.columns:
            continue
        for row, value in enumerate(metadata[column]):
            groups = np.atleast_1d(np.asarray(value, dtype=object)).tolist()
            numbers = pd.Series([_size(group) for group in groups], dtype=float)
            if sizes[row] is None and len(numbers) and (numbers >= 1).all():
                sizes[row] = numbers.astype(int).tolist()
    return sizes


def unread_sizes(metadata: pd.DataFrame, sizes: list[list[int] | None]) -> list[Any]:
    """Return what is told of the sizes of studies that `sample_sizes` could not read."""
    columns = [name for name in ("sample_sizes", "sample_size") if name in metadata.columns]
    if not columns:  # of which pandas before 3 makes no rows
        return []
    told = [
        [value for value in values if not _is_missing(value)]
        for values in metadata[columns].itertuples(index=False)
    ]
    return [values[0] for values, size in zip(told, sizes, strict=True) if values and size is None]


def _size(value: Any) -> float:
    size = as_sample_size(value) if isinstance(value, str) else as_number_or_nan(value)
    return np.nan if size is None else size


def check_sample_size(value: Any) -> None:
    """Raise InvalidInputError unless `value` is a number of participants or None."""
    if value is not None:
        check_count(value, "sample_size")


def _is_missing(value: Any) -> bool:
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold."""
    return value.item() if isinstance(value, np.generic) else value
