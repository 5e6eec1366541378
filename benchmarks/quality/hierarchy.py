"""Measure whether distances mean generality: ``python -m benchmarks hierarchy``.

Needs ``SKLEARN_MNM_DATA`` with ``cognitive_atlas/`` and ``mesh/``, and WordNet 3.0: Debian's
wordnet-base, or its files in ``WORDNET_FOLDER``. Records are kept in ``benchmarks/.cache`` as long
as the code that made them is the same.

A term is in a study if the study holds it or a longer term of the vocabulary of which it is a part.
Terms are those written in at least 3 training studies. Edges: relations of the Cognitive Atlas, of
its held-out part alone, hypernyms of WordNet up to 3 steps above the first sense, the tree of MeSH,
and pairs of textbooks. Of the Cognitive Atlas, WordNet and MeSH figures are of the half of the
children that the spelling of the term puts aside; beta of the score ln P(a | x) + beta I_a, and
what else is chosen, is that which finds a true ancestor among the first ten for most children of
the other half, by the relations of the Cognitive Atlas that are not held out. AUC and AP: edges
against at most 10 terms whose document frequency is nearest to that of the parent (within a factor
of 2), against the other children of the parent, and against the edges reversed. Walks start from
single terms and from titles of held-out studies and are made by the same rule for all rows; words
of the start count neither as found nor as missed. Calibration: 20 bins of equal size. Differences
are to the first row with as many dimensions, paired by child, study or walk, whose number is given,
with 95 % bootstrap intervals; those without a number are paired t intervals over folds.
"""

import argparse
import dataclasses
import json
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import runner
from benchmarks.common.protocol import ALL_FOLDS, EVERYDAY_FOLDS, data_folder, split
from benchmarks.common.sections import replace_section
from benchmarks.hierarchy_measures.controls import GEOMETRIES, term_row
from benchmarks.hierarchy_measures.corpus import FoldCorpus, single_terms
from benchmarks.hierarchy_measures.references import COSINE_WEIGHTS, counts_rows
from benchmarks.hierarchy_measures.report import markdown
from benchmarks.hierarchy_measures.rows import Row, row_of_points
from benchmarks.hierarchy_measures.suite import BETAS, Measured, choose, measure
from benchmarks.hierarchy_measures.taxonomies import (
    Taxonomy,
    general_specific,
    taxonomy_of,
    taxonomy_of_pairs,
    textbook_pairs,
)
from benchmarks.models import MODELS
from benchmarks.quality.variant_runs import _corpus, _write
from sklearn_mnm import PeaksToRegions, Studies
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.exceptions import DataWarning
from sklearn_mnm.geometry import log_map0
from sklearn_mnm.text import Ontology, load_cognitive_atlas, load_mesh_tree, load_wordnet

SOURCES = (
    "benchmarks/quality/hierarchy.py",
    "benchmarks/hierarchy_measures",
    "benchmarks/quality/variant_runs.py",
)
ALL = "all"
PARTS = {
    ALL: None,
    "title": ("title",),
    "title and keywords": ("title", "keywords"),
    "abstract": ("abstract",),
}
ATLAS, HELD_OUT, WORDNET = "Cognitive Atlas", "Cognitive Atlas, held out", "WordNet"
MESH, TEXTBOOK = "MeSH", "textbook"
WORDNET_STEPS = 3
# Where Debian's package wordnet-base installs it.
WORDNET_FOLDER = os.environ.get("WORDNET_FOLDER", "/usr/share/wordnet")
N_TITLES = 200
NETWORKS = "ward7"


@cache
def load_parts() -> dict[str, tuple[Studies, np.ndarray]]:
    """Load studies and folds with each part of the texts, rows aligned."""
    return {name: _corpus(sources) for name, sources in PARTS.items()}


def load_fold(fold: int) -> FoldCorpus:
    """Take the studies of a fold, and parts of the texts of those it tests."""
    parts = {name: split(*corpus, fold) for name, corpus in load_parts().items()}
    tested = {name: test for name, (_, test) in parts.items() if name != ALL}
    return FoldCorpus(fold, *parts[ALL], tested)


@cache
def ontologies() -> dict[str, Ontology]:
    """Read the ontologies."""
    return {
        ATLAS: load_cognitive_atlas(data_folder() / "cognitive_atlas"),
        WORDNET: load_wordnet(WORDNET_FOLDER),
        MESH: load_mesh_tree(data_folder() / "mesh" / "tree.tsv"),
    }


