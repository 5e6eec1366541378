"""Nouns of WordNet and their hypernyms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sklearn_mnm.exceptions import DataFormatError
from sklearn_mnm.text.ontology import Ontology, warn_of

_HYPERNYMS = {"@": "kind_of", "@i": "instance_of"}


def load_wordnet(folder: str | Path) -> Ontology:
    """Load the nouns of WordNet with their hypernyms.

    A word stands for its first sense only, the most frequent one in the texts that WordNet was
    counted in: "bank" is sloping land. Broader terms within n steps are
    ``load_wordnet(folder).pairs_in(vocabulary, max_steps=n)``.

    Parameters
    ----------
    folder : str or pathlib.Path
        Folder with ``data.noun`` and ``index.noun`` of WordNet 3.0 or 3.1, such as the ``dict`` of
        Princeton's download or what Debian's package wordnet-base installs.

    Returns
    -------
    ontology : Ontology
        A term per set of synonyms: ``id``, its place in ``data.noun`` (eight digits); ``name``,
        the first of its words that has its first sense here, ``aliases``, the others, and
        ``definition``, the gloss. If none of its words has, the name is the first word with the
        number of its sense, such as "bank.n.02". Relations are ``"kind_of"`` (hypernym) and
        ``"instance_of"`` (instance hypernym).

    Raises
    ------
    DataFormatError
        If a file cannot be read, or a line is not what WordNet's have.

    References
    ----------
    Fellbaum (ed., 1998), "WordNet: an electronic lexical database", MIT Press. The format is that
    of WordNet's manual page wndb(5).

    Examples
    --------
    >>> from sklearn_mnm.text import load_wordnet
    >>> wordnet = load_wordnet("/usr/share/wordnet")  # doctest: +SKIP
    >>> wordnet.ancestors("memory", max_steps=2)["name"].tolist()  # doctest: +SKIP
    ['basic cognitive process', 'process']
    """
    folder = Path(folder)
    senses: dict[str, list[str]] = {}
    index = folder / "index.noun"
    for number, line in _lines(index):
        # word n n_synsets n_pointers [pointers] n_senses n_tagged [places]
        fields = line.split()
        try:
            places = fields[6 + int(fields[3]) :]
            if len(places) != int(fields[2]) or not places:
                raise ValueError
        except (ValueError, IndexError):
            raise _fault(index, number) from None
        senses[fields[0]] = places
    terms: list[tuple[str, str, tuple[str, ...], str, str]] = []
    relations: list[tuple[str, str, str]] = []
    data = folder / "data.noun"
    for number, line in _lines(data):
        # place file n n_words [word number] n_pointers [pointer place n source/target] | gloss
        record, _, gloss = line.partition("|")
        fields = record.split()
        try:
            end = 4 + 2 * int(fields[3], 16)
            words = fields[4:end:2]
            pointers = fields[end + 1 : end + 1 + 4 * int(fields[end])]
            if not words or len(pointers) != 4 * int(fields[end]):
                raise ValueError
            first = [word for word in words if senses[word.lower()][0] == fields[0]]
            if first:
                name, *aliases = (word.replace("_", " ") for word in first)
            else:
                sense = senses[words[0].lower()].index(fields[0]) + 1
                name, aliases = f"{words[0].replace('_', ' ')}.n.{sense:02d}", []
        except (ValueError, IndexError, KeyError):
            raise _fault(data, number) from None
        terms.append((fields[0], name, tuple(aliases), gloss.strip(), "noun"))
        relations.extend(
            (fields[0], place, _HYPERNYMS[pointer])
            for pointer, place in zip(pointers[::4], pointers[1::4], strict=True)
            if pointer in _HYPERNYMS
        )
    if not terms:
        raise DataFormatError(f"{data}: holds no noun.")
    table = pd.DataFrame(terms, columns=["id", "name", "aliases", "definition", "kind"])
    links = pd.DataFrame(relations, columns=["child", "parent", "relation"], dtype=object)
    is_listed = links["parent"].isin(table["id"])
    notes = []
    if not is_listed.all():
        notes.append(f"{int((~is_listed).sum())} hypernyms are not in {data.name}")
    wordnet = Ontology(table, links[is_listed].reset_index(drop=True))
    warn_of(wordnet, notes)
    return wordnet


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines after the licence, whose lines begin with two spaces."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and not line.startswith("  "):
                    yield number, line
    except (OSError, ValueError) as error:
        raise DataFormatError(
            f"{path}: cannot be read as text ({error}); give the folder with WordNet's data.noun "
            "and index.noun, e.g. of Debian's package wordnet-base."
        ) from error


def _fault(path: Path, line: int) -> DataFormatError:
    return DataFormatError(
        f"{path}: line {line} is no entry of WordNet's nouns, as wndb(5) describes them; give the "
        "files of WordNet 3.0 or 3.1 as they were published."
    )
