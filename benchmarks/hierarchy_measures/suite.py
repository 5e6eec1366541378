"""All measures of one row on one fold, and what two rows differ by."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.hierarchy_measures.closed_sets import (
    f_of_each,
    indicator,
    overlap,
    precision_recall,
    top_concepts,
)
from benchmarks.hierarchy_measures.corpus import LEVELS, FoldCorpus, tables_of
from benchmarks.hierarchy_measures.edges import (
    ancestor_ranks,
    direction,
    discrimination,
    hits,
    labelled_pairs,
)
from benchmarks.hierarchy_measures.intervals import (
    Interval,
    over_runs,
    paired_means,
    paired_statistics,
)
from benchmarks.hierarchy_measures.nested import MIN_DIFFERENCE, chain_order, nearer, part_order
from benchmarks.hierarchy_measures.probability import calibration, radius_and_error
from benchmarks.hierarchy_measures.rows import Row
from benchmarks.hierarchy_measures.taxonomies import KINDS, Taxonomy
from benchmarks.hierarchy_measures.walks import (
    climb,
    different_ends,
    step_lifts,
    walk_table,
)
from sklearn_mnm.brain.features import relative_extent
from sklearn_mnm.metrics import extent_order

# Weights of the information that are tried on the validation half.
BETAS = (0.0, 0.1, 0.25, 0.35, 0.5, 0.75, 1.0)
K = 10
CURVES = ("AUC", "AP")


@dataclass
class Measured:
    """What the measures gave for a row on a fold.

    Attributes
    ----------
    title : str
        Of the row.
    fold : int
    chosen : dict of str to float
        Beta, and what else was chosen for the row.
    figures : dict of str to float
        By name, ``"measure, setting"``.
    units : dict of str to Series
        Values whose mean is a figure, by child, study or walk: they pair two rows.
    pairs : dict of str to DataFrame
        Scored pairs of terms, by taxonomy and kind of negatives.
    reliability : dict of str to DataFrame
        Bins of the calibration, by kind of text.
    walks : dict of str to list of list of str
        Steps of each walk, by the set of the starts.
    seconds : dict of str to float
        What each group of measures took.
    """

    title: str
    fold: int
    chosen: dict[str, float]
    figures: dict[str, float] = field(default_factory=dict)
    units: dict[str, pd.Series] = field(default_factory=dict)
    pairs: dict[str, pd.DataFrame] = field(default_factory=dict)
    reliability: dict[str, pd.DataFrame] = field(default_factory=dict)
    walks: dict[str, list[list[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        content = dict(vars(self))
        for part in ("units", "pairs", "reliability"):
            content[part] = {
                name: values.to_dict() if part == "units" else values.to_dict("list")
                for name, values in content[part].items()
            }
        return content

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Measured":
        """Make it again of what `to_dict` gave."""
        tables = {
            part: {name: pd.DataFrame(values) for name, values in content[part].items()}
            for part in ("pairs", "reliability")
        }
        units = {name: pd.Series(values, dtype=float) for name, values in content["units"].items()}
        return cls(**{**content, **tables, "units": units})

    def add(self, name: str, values: pd.Series) -> None:
        """Keep values by unit, and their mean as a figure."""
        self.units[name] = values
        self.figures[name] = float(values.mean())


def choose(
    rows: Iterable[Row],
    taxonomy: Taxonomy,
    corpus: FoldCorpus,
    betas: Sequence[float] = BETAS,
) -> Row:
    """Choose a row and its beta by the share of children with a true ancestor in the first ten.

    Parameters
    ----------
    rows : iterable of Row
        Settings of one model; taken one by one, so that a generator need not hold all.
    taxonomy : Taxonomy
        Its validation half, see `Taxonomy.half`.
    corpus : FoldCorpus
    betas : sequence of float, default=BETAS

    Returns
    -------
    row : Row
        Aligned with the terms of the corpus, with the best of the betas; the first of equals.

    Raises
    ------
    ValueError
        If there is no row, or the half has no child.
    """
    best, best_share = None, -np.inf
    for row in rows:
        for beta in betas:
            tried = replace(row.align(corpus.terms), beta=beta)
            share = hits(ancestor_ranks(tried, taxonomy, corpus.information), K).mean()
            if share > best_share:
                best, best_share = tried, share
    if best is None:
        raise ValueError(f"{taxonomy.name}: no row, or no child to choose by.")
    return best


def measure(
    row: Row,
    corpus: FoldCorpus,
    taxonomies: Sequence[Taxonomy],
    starts: Mapping[str, Any] | None = None,
    decoded: Taxonomy | None = None,
) -> Measured:
    """Take all measures for which the row gives what they need.

    Parameters
    ----------
    row : Row
        Any order of terms.
    corpus : FoldCorpus
    taxonomies : sequence of Taxonomy
        Over the terms of the corpus, cut to the half that is reported.
    starts : mapping of str to Studies, optional
        Texts from which to walk, by name of the set; ids name the walks.
    decoded : Taxonomy, optional
        Into whose concepts maps are decoded.

    Returns
    -------
    measured : Measured
    """
    row = row.align(corpus.terms)
    result = Measured(row.title, corpus.fold, {"beta": row.beta, **row.chosen})

    def timed(name: str, function: Callable, *arguments: Any) -> None:
        start = time.perf_counter()
        function(result, row, corpus, *arguments)
        result.seconds[name] = time.perf_counter() - start

    for taxonomy in taxonomies:
        timed(taxonomy.name, measure_edges, taxonomy)
    timed("texts", measure_texts)
    timed("maps", measure_maps)
    timed("calibration", measure_calibration)
    for name, texts in (starts or {}).items():
        timed(f"walks, {name}", measure_walks, name, texts, taxonomies)
    if decoded is not None:
        timed("decoding", measure_decoding, decoded)
    return result


def measure_edges(result: Measured, row: Row, corpus: FoldCorpus, taxonomy: Taxonomy) -> None:
    """Measure direction, discrimination from three kinds of negatives, and ranks of ancestors."""
    name = taxonomy.name
    result.add(f"parent nearer the root, {name}", direction(row.radius, taxonomy, row.terms))
    for kind in KINDS:
        pairs = labelled_pairs(kind, row, taxonomy, corpus.frequency, corpus.information)
        if pairs["is_edge"].nunique() < 2:
            continue
        result.pairs[f"{name}, {kind}"] = pairs
        for curve, area in zip(CURVES, discrimination(pairs)(np.ones(len(pairs))), strict=True):
            result.figures[f"{curve}, {name}, {kind}"] = float(area)
        result.figures[f"chance AP, {name}, {kind}"] = 100 * float(pairs["is_edge"].mean())
        result.figures[f"edges, {name}, {kind}"] = int(pairs["is_edge"].sum())
    ranks = ancestor_ranks(row, taxonomy, corpus.information)
    result.add(f"ancestor in first {K}, {name}", hits(ranks, K))
    result.figures[f"median rank of an ancestor, {name}"] = float(ranks.median())
    result.figures[f"children, {name}"] = len(ranks)


def measure_texts(result: Measured, row: Row, corpus: FoldCorpus) -> None:
    """Measure the order of nested texts, and titles against abstracts."""
    if row.text_radius is None:
        return
    texts = corpus.nested_texts()
    radii = np.column_stack([row.text_radius(texts[level]) for level in LEVELS])
    counts = [texts[level].counts[:, corpus.kept] for level in LEVELS]
    changed = np.column_stack(
        [np.asarray((one != other).sum(axis=1)).ravel() > 0 for one, other in pairwise(counts)]
    )
    for name, value in chain_order(radii, changed).items():
        result.figures[f"nested texts, {name}"] = value
    titles = row.text_radius(corpus.parts["title"])
    abstracts = row.text_radius(corpus.parts["abstract"])
    for name, value in nearer(titles, abstracts).items():
        result.figures[f"title nearer than abstract, {name}"] = value


def measure_maps(result: Measured, row: Row, corpus: FoldCorpus) -> None:
    """Measure the order of network averages, maps and tables, of texts and maps, and retrieval."""
    if row.activations is not None and row.map_radius is not None:
        activations = row.activations(corpus.test)
        radius = row.map_radius(activations)
        orders = {}
        if row.broaden is not None:
            broad = row.map_radius(row.broaden(activations))
            orders["network average nearer than map"] = nearer(broad, radius)
        share = extent_order(radius, relative_extent(activations), MIN_DIFFERENCE)
        result.figures["broad map nearer than focal"] = share
        tables = tables_of(corpus.test)
        parts = row.map_radius(row.activations(tables))
        orders["map nearer than its tables"] = part_order(
            radius, corpus.test.ids, parts, tables.groups
        )
        if row.text_radius is not None:
            orders["text nearer than its map"] = nearer(row.text_radius(corpus.test), radius)
        for name, order in orders.items():
            for part, value in order.items():
                result.figures[f"{name}, {part}"] = value
    if row.similarity is not None and row.text_radius is not None:
        radii = row.text_radius(corpus.test)
        correlation = radius_and_error(radii, row.similarity(corpus.test))
        result.figures["correlation of text radius and rank of the own map"] = correlation


def measure_calibration(result: Measured, row: Row, corpus: FoldCorpus) -> None:
    """Measure the calibration of P(a | x) for held-out full texts and titles."""
    if row.log_p_texts is None or not row.has_probabilities:
        return
    base_rates = corpus.frequency / len(corpus.train)
    titles = corpus.parts["title"]
    for name, texts, occurrence in (
        ("full texts", corpus.test, corpus.test_occurrence),
        ("full texts given titles", titles, corpus.test_occurrence),
        ("titles", titles, corpus.title_occurrence),
    ):
        found = calibration(row.log_p_texts(texts), occurrence, base_rates)
        result.reliability[name] = found.table
        result.figures[f"calibration error, {name}"] = found.expected_error
        result.figures[f"Brier, {name}"] = found.brier
        # Base rates of full texts are none of titles.
        if occurrence is corpus.test_occurrence:
            result.figures[f"Brier of base rates, {name}"] = found.brier_of_base_rates


def measure_walks(
    result: Measured,
    row: Row,
    corpus: FoldCorpus,
    name: str,
    texts: Any,
    taxonomies: Sequence[Taxonomy],
) -> None:
    """Walk from texts to the root by the rule of all rows, and by the row's own, if it has one."""
    starts = corpus.written(texts)
    if row.log_p_texts is not None and row.text_radius is not None:
        log_p, radii = row.log_p_texts(texts), row.text_radius(texts)
        walks = [
            climb(row, log_p[i], radii[i], corpus.content, corpus.information)
            if starts[i].nnz
            else []
            for i in range(len(texts))
        ]
        measure_steps(result, corpus, name, walks, texts, taxonomies)
    if row.walks is not None:
        place = {term: position for position, term in enumerate(corpus.terms)}
        walks = [[place[term] for term in walk] for walk in row.walks(texts)]
        measure_steps(result, corpus, f"{name}, own", walks, texts, taxonomies)


