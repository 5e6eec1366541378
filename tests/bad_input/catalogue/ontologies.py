"""Ontologies and vocabularies, given to all that takes them."""

# ruff: noqa: E501  # rows of a table stay on one line
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from catalogue.case import Case
from catalogue.workshop import Workshop
from sklearn_mnm.exceptions import DataFormatError, DataWarning, InvalidInputError
from sklearn_mnm.text import (
    CognitiveAtlas,
    Ontology,
    contiguous_parts,
    load_cognitive_atlas,
    load_mesh_tree,
    load_wordnet,
)

_TABLE = pd.DataFrame({"child": ["memory", "pain"], "parent": ["state", "state"]})


def _own(**columns: Any) -> Callable[[Workshop], Any]:
    """Make an ontology of a table with other columns."""
    return lambda w: Ontology.from_frame(_TABLE.assign(**columns))


def _asked(method: str, *arguments: Any, **named: Any) -> Callable[[Workshop], Any]:
    return lambda w: getattr(Ontology.from_frame(_TABLE), method)(*arguments, **named)


def _made(terms: Any = None, relations: Any = None) -> Callable[[Workshop], Any]:
    """Make an ontology of the tables of another one, or of others."""

    def make(w: Workshop) -> Any:
        sound = Ontology.from_frame(_TABLE)
        return Ontology(
            sound.terms if terms is None else terms(sound.terms),
            sound.relations if relations is None else relations(sound.relations),
        )

    return make


def _vocabularies(name: str, call: Callable[[Any], Any]) -> Iterator[Case]:
    """Yield cases of a vocabulary."""
    for kind, given, vocabulary, tells in (
        ("wrong shape", "one string", "memory", ("vocabulary: expected several", "write")),
        ("wrong dtype", "a number", 3, ("vocabulary: expected a list of strings", "int")),
        ("NaN", "NaN", ["memory", np.nan], ("vocabulary: row 1 is nan", "empty string")),
        ("control characters", "a term without a letter", ["\x00"], ("vocabulary: term", "no letter or digit")),
        ("duplicated studies", "one term twice", ["Memory", "memory"], ("vocabulary: the terms", "keep one")),
    ):  # fmt: skip
        yield Case(
            name, kind, f"vocabulary: {given}", lambda w, v=vocabulary: call(v), InvalidInputError, tells
        )  # fmt: skip
    yield Case(
        name, "empty", "vocabulary: none", lambda w: call([]), "nothing",
        holds=lambda result: len(getattr(result, "data", result)) == 0,
    )  # fmt: skip


def _ways() -> Iterator[Case]:
    """Yield cases of ways up and down."""
    for method in ("ancestors", "descendants", "parents"):
        for kind, given, term, tells in (
            ("unknown choice", "an unknown one", "memry", ("is no id, name or alias", "near are 'memory'")),
            ("empty", "''", "", ("is no id, name or alias", "see `terms`")),
            ("wrong dtype", "a number", 3, ("expected an id or a name",)),
        ):  # fmt: skip
            yield Case(
                f"Ontology.{method}", kind, f"term: {given}", _asked(method, term), InvalidInputError, tells
            )  # fmt: skip
    for method in ("ancestors", "descendants", "closure_in", "pairs_in"):
        first: Any = ["memory"] if method.endswith("in") else "memory"
        for kind, given in (("negative values", -1), ("wrong dtype", 1.5), ("wrong dtype", "all")):
            yield Case(
                f"Ontology.{method}", kind, f"max_steps: {given!r}", _asked(method, first, given),
                InvalidInputError, ("max_steps: got", "give a positive integer, or None"),
            )  # fmt: skip
    for method in ("closure_in", "pairs_in"):
        yield from _vocabularies(
            f"Ontology.{method}", lambda v, m=method: getattr(Ontology.from_frame(_TABLE), m)(v)
        )
    for kind, given, columns, tells in (
        ("unknown choice", "an unknown column", {"split": "train"}, ("split: no column", "they have")),
        ("unknown choice", "a value that no relation has", {"relation": "is_a"}, ("relation: no relation has 'is_a'", "there are")),
        ("wrong dtype", "a number for a name", {"relation": 3}, ("relation: no relation has 3", "there are")),
    ):  # fmt: skip
        yield Case(
            "Ontology.select", kind, f"columns: {given}", _asked("select", **columns), InvalidInputError, tells
        )  # fmt: skip