def load_taxonomies(terms: list[str]) -> tuple[Taxonomy, list[Taxonomy]]:
    """Find the terms in the ontologies.

    Returns
    -------
    validation : Taxonomy
        By which settings are chosen: of the relations of the Cognitive Atlas that are not held out.
    reported : list of Taxonomy
        The Cognitive Atlas first.
    """
    atlas = taxonomy_of(ATLAS, ontologies()[ATLAS], terms)
    # What is above or below a term is known from all relations.
    train, held_out = (
        taxonomy_of(name, ontologies()[ATLAS].select(split=s), terms, closure=atlas.closure)
        for name, s in ((ATLAS, "train"), (HELD_OUT, "tune"))
    )
    wordnet = taxonomy_of(
        WORDNET,
        ontologies()[WORDNET],
        terms,
        edge_steps=WORDNET_STEPS,
        ancestor_steps=WORDNET_STEPS,
    )
    mesh = taxonomy_of(MESH, ontologies()[MESH], terms)
    atlas, wordnet, mesh = (taxonomy.half(terms, "test") for taxonomy in (atlas, wordnet, mesh))
    textbook = taxonomy_of_pairs(TEXTBOOK, textbook_pairs(), terms)
    rule = general_specific([held_out, wordnet])
    return train.half(terms, "validation"), [atlas, held_out, wordnet, mesh, rule, textbook]


def embedder_row(name: str, corpus: FoldCorpus, seed: int, **params: Any) -> Row:
    """Fit an embedder, and see its points as a row.

    Parameters
    ----------
    name : str
        Key of `MODELS`, an embedder.
    corpus : FoldCorpus
    seed : int
    **params
        Further parameters of the embedder, such as ``n_components``.

    Returns
    -------
    row : Row
        On the hyperboloid, or flat with tangent vectors at the root as points if the similarity is
        a squared distance.
    """
    given = {**MODELS[name].params, "random_state": seed, **params}
    model = dataclasses.replace(MODELS[name], params=given).build().fit(corpus.train)
    embedder, is_flat = model.embedder, given.get("objective__similarity") == "euclidean"
    root = np.sqrt(embedder.curvature_)

    def place(points: np.ndarray) -> np.ndarray:
        if is_flat:
            return log_map0(torch.as_tensor(points), embedder.curvature_).numpy()
        return root * points  # on the hyperboloid of curvature -1

    def text_points(studies: Studies) -> np.ndarray:
        return place(embedder.transform(model.text.transform(studies)))

    return row_of_points(
        MODELS[name].title,
        corpus.terms,
        text_points(single_terms(corpus.terms, corpus.train.vocabulary)),
        is_flat=is_flat,
        text_points=text_points,
        activations=model.regions.transform,
        map_points=lambda activations: place(embedder.transform_brain(activations)),
        broaden=broadening(model.regions),
        similarity=model.similarity,
    )


def broadening(regions: PeaksToRegions) -> Callable[[np.ndarray], np.ndarray]:
    """Return what averages maps over 7 networks, cut from the tree of the regions."""
    hierarchy = BrainHierarchy.from_tree(
        regions.children_, cuts={NETWORKS: 7}, sizes=regions.region_volumes_
    )
    return lambda activations: hierarchy.smooth(activations, NETWORKS)


# Settings of each row, of which the validation half chooses one, for a fold and a seed. To add a
# model, add its row.
ROWS: dict[str, Callable[[FoldCorpus, int], Iterable[Row]]] = {
    "counts": lambda corpus, _: counts_rows(corpus),
    "counts_cosine": lambda corpus, _: counts_rows(corpus, COSINE_WEIGHTS),
    "ours": lambda corpus, seed: [embedder_row("ours", corpus, seed)],
    "control_euclidean": lambda corpus, seed: [embedder_row("control_euclidean", corpus, seed)],
}
DIMENSIONS = (4, 8, 32, 512)
for _name in GEOMETRIES:
    for _d in DIMENSIONS:
        ROWS[f"{_name}_{_d}"] = lambda corpus, seed, name=_name, d=_d: [
            term_row(name, d, corpus, seed)
        ]
# Rows that are the same whatever the seed.
WITHOUT_SEED = ("counts", "counts_cosine")


