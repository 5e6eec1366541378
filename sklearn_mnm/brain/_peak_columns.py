"""Tell by its name what a column of a table of peaks holds, whoever wrote the table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

AXES = ("x", "y", "z")
# Words that may stand before the axis: "peak_x", "MNI x", "Z-MAX X (mm)" of FSL, "coord x".
_BEFORE = re.compile(
    r"(?:mni|mni152|tal|talairach|peak|max|maximum|local|z|t|stat|cog|com|cope|cent(?:er|re)|"
    r"coord(?:inate)?s?|pos(?:ition)?| )*"
)
_AFTER = re.compile(r"(?:mni|tal|talairach|peak|coord(?:inate)?|mm|vox(?:els?)?|ijk| )*")
_NAME = re.compile(r"(?:(?P<before>[a-z0-9 ]+) )?(?P<axis>[xyz])(?: (?P<after>[a-z0-9 ]+))?")
_VOXELS = {"vox", "voxel", "voxels", "ijk"}
_CENTRES = {"cog", "com", "center", "centre", "cope"}
_STATISTICS = {
    "z_stat": ("z", "z value", "z score", "zscore", "z stat", "zstat", "z values", "zvalue"),
    "t_stat": ("t", "t value", "t score", "tscore", "t stat", "tstat", "t values", "tvalue"),
    "p": ("p value", "pvalue", "p values"),
    "statistic": ("peak stat", "peak value", "peak statistic", "stat"),
}
_OF_CLUSTERS = re.compile(
    r"cluster (?:id|index|size.*|mean|nr|number)|peak (?:stat|value)|volume.*|voxels"
)
# Columns by which studies may be told apart, where none is called id.
_IDENTITIES = (
    "study", "study id", "studyid", "paper", "pmid", "pmcid", "doi", "author", "authors",
    "first author", "reference", "citation", "title", "name", "contrast", "experiment", "subject",
    "subject id", "sub", "participant", "participant id", "map", "file", "label",
)  # fmt: skip


class Triple(NamedTuple):
    """Three columns that name a place.

    Attributes
    ----------
    columns : tuple of int
        Of x, y and z.
    words : frozenset of str
        What else their names say.
    """

    columns: tuple[int, ...]
    words: frozenset[str]

    @property
    def are_voxels(self) -> bool:
        """Whether the names speak of voxels rather than mm."""
        return bool(self.words & _VOXELS)

    @property
    def space(self) -> str | None:
        """Space that the names tell, if any."""
        if self.words & {"tal", "talairach"}:
            return "Talairach"
        return "MNI" if self.words & {"mni", "mni152"} else None


def plain(name: str) -> str:
    """Return the words of a name, lower-case, without brackets, lines and points between them."""
    return " ".join(re.sub(r"[^a-z0-9%]+", " ", name.lower()).split())


def coordinate_triples(header: Sequence[str]) -> list[Triple]:
    """Return the columns that may be coordinates; the most likely first, several if in doubt.

    Columns that are called x, y and z go before all others, peaks before centres of clusters.
    """
    found: dict[frozenset[str], dict[str, list[int]]] = {}
    for column, name in enumerate(header):
        match = _NAME.fullmatch(plain(name))
        if match is None:
            continue
        before, after = (match[part] or "" for part in ("before", "after"))
        if not _BEFORE.fullmatch(before) or not _AFTER.fullmatch(after):
            continue
        words = frozenset(f"{before} {after}".split()) - {"mm"}
        found.setdefault(words, {}).setdefault(match["axis"], []).append(column)
    triples = [
        Triple(chosen, words)
        for words, columns in found.items()
        for chosen in _complete(columns, header)
    ]
    ranks = [
        (t.are_voxels, bool(t.words & _CENTRES), bool(t.words), t.space == "Talairach")
        for t in triples
    ]
    return [triple for rank, triple in zip(ranks, triples, strict=True) if rank == min(ranks)]


def _complete(columns: dict[str, list[int]], header: Sequence[str]) -> list[tuple[int, ...]]:
    """Return triples of columns, those whose names are in one case where several share an axis."""
    if set(columns) != set(AXES):
        return []
    if all(len(columns[axis]) == 1 for axis in AXES):
        return [tuple(columns[axis][0] for axis in AXES)]
    triples = []
    for is_case in (str.islower, str.isupper):
        alike = {axis: [c for c in columns[axis] if is_case(header[c])] for axis in AXES}
        if all(len(alike[axis]) == 1 for axis in AXES):
            triples.append(tuple(alike[axis][0] for axis in AXES))
    return triples


def statistic_name(name: str) -> str | None:
    """Return the usual name of a statistic of a peak, None if it is none that is known."""
    words = plain(name)
    return next((usual for usual, names in _STATISTICS.items() if words in names), None)


def is_of_clusters(header: Sequence[str]) -> bool:
    """Whether a header is that of a table of clusters of one map."""
    return any(_OF_CLUSTERS.fullmatch(plain(name)) for name in header)


def identities(header: Sequence[str]) -> list[str]:
    """Return columns by which studies may be told apart."""
    return [name for name in header if plain(name) in _IDENTITIES]
