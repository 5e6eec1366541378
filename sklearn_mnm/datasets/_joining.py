"""Put the studies of several sources together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_mnm.exceptions import InvalidInputError

# Columns by which a study is known wherever it comes from.
_IDENTITIES = ("pmid", "pmcid", "doi")


def joined(parts: Sequence[Any], names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return what one corpus of several is made of, row after row.

    Parameters
    ----------
    parts : sequence of Studies
        At least one.
    names : sequence of str
        Of the parts; tell ids apart that occur in several.

    Returns
    -------
    fields : dict
        Arguments of `Studies`. An id that occurs in several parts is followed by the name of its
        part in all but the first. A group that occurs in several is one paper unless its titles
        differ. Terms of several vocabularies are put together; counts are left out where a part
        has none but all have texts.
    notes : list of str
        What was told apart, left out or is there twice, with counts.

    Raises
    ------
    InvalidInputError
        If some parts have term counts only and others texts only, or counts without vocabulary
        differ in length.
    """
    notes: list[str] = []
    ids, n_doubled = _ids(parts, names)
    if n_doubled:
        notes.append(
            f"{n_doubled} ids occur in several sources and are told apart by the name of theirs; "
            "if they are the same studies, these count twice"
        )
    if n_twice := _known_twice(parts):
        notes.append(f"{n_twice} studies have the pmid, pmcid or doi of one of another source")
    texts = _texts(parts, notes)
    counts, vocabulary = _counts(parts, texts is not None, notes)
    groups = _groups(parts, ids, names)
    metadata = pd.concat([part.metadata for part in parts], ignore_index=True)
    if "id" in metadata.columns:
        metadata["id"] = np.concatenate(ids)
    peaks = pd.concat(_peaks(parts, ids), ignore_index=True)
    fields = {
        "ids": np.concatenate(ids),
        "metadata": metadata,
        "peaks": peaks,
        "counts": counts,
        "vocabulary": vocabulary,
        "texts": texts,
        "groups": np.concatenate(groups),
    }
    return fields, notes


def _ids(parts: Sequence[Any], names: Sequence[str]) -> tuple[list[np.ndarray], int]:
    """Return the ids of each part, different from those of all others."""
    taken: set[str] = set()
    n_doubled, result = 0, []
    for part, name in zip(parts, names, strict=True):
        own = list(map(str, part.ids))
        known = taken | set(own)
        for row, study in enumerate(own):
            if study in taken:
                n_doubled += 1
                own[row] = _free(f"{study} ({name})", known)
                known.add(own[row])
        taken = known
        result.append(np.array(own, dtype=str))
    return result, n_doubled


def _free(wanted: str, taken: set[str]) -> str:
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = f"{wanted} ({number})"
    return found


def _groups(
    parts: Sequence[Any], ids: Sequence[np.ndarray], names: Sequence[str]
) -> list[np.ndarray]:
    """Return the paper of each row: the same where a name and its title are."""
    titles: dict[str, str] = {}
    result = []
    for part, own_ids, name in zip(parts, ids, names, strict=True):
        renamed: dict[str, str] = {}
        for group, title, old, new in zip(part.groups, part.titles, part.ids, own_ids, strict=True):
            known = titles.get(str(group), "")
            if str(group) not in renamed and known and title and known != title:
                # A study that is its own paper stays so.
                renamed[str(group)] = str(new) if group == old else f"{group} ({name})"
            else:
                renamed.setdefault(str(group), str(group))
        result.append(np.array([renamed[str(group)] for group in part.groups], dtype=str))
        for group, title in zip(result[-1], part.titles, strict=True):
            titles.setdefault(str(group), str(title))
    return result