def _tables() -> Iterator[Case]:
    """Yield cases of tables of one's own."""
    for kind, given, call, tells in (
        ("wrong dtype", "pairs", lambda w: Ontology.from_frame([("a", "b")]), ("table: expected a data frame", "list")),
        ("wrong shape", "without a column", lambda w: Ontology.from_frame(_TABLE[["child"]]), ("table: missing column", "it has")),
        ("NaN", "a parent that is missing", _own(parent=["state", np.nan]), ("parent of row 1 is nan", "give the name")),
        ("wrong dtype", "numbers", _own(child=[1, 2]), ("child of row 0 is 1", "give the name")),
        ("empty", "an empty name", _own(child=[" ", "pain"]), ("child of row 0 is ' '", "give the name")),
        ("object array", "relations that have no name", _own(relation=[None, "is_a"]), ("relation of row 0 is", "give its name")),
        ("unaligned parts", "a circle", _own(parent=["pain", "memory"]), ("1 circles .* 'memory', 'pain'", "take out")),
    ):  # fmt: skip
        yield Case(
            "Ontology.from_frame", kind, f"table: {given}", call, InvalidInputError, tells
        )  # fmt: skip
    for kind, given, call, tells in (
        ("wrong dtype", "terms: a list", _made(terms=lambda t: ["memory"]), ("terms: expected a data frame", "list")),
        ("wrong shape", "relations: without a column", _made(relations=lambda t: t[["child"]]), ("relations: missing column", "it has")),
        ("wrong dtype", "terms: ids that are numbers", _made(terms=lambda t: t.assign(id=[1, 2, 3])), ("terms: id of row 0", "give a string")),
        ("duplicated studies", "terms: an id twice", _made(terms=lambda t: t.assign(id="memory")), ("terms: id 'memory' stands in several rows", "one row")),
        ("unaligned parts", "relations: of a term that is not listed", _made(terms=lambda t: t[1:]), ("relations: child 'memory' is no id", "add these terms")),
    ):  # fmt: skip
        yield Case("Ontology", kind, given, call, InvalidInputError, tells)
    yield Case(
        "Ontology.forest", "unaligned parts", "relations: a second parent",
        lambda w: Ontology.from_frame(_TABLE.assign(child="memory", parent=["state", "mind"])).forest(),
        DataWarning, ("1 broader terms are a second one", "only in `relations`"), lambda forest: forest.tolist() == [1, -1, -1],
    )  # fmt: skip


def _files() -> Iterator[Case]:
    """Yield cases of published ontologies."""
    yield Case(
        "load_cognitive_atlas", "missing or foreign file", "folder: without the files",
        lambda w: load_cognitive_atlas(w.folder), DataFormatError,
        ("neither concepts.tsv", "cogat_aliases.csv", "download_cognitive_atlas"),
    )  # fmt: skip
    yield Case(
        "load_cognitive_atlas", "wrong shape", "folder: with a table of other columns",
        lambda w: (w.file("cogat_aliases.csv", "a,b\n1,2\n"), load_cognitive_atlas(w.folder)),
        DataFormatError, ("cogat_aliases.csv: missing column", "it has"),
    )  # fmt: skip
    yield Case(
        "load_cognitive_atlas", "missing or foreign file", "folder: concepts.tsv alone",
        lambda w: (w.file("concepts.tsv", "id\tname\talias\tclass\tdefinition\n"), load_cognitive_atlas(w.folder)),
        DataFormatError, ("tasks.tsv: cannot be read", "a release of the Cognitive Atlas"),
    )  # fmt: skip
    yield Case(
        "CognitiveAtlas.conditions", "unaligned parts", "an atlas without contrasts",
        lambda w: CognitiveAtlas.from_frame(_TABLE).conditions(),
        InvalidInputError, ("no column 'contrasts'", "Load the tables of a release"),
    )  # fmt: skip
    yield Case(
        "load_mesh_tree", "missing or foreign file", "path: not there",
        lambda w: load_mesh_tree(w.folder / "tree.tsv"), DataFormatError, ("tree.tsv: cannot be read", "give a table"),
    )  # fmt: skip
    yield Case(
        "load_mesh_tree", "wrong shape", "path: a table of other columns",
        lambda w: load_mesh_tree(w.file("tree.tsv", "number\theading\nF01\tBehavior\n")),
        DataFormatError, ("tree.tsv: missing column", "it has"),
    )  # fmt: skip
    yield Case(
        "load_mesh_tree", "empty", "path: an empty file",
        lambda w: load_mesh_tree(w.file("tree.tsv", "")), DataFormatError, ("holds no heading", "give a table"),
    )  # fmt: skip
    yield Case(
        "load_mesh_tree", "unaligned parts", "path: a tree number for a heading",
        lambda w: load_mesh_tree(w.file("tree.tsv", "tree_number\theading\nF01\tBehavior\nF01.1\tF01\n")),
        DataWarning, ("1 rows of tree.tsv have a tree number for a heading",), lambda mesh: len(mesh) == 1,
    )  # fmt: skip
    yield Case(
        "load_wordnet", "missing or foreign file", "folder: without the files",
        lambda w: load_wordnet(w.folder), DataFormatError, ("index.noun: cannot be read", "wordnet-base"),
    )  # fmt: skip
    yield Case(
        "load_wordnet", "wrong shape", "folder: an index of another form",
        lambda w: (w.file("index.noun", "memory\n"), load_wordnet(w.folder)), DataFormatError,
        ("index.noun: line 1 is no entry", "WordNet 3.0 or 3.1"),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield all cases of ontologies."""
    yield from _ways()
    yield from _tables()
    yield from _files()
    yield from _vocabularies("contiguous_parts", contiguous_parts)
