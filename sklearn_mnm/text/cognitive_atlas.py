"""The Cognitive Atlas: concepts and tasks of cognitive neuroscience, and how they hang together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import DataFormatError, InvalidInputError
from sklearn_mnm.text._tables import read_strings
from sklearn_mnm.text.ontology import Ontology, warn_of

_CONCEPTS, _TASKS, _RELATIONS = "concepts.tsv", "tasks.tsv", "relations.tsv"
_ALIASES, _RELATIONSHIPS = "cogat_aliases.csv", "cogat_relationships.csv"
# NiMARE's names of relations. A task tells what it measures; "measuredBy" repeats that, "isSelf"
# says nothing.
_UPWARD = {
    "isKindOf": "kind_of",
    "isA": "is_a",
    "isPartOf": "part_of",
    "measures": "measures",
    "inCategory": "in_class",
}
# The same as told by the broader term.
_DOWNWARD = {"hasKind": "kind_of", "hasPart": "part_of"}
# Between the two sides of a contrast.
_AGAINST = re.compile(r"\s(?:minus|versus|vs\.?|compared to|relative to|[-\N{EN DASH}>])\s", re.I)


class CognitiveAtlas(Ontology):
    """Concepts, tasks and disorders of the Cognitive Atlas, an :class:`Ontology`.

    Its ``terms`` are sorted by name. Its relations are ``"kind_of"``, ``"is_a"`` and
    ``"part_of"`` among concepts or disorders, which make up the hierarchy, ``"measures"`` from a
    task to a concept and ``"in_class"`` from a concept to its class.

    From the release: names as they are written there, definitions, kinds (``"concept"``,
    ``"task"``, ``"class"``), a column ``contrasts`` of the terms (tuple of str, of tasks) and the
    columns of ``relations.tsv`` for the relations.

    From NiMARE's files: names in lower case, no definitions and no kinds. These files do not name
    the classes, so their ids stand in the relations only.
    """

    def conditions(self) -> dict[str, tuple[str, ...]]:
        """Tell by its contrasts what each task shows more of than of something else.

        To decode tasks: a map is one contrast of a task, and the contrasts of the task "working
        memory" include those of faces and of places.
        :meth:`~sklearn_mnm.MNMDecoder.decision_function` takes the result as ``terms``.

        Returns
        -------
        conditions : dict of str to tuple of str
            Of the names of tasks that have contrasts: the first of the two sides of each contrast,
            ``"Faces"`` of ``"Faces minus Shapes"``, once. ``"Negative Faces"`` is left out where
            there is ``"Faces"``. Of questionnaires, which have scores instead of contrasts, these
            are the names of the scores.

        Raises
        ------
        InvalidInputError
            If the atlas has no contrasts, as NiMARE's files hold none.
        """
        if "contrasts" not in self.terms:
            raise InvalidInputError(
                "This atlas has no column 'contrasts', as NiMARE's files have none. Load the "
                "tables of a release of the atlas."
            )
        listed = zip(self.terms["name"], self.terms["contrasts"], strict=True)
        return {
            str(name): tuple(dict.fromkeys(map(_first_side, _not_turned(contrasts))))
            for name, contrasts in listed
            if contrasts
        }


def load_cognitive_atlas(folder: str | Path | None = None) -> CognitiveAtlas:
    """Load the Cognitive Atlas from the tables of a release or from the files of NiMARE.

    NiMARE carries no copy of the atlas; it fetches it from cognitiveatlas.org once, with a
    request for each term (some minutes), and keeps it.

    Parameters
    ----------
    folder : str or pathlib.Path, default=None
        Folder with ``concepts.tsv`` (columns id, name, alias, class, definition), ``tasks.tsv``
        (id, name, alias, contrasts, asserted_concepts, definition) and ``relations.tsv`` (child,
        parent, relation, maybe more), where "|" stands between contrasts and between concepts and
        a comma between aliases; or with ``cogat_aliases.csv`` and ``cogat_relationships.csv`` of
        NiMARE. If None, NiMARE's own data folder is used, and the atlas is downloaded if it is
        not there.

    Returns
    -------
    atlas : CognitiveAtlas

    Raises
    ------
    DataFormatError
        If a file is missing or lacks a column, the atlas holds no term, or the download fails.
    MissingDependencyError
        If `folder` is None and NiMARE is not installed.

    Warns
    -----
    DataWarning
        Once, with counts: rows without id or name, ids in several rows, relations with terms that
        are not listed (all of these are left out), and circles of relations (which are kept).

    References
    ----------
    Poldrack et al. (2011), "The Cognitive Atlas: toward a knowledge foundation for cognitive
    neuroscience", Frontiers in Neuroinformatics 5:17, doi:10.3389/fninf.2011.00017.

    Examples
    --------
    >>> from sklearn_mnm.text import load_cognitive_atlas, match_terms
    >>> atlas = load_cognitive_atlas("cognitive_atlas")  # doctest: +SKIP
    >>> atlas.select(split="train").ancestors("working memory")  # doctest: +SKIP
    >>> queries = match_terms(atlas.names, vectorizer)  # doctest: +SKIP
    """
    location = _download() if folder is None else Path(folder)
    if (location / _CONCEPTS).exists():
        terms, relations, notes = _read_release(location)
    elif (location / _ALIASES).exists():
        terms, relations, notes = _read_nimare(location)
    else:
        raise DataFormatError(
            f"{location}: holds no Cognitive Atlas, neither {_CONCEPTS}, {_TASKS} and "
            f"{_RELATIONS} of a release nor {_ALIASES} and {_RELATIONSHIPS}; "
            "nimare.extract.download_cognitive_atlas() writes the latter."
        )
    # NiMARE's files do not list the classes.
    known = relations["child"].isin(terms["id"]) & (
        relations["parent"].isin(terms["id"]) | relations["relation"].eq("in_class")
    )
    if not known.all():
        notes.append(f"{int((~known).sum())} relations name terms that are not listed")
    atlas = CognitiveAtlas(
        terms.sort_values(["name", "id"], ignore_index=True),
        relations[known].drop_duplicates(ignore_index=True),
    )
    warn_of(atlas, notes)
    return atlas


def _read_release(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    remedy = "a release of the Cognitive Atlas as tables has it"
    columns = ["id", "name", "alias", "definition"]
    concepts, tasks, relations = (
        read_strings(folder / name, required, separator="\t", remedy=remedy)
        for name, required in (
            (_CONCEPTS, [*columns, "class"]),
            (_TASKS, [*columns, "contrasts", "asserted_concepts"]),
            (_RELATIONS, ["child", "parent", "relation"]),
        )
    )
    notes: list[str] = []
    concepts = _complete(concepts, _CONCEPTS, notes)
    tasks = _complete(tasks, _TASKS, notes)
    names = [name for name in dict.fromkeys(concepts["class"]) if name]
    # A class may be called like one of its concepts.
    classes = pd.DataFrame({"id": [f"class: {name}" for name in names], "name": names})
    terms = pd.concat(
        [
            concepts.assign(kind="concept"),
            tasks.assign(kind="task"),
            classes.assign(kind="class", alias="", definition=""),
        ],
        ignore_index=True,
    )
    repeated = terms["id"].duplicated()
    if repeated.any():
        notes.append(f"{int(repeated.sum())} rows have the id of another row")
    terms = terms[~repeated].fillna({"contrasts": ""})
    if terms.empty:
        raise DataFormatError(f"{folder / _CONCEPTS}: holds no term.")
    terms["aliases"] = [
        _others(name, re.split(r",\s", alias))
        for name, alias in zip(terms["name"], terms["alias"], strict=True)
    ]
    terms["contrasts"] = terms["contrasts"].map(_parts)
    measured = tasks.assign(parent=tasks["asserted_concepts"].map(_parts)).explode("parent")
    measured = measured[["id", "parent"]].dropna().assign(relation="measures")
    classed = concepts[concepts["class"].ne("")]
    classed = classed.assign(parent="class: " + classed["class"], relation="in_class")
    others = pd.concat([measured, classed])[["id", "parent", "relation"]]
    relations = pd.concat([relations, others.rename(columns={"id": "child"})], ignore_index=True)
    leading = ["child", "parent", "relation"]
    relations = relations[leading + [name for name in relations if name not in leading]].fillna("")
    return terms[["id", "name", "aliases", "definition", "kind", "contrasts"]], relations, notes


def _read_nimare(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    remedy = "nimare.extract.download_cognitive_atlas() writes it"
    listed = read_strings(folder / _ALIASES, ["id", "name", "alias"], separator=",", remedy=remedy)
    relations = read_strings(
        folder / _RELATIONSHIPS, ["input", "output", "rel_type"], separator=",", remedy=remedy
    )
    notes: list[str] = []
    rows = [
        (term_id, entries["name"].iloc[0], _others(entries["name"].iloc[0], entries["alias"]))
        for term_id, entries in _complete(listed, _ALIASES, notes).groupby("id", sort=False)
    ]
    if not rows:
        raise DataFormatError(f"{folder / _ALIASES}: holds no term.")
    terms = pd.DataFrame(rows, columns=["id", "name", "aliases"]).assign(definition="", kind="")
    table = relations[["input", "output", "rel_type"]].set_axis(
        ["child", "parent", "relation"], axis=1
    )
    down = table[table["relation"].isin(list(_DOWNWARD))]
    down = down.rename(columns={"child": "parent", "parent": "child"})
    up = table[table["relation"].isin(list(_UPWARD))]
    table = pd.concat([up, down[["child", "parent", "relation"]]])
    table["relation"] = table["relation"].map(_UPWARD | _DOWNWARD)
    return terms, table[table["parent"].ne("")].drop_duplicates(ignore_index=True), notes


def _complete(table: pd.DataFrame, file: str, notes: list[str]) -> pd.DataFrame:
    """Return the rows with id and name, and note how many have none."""
    complete = table["id"].ne("") & table["name"].ne("")
    if not complete.all():
        notes.append(f"{int((~complete).sum())} rows of {file} have no id or name")
    return table[complete]


def _others(name: str, aliases: list[str] | pd.Series) -> tuple[str, ...]:
    """Return the spellings that are not the name, each once."""
    stripped = dict.fromkeys(alias.strip() for alias in aliases)
    return tuple(alias for alias in stripped if alias not in ("", name))


def _parts(field: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, field.split("|")) if part)


def _not_turned(contrasts: Sequence[str]) -> list[str]:
    """Contrasts but those that are the negative of another."""
    known = {contrast.casefold() for contrast in contrasts}
    turned = {f"negative {contrast}" for contrast in known}
    return [contrast for contrast in contrasts if contrast.casefold() not in turned]


def _first_side(contrast: str) -> str:
    """Return what a contrast shows more of; what stands in brackets is not taken apart."""
    for found in _AGAINST.finditer(contrast):
        before = contrast[: found.start()]
        is_within = sum(map(before.count, "([")) > sum(map(before.count, ")]"))
        if before.strip() and not is_within:
            return before.strip()
    return contrast.strip()


def _download() -> Path:
    extract = import_optional(
        "nimare.extract", extra="nimare", purpose="Downloading the Cognitive Atlas"
    )
    try:
        files = extract.download_cognitive_atlas()
    except (OSError, ValueError, KeyError) as error:  # connection, answer that is not JSON
        raise DataFormatError(
            f"The Cognitive Atlas could not be downloaded ({type(error).__name__}: {error}). "
            f"Try again with a connection to cognitiveatlas.org, or pass folder=... with "
            f"{_ALIASES} and {_RELATIONSHIPS} from another computer's "
            "nimare.extract.download_cognitive_atlas(), or with the tables of a release."
        ) from error
    return Path(files["ids"]).parent