def measure_steps(
    result: Measured,
    corpus: FoldCorpus,
    name: str,
    walks: Sequence[Sequence[int]],
    texts: Any,
    taxonomies: Sequence[Taxonomy],
) -> None:
    """Measure the steps of walks from texts, however they were made."""
    starts = corpus.written(texts)
    lifts = step_lifts(walks, starts, corpus.test_occurrence)
    table = walk_table(walks, lifts, corpus.frequency, [str(i) for i in texts.ids])
    for column in table:
        result.add(f"walks, {name}, {column}", table[column])
    result.figures[f"walks, {name}, different ends"] = float(different_ends(walks))
    met = indicator(walks, len(corpus.terms))
    # Parts of one ontology have one closure.
    for taxonomy in {id(t.closure): t for t in reversed(taxonomies)}.values():
        counts = overlap(met, starts, taxonomy.closure, without=starts)
        counts.index = table.index
        for part, value in precision_recall(counts).items():
            result.figures[f"walks, {name}, {taxonomy.name}, {part}"] = value
        result.add(f"walks, {name}, {taxonomy.name}, F of each walk", f_of_each(counts))
    result.walks[name] = [[corpus.terms[step] for step in walk] for walk in walks]


def measure_decoding(result: Measured, row: Row, corpus: FoldCorpus, taxonomy: Taxonomy) -> None:
    """Decode held-out maps into the concepts of an ontology, against those of their texts."""
    if row.log_p_maps is None or row.activations is None:
        return
    log_p = row.log_p_maps(row.activations(corpus.test))
    scores = log_p + row.beta * corpus.information
    top = top_concepts(scores, taxonomy.closure, K)
    counts = overlap(top, corpus.test_occurrence, taxonomy.closure)
    for part, value in precision_recall(counts).items():
        result.figures[f"decoding at {K}, {taxonomy.name}, {part}"] = value
    counts.index = pd.Index(corpus.test.ids)
    result.add(f"decoding at {K}, {taxonomy.name}, F of each map", f_of_each(counts))


def compare(one: Sequence[Measured], other: Sequence[Measured]) -> dict[str, Interval]:
    """Differences of two rows, one minus other, with paired 95 % intervals over units.

    Parameters
    ----------
    one, other : sequence of Measured
        Runs of the two rows on the same folds, with any number of seeds.

    Returns
    -------
    differences : dict of str to dict
        By the name of the figure, see :func:`~hierarchy_measures.intervals.paired_means`. The units
        are children, studies or walks; what a unit has in several runs is averaged first. Only
        what both rows have is compared.

    Raises
    ------
    ValueError
        If the folds are not the same.
    """
    if {m.fold for m in one} != {m.fold for m in other}:
        raise ValueError("one and other: must be measured on the same folds.")
    differences = {}
    for name in one[0].units.keys() & other[0].units.keys():
        means = [over_runs([m.units[name] for m in runs]) for runs in (one, other)]
        differences[name] = paired_means(*means)
    for name in one[0].pairs.keys() & other[0].pairs.keys():
        tables = [[m.pairs[name] for m in runs] for runs in (one, other)]
        found = paired_statistics(discrimination, *tables, "child")
        differences |= {f"{curve}, {name}": f for curve, f in zip(CURVES, found, strict=True)}
    return dict(sorted(differences.items()))
