import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm import Studies

VOCABULARY = ["fear", "memory", "rare", "working memory", "pain", "verbal working memory"]
N_TRAIN, N_TEST = 300, 40


def studies(counts, prefix):
    """Studies with two tables of two peaks each; every fourth has one."""
    random = np.random.default_rng(len(prefix))
    ids = [f"{prefix}{row}" for row in range(len(counts))]
    peaks = pd.DataFrame(random.uniform(-40, 40, size=(4 * len(ids), 3)), columns=["x", "y", "z"])
    peaks["id"] = np.repeat(ids, 4)
    several = np.arange(len(ids)) % 4 > 0
    peaks["table_id"] = np.where(np.repeat(several, 4), np.tile([1, 1, 2, 2], len(ids)), 1)
    return Studies(ids, peaks=peaks, counts=sparse.csr_matrix(counts), vocabulary=VOCABULARY)


def part(whole, counts):
    return Studies(whole.ids, peaks=whole.peaks, counts=counts, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def corpus():
    from benchmarks.hierarchy_measures.corpus import FoldCorpus

    random = np.random.default_rng(0)
    rates = [0.3, 0.5, 0.0, 0.5, 0.4, 0.2]
    train = studies(random.poisson(rates, size=(N_TRAIN, 6)), "train")
    test = studies(random.poisson(rates, size=(N_TEST, 6)), "test")
    keywords = random.binomial(test.counts.toarray().astype(int), 0.7)
    title = random.binomial(keywords, 0.6)
    abstract = test.counts.toarray() - keywords
    parts = {"title": title, "title and keywords": keywords, "abstract": abstract}
    return FoldCorpus(0, train, test, {name: part(test, c) for name, c in parts.items()})


def test_a_study_holds_the_parts_of_its_longer_terms():
    from benchmarks.hierarchy_measures.corpus import closed_occurrence

    counts = sparse.csr_matrix([[0, 0, 0, 0, 0, 2], [1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]])
    assert closed_occurrence(counts, VOCABULARY).toarray().astype(int).tolist() == [
        [0, 1, 0, 1, 0, 1],
        [1, 1, 0, 1, 0, 0],
        [0, 1, 0, 0, 0, 0],
    ]


def test_terms_are_those_written_in_three_studies_and_frequency_is_closed(corpus):
    assert corpus.terms == [term for term in VOCABULARY if term != "rare"]
    held = corpus.train.counts.toarray()[:, [1, 3, 5]].any(axis=1)
    memory = corpus.terms.index("memory")
    assert corpus.frequency[memory] == held.sum()
    assert corpus.information[memory] == pytest.approx(-np.log((held.sum() - 0.5) / N_TRAIN))
    assert corpus.test_occurrence.shape == corpus.title_occurrence.shape == (N_TEST, 5)


def test_parts_of_other_studies_are_refused(corpus):
    from benchmarks.hierarchy_measures.corpus import FoldCorpus

    with pytest.raises(ValueError, match="'title'"):
        FoldCorpus(0, corpus.train, corpus.test, {"title": corpus.train})


def test_each_nested_text_is_a_part_of_the_next_and_the_shortest_has_the_rarest_term(corpus):
    texts = list(corpus.nested_texts().values())
    counts = [text.counts.toarray() for text in texts]
    for shorter, longer in pairwise(counts):
        assert (shorter <= longer).all()
    n_terms = (counts[0] > 0).sum(axis=1)
    known = (counts[2][:, [0, 1, 3, 4, 5]] > 0).any(axis=1)
    np.testing.assert_array_equal(n_terms, known)
    assert ((counts[1] > 0).sum(axis=1) <= 3).all()
    for row in np.flatnonzero((counts[2] == 1).sum(axis=1) == (counts[2] > 0).sum(axis=1)):
        # Every count is 1: the term of highest TF-IDF is the rarest as it is written.
        written = (corpus.train.counts > 0).sum(axis=0).A1
        held = np.flatnonzero(counts[2][row])
        if len(held):
            assert counts[0][row].nonzero()[0] == held[written[held].argmin()]


def test_tables_are_parts_of_studies_that_have_two(corpus):
    from benchmarks.hierarchy_measures.corpus import tables_of

    tables = tables_of(corpus.test)
    owners, n_tables = np.unique(tables.groups, return_counts=True)
    assert (n_tables == 2).all()
    assert len(owners) == N_TEST * 3 // 4
    first = tables[[0]].peaks[["x", "y", "z"]].to_numpy()
    own = corpus.test.select(ids=[tables.groups[0]]).peaks
    expected = own[own["table_id"] == own["table_id"].iloc[0]][["x", "y", "z"]].to_numpy()
    np.testing.assert_array_equal(first, expected)


def test_counts_say_which_share_of_the_studies_with_b_holds_a(corpus):
    from benchmarks.hierarchy_measures.corpus import single_terms
    from benchmarks.hierarchy_measures.references import counts_rows

    row = next(counts_rows(corpus))
    held = corpus.train_occurrence.toarray()
    fear, memory, working, pain = (
        corpus.terms.index(term) for term in ("fear", "memory", "working memory", "pain")
    )
    log_p = row.log_p_terms(np.array([working, fear]))
    assert log_p[0, memory] == pytest.approx(0, abs=1e-6)
    assert np.exp(log_p[1, pain]) == pytest.approx(held[held[:, fear], pain].mean(), rel=1e-5)
    text = single_terms(["working memory"], VOCABULARY)
    np.testing.assert_allclose(row.log_p_texts(text)[0], log_p[0], rtol=1e-5)
    both = part(single_terms(["x"], ["x"]), [[1, 0, 0, 1, 0, 0]])
    expected = (np.exp(log_p[0]) + np.exp(log_p[1])) / 2
    np.testing.assert_allclose(np.exp(row.log_p_texts(both)[0]), expected, rtol=1e-5)


def test_directions_of_terms_with_the_same_company_agree():
    from benchmarks.hierarchy_measures.references import pmi_directions

    # Two topics of three terms each.
    occurrence = np.kron(np.eye(2), np.ones((20, 3)))
    directions = pmi_directions(occurrence.T @ occurrence, 40)
    cosine = directions @ directions.T
    # U S U' of 1 - I in three dimensions, whose eigenvalues are 2, -1 and -1, is (I + 1 / 3): 4 / 3
    # on the diagonal, 1 / 3 beside it.
    expected = np.kron(np.eye(2), 0.25 + 0.75 * np.eye(3))
    np.testing.assert_allclose(cosine, expected, atol=1e-6)


def taxonomy(corpus):
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of_pairs

    pairs = pd.DataFrame(
        [("memory", "working memory"), ("working memory", "verbal working memory")],
        columns=["general", "specific"],
    )
    return taxonomy_of_pairs("tiny", pairs, corpus.terms)


def full_row(corpus):
    """A row that gives everything: half the information as radius, probabilities by counts."""
    from dataclasses import replace

    from benchmarks.hierarchy_measures.references import counts_rows

    def text_radius(texts):
        held = corpus._closed(texts).toarray() * corpus.information
        return np.where(held.any(axis=1), held.sum(axis=1), np.nan)

    def activations(texts):
        n_peaks = texts.peak_counts[:, None] * np.ones((1, 4))
        return n_peaks * [1, 0.5, 0, 0]

    return replace(
        next(counts_rows(corpus)),
        text_radius=text_radius,
        activations=activations,
        map_radius=lambda activations: 20 - activations.sum(axis=1),
        broaden=lambda activations: activations + 0.5,
        log_p_maps=lambda activations: np.zeros((len(activations), len(corpus.terms))),
        walks=lambda texts: [["memory"], *[[]] * (len(texts) - 1)],
        similarity=lambda texts: np.random.default_rng(0).normal(size=(len(texts),) * 2),
    )


@pytest.fixture(scope="module")
def measured(corpus):
    from benchmarks.hierarchy_measures import suite

    with pytest.MonkeyPatch.context() as patch:
        # All maps of these studies have one extent, of which no two can be compared.
        patch.setattr(suite, "extent_order", lambda *arguments: math.nan)
        starts = {"titles": corpus.parts["title"]}
        whole = taxonomy(corpus)
        return suite.measure(full_row(corpus), corpus, [whole], starts, whole)


def test_the_suite_gives_the_figures_that_are_known_by_construction(measured):
    figures = measured.figures
    assert figures["parent nearer the root, tiny"] == 100
    assert figures["ancestor in first 10, tiny"] == 100
    # Both ancestors of "verbal working memory" are certain, and no other term is.
    assert figures["median rank of an ancestor, tiny"] == 1
    assert figures["children, tiny"] == 2
    # A text that holds more is further out, if what it adds is no part of what it held.
    assert figures["nested texts, steps"] > 70
    assert figures["network average nearer than map, share"] == 100
    assert figures["map nearer than its tables, share"] == 100
    assert figures["map nearer than its tables, n"] == 2 * N_TEST * 3 // 4
    assert 0 < figures["text nearer than its map, n"] <= N_TEST
    assert 0 < figures["calibration error, full texts"] < 1
    assert figures["decoding at 10, tiny, recall"] == 100
    assert figures["walks, titles, own, steps"] == 1 / N_TEST
    assert figures["walks, titles, own, different ends"] == 1
    assert measured.walks["titles, own"][0] == ["memory"]
    assert set(measured.seconds) == {
        "tiny",
        "texts",
        "maps",
        "calibration",
        "walks, titles",
        "decoding",
    }


def test_words_of_the_start_are_no_answer_of_a_walk(corpus):
    from benchmarks.hierarchy_measures.corpus import single_terms
    from benchmarks.hierarchy_measures.suite import Measured, measure_steps

    result = Measured("made up", 0, {})
    start = single_terms(["working memory"], VOCABULARY)
    walk = [corpus.terms.index("memory")]
    measure_steps(result, corpus, "terms", [walk], start, [taxonomy(corpus)])
    assert result.figures["walks, terms, tiny, recall"] == 100
    assert result.figures["walks, terms, tiny, precision"] == 100


def test_what_a_row_does_not_give_is_not_measured(corpus):
    from benchmarks.hierarchy_measures.rows import Row
    from benchmarks.hierarchy_measures.suite import measure

    zeros = np.zeros((5, 5))
    row = Row("bare", corpus.terms, corpus.information, lambda positions: zeros[positions])
    figures = measure(row, corpus, [taxonomy(corpus)], {"titles": corpus.test}).figures
    assert figures
    assert all("tiny" in name for name in figures)


def test_measurements_survive_json(measured):
    from benchmarks.hierarchy_measures.suite import Measured

    again = Measured.from_dict(json.loads(json.dumps(measured.to_dict())))
    assert again.title == "counts"
    assert str(again.figures) == str(measured.figures)  # NaN is not itself
    assert again.walks == measured.walks
    for name, values in measured.units.items():
        np.testing.assert_array_equal(again.units[name], values)
        assert [str(unit) for unit in values.index] == list(again.units[name].index)
    for name, pairs in measured.pairs.items():
        pd.testing.assert_frame_equal(again.pairs[name], pairs)


def test_beta_and_setting_are_those_that_find_most_ancestors(corpus):
    from dataclasses import replace

    from benchmarks.hierarchy_measures.references import counts_rows
    from benchmarks.hierarchy_measures.suite import choose

    blind = replace(
        next(counts_rows(corpus)), title="blind", log_p_terms=lambda p: np.zeros((len(p), 5))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.hierarchy_measures.suite.K", 1)
        chosen = choose(iter([blind, next(counts_rows(corpus))]), taxonomy(corpus), corpus)
    assert (chosen.title, chosen.beta) == ("counts", 0.0)
    with pytest.raises(ValueError, match="tiny"):
        choose([], taxonomy(corpus), corpus)


def test_a_row_compared_with_itself_differs_by_nothing(measured):
    from benchmarks.hierarchy_measures.suite import compare

    differences = compare([measured, measured], [measured, measured])
    assert set(measured.units) < set(differences)
    assert any(name.startswith("AUC") for name in differences)
    for name, found in differences.items():
        if not np.isnan(found["mean"]):
            assert (found["mean"], found["low"], found["high"]) == (0, 0, 0), name


def test_rows_on_different_folds_are_not_compared(measured):
    from dataclasses import replace

    from benchmarks.hierarchy_measures.suite import compare

    with pytest.raises(ValueError, match="folds"):
        compare([measured], [replace(measured, fold=1)])


def test_the_report_has_every_figure_of_every_row(measured):
    from dataclasses import replace

    from benchmarks.hierarchy_measures.report import markdown

    def shifted(by, fold, title):
        figures = {name: value + by for name, value in measured.figures.items()}
        return replace(measured, title=title, fold=fold, figures=figures)

    rows = {
        "counts": [shifted(0, fold, "counts") for fold in (0, 1)],
        # Two seeds on each fold, whose means are 1 and 3.
        "other": [shifted(by, fold, "other") for by, fold in ((0, 0), (2, 0), (2, 1), (4, 1))],
    }
    table, differences = markdown(rows).split("\n\n")
    names = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:] if line]
    assert names == ["chosen, by fold", *measured.figures]
    assert "| ancestor in first 10, tiny | 100.0 ± 0.0 | 102.0 ± 1.4 |" in table
    assert "| children, tiny | 2 ± 0 | 4 ± 1 |" in table
    assert differences.startswith("| minus counts | other |")
    # The units are the same.
    assert "| ancestor in first 10, tiny | +0.0 [+0.0, +0.0] (2) |" in differences
    # 2 +- 12.706 * sqrt(2) / sqrt(2), t of 0.975 at one degree of freedom; it has no units.
    assert "| nested texts, steps | +2.0 [-10.7, +14.7] |" in differences


def test_rows_are_compared_within_their_dimension(measured):
    from benchmarks.quality.hierarchy import by_dimensions

    names = ["hyperbolic_8", "hyperbolic_512", "ours", "flat_8", "flat_512"]
    groups = by_dimensions({name: [measured] for name in names})
    assert list(map(list, groups)) == [
        ["ours"],
        ["hyperbolic_8", "flat_8"],
        ["hyperbolic_512", "flat_512"],
    ]