def _known_twice(parts: Sequence[Any]) -> int:
    """Count papers of later parts that an earlier one has, by what is known of them anywhere."""
    n_twice, seen = 0, {name: set[str]() for name in _IDENTITIES}
    for part in parts:
        own = {
            name: part.metadata[name].map(_identity)
            for name in _IDENTITIES
            if name in part.metadata.columns
        }
        if own:
            twice = pd.concat([own[name].isin(seen[name]) for name in own], axis=1).any(axis=1)
            n_twice += int(twice.sum())
        for name, values in own.items():
            seen[name] |= set(values.dropna())
    return n_twice


def _identity(value: Any) -> str | None:
    if value is None or (np.ndim(value) == 0 and pd.isna(value)) or str(value).strip() == "":
        return None
    return str(value).strip().lower().removesuffix(".0")


def _peaks(parts: Sequence[Any], ids: Sequence[np.ndarray]) -> list[pd.DataFrame]:
    spaced = any("space" in part.peaks.columns for part in parts)
    tables: list[pd.DataFrame] = []
    for part, own in zip(parts, ids, strict=True):
        table = part.peaks.assign(id=own[part.study_index])
        if spaced and "space" not in table.columns:
            table = table.assign(space="MNI152")
        if len(table) or not tables:
            tables.append(table)
    return tables


def _texts(parts: Sequence[Any], notes: list[str]) -> np.ndarray | None:
    told = [part.texts for part in parts]
    if all(text is None for text in told):
        return None
    n_textless = sum(len(part) for part in parts if part.texts is None)
    if n_textless:
        if any(part.texts is None and part.counts is None for part in parts):
            notes.append(f"{n_textless} studies are of sources without texts")
        elif any(part.counts is None for part in parts):
            raise InvalidInputError(
                "Some sources have term counts but no texts, others texts but no term counts. Give "
                "the former texts, or count the terms of the latter."
            )
        else:
            notes.append(f"{n_textless} studies are of sources without texts, but have term counts")
    empty = [np.full(len(part), "", dtype=object) for part in parts]
    return np.concatenate([e if t is None else t for t, e in zip(told, empty, strict=True)])


def _counts(
    parts: Sequence[Any], have_texts: bool, notes: list[str]
) -> tuple[sparse.csr_matrix | None, np.ndarray | None]:
    """Return the counts of all, their columns put together by name."""
    counted = [part for part in parts if part.counts is not None]
    if not counted:
        return None, None
    if len(counted) < len(parts):
        if not have_texts:
            raise InvalidInputError(
                "Some sources have term counts and others have neither counts nor texts."
            )
        n_counted = sum(map(len, counted))
        notes.append(
            f"the term counts of {n_counted} studies are left out, as others have texts only"
        )
        return None, None
    matrices: list[Any] = [part.counts for part in parts]
    vocabularies: list[Any] = [part.vocabulary for part in parts]
    if any(vocabulary is None for vocabulary in vocabularies):
        widths = {matrix.shape[1] for matrix in matrices}
        if len(widths) > 1 or not all(vocabulary is None for vocabulary in vocabularies):
            raise InvalidInputError(
                f"The term counts of the sources have {sorted(widths)} columns, not all of them "
                "named. Give each a vocabulary."
            )
        return sparse.csr_matrix(sparse.vstack(matrices)), None
    terms = list(dict.fromkeys(str(term) for names in vocabularies for term in names))
    column = {term: number for number, term in enumerate(terms)}
    blocks = []
    for matrix, names in zip(matrices, vocabularies, strict=True):
        places = np.array([column[str(term)] for term in names], dtype=np.intp)
        entries = matrix.tocoo()
        shape = (matrix.shape[0], len(terms))
        blocks.append(sparse.csr_matrix((entries.data, (entries.row, places[entries.col])), shape))
    shared = set.intersection(*(set(map(str, names)) for names in vocabularies))
    if len(shared) < len(terms):
        notes.append(
            f"{len(terms) - len(shared)} of {len(terms)} terms are in the vocabulary of some "
            "sources only, and count as 0 in the others"
        )
    return sparse.csr_matrix(sparse.vstack(blocks)), np.array(terms, dtype=str)
