"""What a user meets first, on a list of queries: ``python -m benchmarks answers``.

Needs ``SKLEARN_MNM_DATA``. The queries are made by a rule: the names of concepts of the Cognitive
Atlas that are terms of the bundled model, the 64 that most studies hold, and the phrases of
`benchmarks/quality/sided.py`, each with "left" and with "right", 98 in all. Only calls are made
that earlier builds have, too. ``PYTHONPATH=CHECKOUT:. python -P -m benchmarks answers --json
before.json`` measures one (Python 3.11 or later), and ``--before before.json`` shows its figures
beside today's.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.common.protocol import data_folder, load_corpus
from benchmarks.common.sections import replace_section
from benchmarks.common.table import markdown_table
from benchmarks.quality.sided import QUERIES, on_side_of_anatomy
from sklearn_mnm import MNMEncoder, load_pretrained

N_CONCEPTS, Z = 64, 1.96
# Words of people that are no terms of the release.
EVERYDAY = (
    *("go/no-go", "n-back", "V1", "voxel-based morphometry", "oxytocin", "ketamine", "meditation"),
    *("bilingual", "dyslexic", "colour", "behaviour", "schizophrenic", "grey matter", "fMRI"),
)


def concepts(terms: list[str], counts: np.ndarray) -> list[str]:
    """Name the concepts that most studies hold."""
    table = pd.read_csv(data_folder() / "cognitive_atlas" / "concepts.tsv", sep="\t")
    numbers = dict(zip(terms, counts, strict=True))
    known = [name for name in dict.fromkeys(table["name"].str.lower()) if name in numbers]
    return sorted(known, key=lambda name: (-numbers[name], name))[:N_CONCEPTS]


def measure() -> dict[str, str]:
    """Figures of the build that is imported, as text."""
    loaded = load_pretrained()
    encoder, decoder = loaded[0], loaded[1]
    studies = load_corpus()[0]
    held = studies.counts.tocsc() > 0
    column = {str(term): number for number, term in enumerate(studies.vocabulary)}
    of_one = concepts(list(column), np.asarray(held.sum(axis=0)).ravel())
    queries = [*of_one, *(" ".join(query) for query in QUERIES)]
    maps = [encoder.predict_img([query], kind="z") for query in queries]
    values = [np.asarray(image.dataobj) for image in maps]
    row = {str(name): number for number, name in enumerate(studies.ids)}

    def with_term(**by: str) -> str:
        shares = []
        for name in of_one:
            found = encoder.retrieve([name], k=10, **by)
            rows = [row[str(study)] for study in found["id"] if str(study) in row]
            shares.append(held[rows, column[name]].mean())
        return f"{100 * np.mean(shares):.0f} %"

    ranks = []
    for name, image in zip(of_one, maps, strict=False):
        ranks.append(name in set(decoder.predict_topk(image, k=10)["term"]))
    sides = [
        on_side_of_anatomy(image, *query)
        for image, query in zip(maps[len(of_one) :], QUERIES, strict=True)
    ]
    return {
        "z maps with nothing above 1.96": _of(sum(v.max() < Z for v in values), queries),
        "z maps that fall below their own highest value": _of(
            sum(-v.min() > v.max() for v in values), queries
        ),
        "sided queries with the larger part on the side of anatomy": _of(sum(sides), QUERIES),
        "the first ten similar studies use the term, by default": with_term(),
        "the same by text": with_term(by="text"),
        "the map of a concept decodes to it, in the first ten": _of(sum(ranks), of_one),
        "everyday words that are known": _of(sum(known(encoder, w) for w in EVERYDAY), EVERYDAY),
    }


def known(encoder: MNMEncoder, word: str) -> bool:
    """Whether all of a word is read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return not len(encoder.explain(word).unknown)
        except ValueError:
            return False


def _of(n: int, of: object) -> str:
    return f"{int(n)} of {len(list(of))}"


def main() -> None:
    """Measure a build, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures of this build")
    parser.add_argument("--before", type=Path, help="figures of an earlier build")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    figures = measure()
    print(json.dumps(figures, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures))
    if arguments.before:
        before = json.loads(arguments.before.read_text())
        rows = [[name, before[name], now] for name, now in figures.items()]
        text = f"""Made by `python -m benchmarks answers --before`, the figures of commit 92ae500; \
each build asks the bundled model that it has.

{N_CONCEPTS} names of concepts and {len(QUERIES)} phrases with a side, chosen by the \
rule that the script tells, and {len(EVERYDAY)} everyday words.

{markdown_table(["", "92ae500", "now"], rows, 1)}
"""
        if arguments.output:
            replace_section(arguments.output, "answers", "What a user meets first", text)