def run(
    name: str,
    corpus: Callable[[], FoldCorpus],
    fold: int,
    seed: int = 0,
    betas: Sequence[float] = BETAS,
) -> Measured:
    """Return what was measured for a row on a fold, from the cache if it is still true.

    Parameters
    ----------
    name : str
        Key of `ROWS`.
    corpus : callable
        ``corpus()`` gives the corpus of the fold; called only if there is something to measure.
    fold, seed : int
    betas : sequence of float, default=BETAS
        Of which one is chosen.

    Returns
    -------
    measured : Measured
    """
    digest = runner.result_digest([name, betas], *SOURCES)
    path = runner.CACHE / f"hierarchy-{name}-fold{fold}-seed{seed}-{digest}.json"
    if not path.exists():
        measured = measure_fold(name, corpus(), seed, betas)
        if runner.result_digest([name, betas], *SOURCES) != digest:
            raise RuntimeError("the code changed during the run; run again.")
        _write(path, measured.to_dict())
    return Measured.from_dict(json.loads(path.read_text()))


def measure_fold(name: str, corpus: FoldCorpus, seed: int, betas: Sequence[float]) -> Measured:
    """Fit and choose a row on a fold, and take all measures on the test halves."""
    validation, taxonomies = load_taxonomies(corpus.terms)
    row = choose(ROWS[name](corpus, seed), validation, corpus, betas)
    return measure(row, corpus, taxonomies, walk_starts(corpus, taxonomies), taxonomies[0])


def walk_starts(corpus: FoldCorpus, taxonomies: Sequence[Taxonomy]) -> dict[str, Studies]:
    """Texts from which to walk: the children of two taxonomies, and titles of test studies."""
    edges = [taxonomy.pairs[0] for taxonomy in taxonomies if taxonomy.name in (ATLAS, TEXTBOOK)]
    terms = [corpus.terms[child] for child in np.unique(np.concatenate(edges))]
    titles = corpus.parts["title"]
    return {
        "terms": single_terms(terms, corpus.train.vocabulary),
        "titles": titles[np.arange(min(N_TITLES, len(titles)))],
    }


def record(measured: Measured) -> dict[str, Any]:
    """Return what is written of a run beside the tables: all but the values of single units."""
    content = measured.to_dict()
    return {part: content[part] for part in ("fold", "chosen", "figures", "reliability")}


def by_dimensions(measured: dict[str, list[Measured]]) -> list[dict[str, list[Measured]]]:
    """Put rows of as many dimensions together, those without a number in their name first."""
    groups: dict[int, dict[str, list[Measured]]] = {}
    for name, runs in measured.items():
        end = name.rpartition("_")[2]
        groups.setdefault(int(end) if end.isdigit() else 0, {})[name] = runs
    return [groups[d] for d in sorted(groups)]


def main() -> None:
    """Measure rows on folds and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--folds", nargs="+", type=int, choices=ALL_FOLDS, default=EVERYDAY_FOLDS)
    which.add_argument("--all-folds", action="store_true", help="0 to 9 instead of 0, 1, 2")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--beta", type=float, help="the same for all rows, instead of a choice")
    parser.add_argument("--output", type=Path, help="Markdown file whose section is replaced")
    arguments = parser.parse_args()
    folds = ALL_FOLDS if arguments.all_folds else arguments.folds
    betas = list(BETAS) if arguments.beta is None else [arguments.beta]
    warnings.simplefilter("ignore", DataWarning)
    measured: dict[str, list[Measured]] = {name: [] for name in arguments.rows}
    for fold in folds:
        corpus = cache(partial(load_fold, fold))
        for name in arguments.rows:
            for seed in arguments.seeds[:1] if name in WITHOUT_SEED else arguments.seeds:
                found = run(name, corpus, fold, seed, betas)
                measured[name].append(found)
                print(name, fold, seed, json.dumps(found.figures), file=sys.stderr, flush=True)
    given = shlex.join(sys.argv[1:])
    note = __doc__.split("\n\n", 2)[2]
    table = "\n\n".join(map(markdown, by_dimensions(measured)))
    text = f"Made by `python -m benchmarks hierarchy {given}`.\n\n{note}\n{table}\n"
    print(text)
    if arguments.output:
        figures = arguments.output.parent / "results" / "hierarchy.json"
        records = {name: [record(m) for m in runs] for name, runs in measured.items()}
        figures.write_text(json.dumps(records, indent=1) + "\n")
        text += f"\nFigures of single folds: `results/{figures.name}`.\n"
        replace_section(arguments.output, "hierarchy", "Hierarchy of meaning", text)
