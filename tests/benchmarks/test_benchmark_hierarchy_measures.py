import numpy as np
import pandas as pd
import pytest
from scipy import sparse

TERMS = ["brain", "memory", "working memory", "fear"]


def bools(rows):
    return sparse.csr_matrix(np.array(rows, dtype=bool))


# working memory < memory < brain, fear < brain
CLOSURE = bools([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]])


def test_chains_count_the_steps_that_add_something_to_a_known_text():
    from benchmarks.hierarchy_measures.nested import chain_order

    radii = np.array([[1, 2, 3], [1, 2, 1.5], [np.nan, 1, 2], [2, 2, 2], [1, 1, 2]])
    changed = np.array([[1, 1], [1, 1], [1, 1], [0, 0], [1, 1]], dtype=bool)
    order = chain_order(radii, changed)
    # Grown: both; the first; the second; no step at all; the second, as equal radii do not grow.
    assert order["n_steps"] == 7
    assert order["steps"] == pytest.approx(100 * 5 / 7)
    assert order["n_chains"] == 4
    assert order["chains"] == 50


def test_pairs_of_radii_count_where_both_are_known_and_ties_against():
    from benchmarks.hierarchy_measures.nested import nearer

    inner, outer = np.array([1, 2, 3, np.nan]), np.array([2, 2, 4, 1])
    order = nearer(inner, outer)
    assert order["n"] == 3
    assert order["share"] == pytest.approx(200 / 3)


def test_parts_find_their_whole_by_its_id():
    from benchmarks.hierarchy_measures.nested import part_order

    order = part_order(np.array([5, 1]), ["b", "a"], np.array([2, 6, 4]), ["a", "b", "b"])
    assert order == {"share": pytest.approx(200 / 3), "n": 3}
    with pytest.raises(ValueError, match="'c'"):
        part_order(np.array([5, 1]), ["b", "a"], np.array([2]), ["c"])


def test_hierarchical_precision_and_recall_of_sets_closed_upward():
    from benchmarks.hierarchy_measures.closed_sets import overlap, precision_recall

    found, true = bools([[0, 0, 1, 0]]), bools([[0, 0, 0, 1]])
    counts = overlap(found, true, CLOSURE)
    # {working memory, memory, brain} against {fear, brain}.
    assert counts.iloc[0].to_dict() == {"common": 1, "found": 3, "true": 2}
    assert precision_recall(counts) == {
        "precision": pytest.approx(100 / 3),
        "recall": 50,
        "F": 40,
    }


def test_the_start_of_a_walk_counts_neither_as_found_nor_as_true():
    from benchmarks.hierarchy_measures.closed_sets import overlap

    start = bools([[0, 0, 1, 0]])
    counts = overlap(bools([[0, 1, 1, 0]]), start, CLOSURE, without=start)
    assert counts.iloc[0].to_dict() == {"common": 2, "found": 2, "true": 2}


def test_sets_are_pooled_and_can_be_weighted():
    from benchmarks.hierarchy_measures.closed_sets import precision_recall

    counts = pd.DataFrame({"common": [1.0, 0], "found": [1.0, 3], "true": [2.0, 2]})
    assert precision_recall(counts)["precision"] == 25
    assert precision_recall(counts, np.array([1.0, 0]))["precision"] == 100
    assert np.isnan(precision_recall(counts.iloc[:0])["F"])


def test_terms_outside_the_ontology_do_not_count():
    from benchmarks.hierarchy_measures.closed_sets import close_upward, top_concepts

    closure = bools([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert close_upward(bools([[0, 1, 1, 1]]), closure).tolist() == [[True, True, False, False]]
    top = top_concepts(np.array([[0.1, 0.5, 9.0, 8.0]]), closure, k=1)
    assert top.toarray().tolist() == [[False, True, False, False]]


def climbing_row(beta=0.5):
    """Fear tells nothing; working memory tells memory, which tells brain."""
    from benchmarks.hierarchy_measures.rows import Row

    information = np.array([0.2, 1.6, 3.2, 3.0])
    share = np.exp(-np.tile(information, (4, 1)))
    share[1, 0] = share[2, 0] = 0.95
    share[2, 1] = 1.0
    share[1, 2] = np.exp(-1.6)
    log_p = np.log(share)
    row = Row("made up", TERMS, information / 2, lambda positions: log_p[positions], beta)
    return row, log_p, information


def test_walks_go_from_specific_to_general_by_what_the_text_and_the_last_step_tell():
    from benchmarks.hierarchy_measures.walks import climb

    row, log_p, information = climbing_row()
    everything = np.ones(4, dtype=bool)
    text = log_p[2].copy()
    text[2] = 0.0
    steps = climb(row, text, 1.7, everything, information)
    assert [TERMS[step] for step in steps] == ["working memory", "memory", "brain"]
    without = everything.copy()
    without[1] = False
    assert [TERMS[step] for step in climb(row, text, 1.7, without, information)] == [
        "working memory",
        "brain",
    ]


def test_walks_skip_what_is_not_told_and_have_no_step_from_the_root():
    from benchmarks.hierarchy_measures.walks import climb

    row, log_p, information = climbing_row()
    everything = np.ones(4, dtype=bool)
    independent = -information  # lift 0 of every term
    assert climb(row, independent, 1.7, everything, information) == []
    assert climb(row, log_p[2], 0.05, everything, information) == []
    assert climb(row, log_p[2], np.nan, everything, information) == []
    assert climb(row, log_p[2], 1.7, ~everything, information) == []


def test_steps_are_told_by_the_text_and_by_the_step_before():
    from benchmarks.hierarchy_measures.walks import climb

    row, log_p, information = climbing_row()
    everything = np.ones(4, dtype=bool)
    text = log_p[2].copy()
    text[0] = -information[0]  # memory tells brain, but the text does not
    assert climb(row, text, 1.6, everything, information) == [1]
    log_p[1, 0] = -information[0]  # the text tells brain, but memory does not
    assert climb(row, log_p[2], 1.6, everything, information) == [1]


def test_a_term_at_the_root_is_the_last_step():
    from dataclasses import replace

    from benchmarks.hierarchy_measures.walks import climb

    row, log_p, information = climbing_row()
    row = replace(row, radius=np.array([0, 0.8, 1.6, 1.5]))
    steps = climb(row, log_p[2], 1.6, np.ones(4, dtype=bool), information)
    assert [TERMS[step] for step in steps] == ["memory", "brain"]


def test_content_terms_are_frequent_stand_alone_and_are_about_something():
    from benchmarks.hierarchy_measures.walks import content_terms

    frequency = np.array([100, 100, 100, 20, 100, 100, 100])
    alone = np.array([90, 90, 30, 20, 90, 90, 90])
    concentration = np.array([0.9, 0.1, 0.95, 0.93, 0.5, 0.3, 0.2])
    # The third stands mostly in longer terms, the fourth is rare, the others are about nothing.
    found = content_terms(frequency, alone, concentration)
    assert found.tolist() == [True] + [False] * 6
    assert content_terms(frequency, frequency, concentration)[2]
    assert content_terms(frequency + 10, alone + 10, concentration)[3]


def test_terms_with_company_of_their_own_are_concentrated():
    from benchmarks.hierarchy_measures.walks import topical_concentration

    occurrence = bools([[1, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]])
    concentration = topical_concentration(occurrence)
    # Base (4, 2, 2, 2) / 10; near the last (2, 0, 0, 2) / 4.
    assert concentration[3] == pytest.approx(0.5 * np.log(0.5 / 0.4) + 0.5 * np.log(0.5 / 0.2))
    assert concentration[0] == pytest.approx(0)
    assert concentration[1] < concentration[3]


def test_lift_is_in_bits_with_one_imagined_study():
    from benchmarks.hierarchy_measures.walks import step_lifts

    occurrence = bools([[0, 1, 1, 0]] * 3 + [[0, 0, 0, 1]] * 4)
    starts = bools([[0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]])
    lifts = step_lifts([[1, 3], [1], [1]], starts, occurrence)
    base = 3.5 / 8
    one = np.log2((3 + base) / 4 / base)
    other = np.log2((0 + base) / 5 / base)
    assert lifts[0][0] == pytest.approx(one)
    assert lifts[0][1] < 0
    np.testing.assert_allclose(lifts[1], [(one + other) / 2])
    assert len(lifts[2]) == 0


def test_the_table_of_walks():
    from benchmarks.hierarchy_measures.walks import different_ends, walk_table

    walks = [[2, 1, 0], [2, 3, 2], [1], []]
    lifts = [np.array([3.0, 2, 1]), np.array([1.0, 1, 1]), np.array([5.0]), np.empty(0)]
    table = walk_table(walks, lifts, np.array([900, 100, 10, 20]), list("abcd"))
    assert table["steps"].tolist() == [3, 3, 1, 0]
    assert table.loc["a", "distinct"] == 100
    assert table.loc["b", "distinct"] == pytest.approx(200 / 3)
    assert table.loc["a", "upward"] == 100
    assert table.loc["b", "upward"] == 0
    assert table.loc[["c", "d"], "upward"].isna().all()
    assert table.loc["a", ["first", "middle", "last"]].tolist() == [3, 2, 1]
    assert different_ends(walks) == 3


def test_calibration_of_true_probabilities_is_near_perfect_and_of_doubled_ones_is_not():
    from benchmarks.hierarchy_measures.probability import calibration

    random = np.random.default_rng(0)
    p = random.uniform(0, 0.5, size=(400, 100))
    occurrence = sparse.csr_matrix(random.uniform(size=p.shape) < p)
    base = np.full(100, 0.25)
    right = calibration(np.log(p), occurrence, base)
    assert len(right.table) == 20
    assert right.table["n"].sum() == 40_000
    assert right.expected_error < 0.02
    assert right.brier == pytest.approx(np.mean(p * (1 - p)), abs=0.005)
    assert right.brier_of_base_rates == pytest.approx(0.25 * 0.75, abs=0.005)
    wrong = calibration(np.log(2 * p), occurrence, base)
    assert wrong.expected_error == pytest.approx(0.25, abs=0.02)


def test_calibration_by_hand_leaves_out_unknown_texts():
    from benchmarks.hierarchy_measures.probability import calibration

    log_p = np.log([[0.5, 0.5], [np.nan, np.nan], [1.0, 0.5]])
    found = calibration(log_p, bools([[1, 0], [1, 1], [1, 1]]), np.array([0.5, 0.5]), n_bins=1)
    assert found.table.iloc[0].to_dict() == {"n": 4, "predicted": 0.625, "observed": 0.75}
    assert found.expected_error == 0.125
    assert found.brier == pytest.approx((0.25 * 3 + 0) / 4)


def test_ranks_of_own_maps_count_ties_against():
    from benchmarks.hierarchy_measures.probability import own_map_ranks, radius_and_error

    similarity = np.array([[3.0, 1, 1], [2, 2, 1], [3, 2, 1]])
    assert own_map_ranks(similarity).tolist() == [1, 2, 3]
    assert radius_and_error(np.array([3.0, 2, 1]), similarity) == pytest.approx(-1)
    assert radius_and_error(np.array([np.nan, 2, 1]), similarity) == pytest.approx(-1)


def test_intervals_are_paired_by_the_name_of_the_unit():
    from benchmarks.hierarchy_measures.intervals import over_runs, paired_means

    names = [f"term {i}" for i in range(50)]
    base = pd.Series(np.random.default_rng(0).normal(size=50), index=names)
    noise = 0.1 * np.random.default_rng(1).normal(size=50)
    found = paired_means(base + 1 + noise, base.sample(frac=1, random_state=0))
    assert found["mean"] == pytest.approx(1 + noise.mean())
    # 1.96 standard errors of the differences, not of the values.
    half_width = 1.96 * noise.std() / np.sqrt(50)
    assert found["high"] - found["low"] == pytest.approx(2 * half_width, rel=0.2)
    assert found["n"] == 50
    with pytest.raises(ValueError, match="same units"):
        paired_means(base, base.iloc[1:])
    assert over_runs([base, base + 2])["term 3"] == pytest.approx(base["term 3"] + 1)


def test_units_are_drawn_with_all_their_entries():
    from benchmarks.hierarchy_measures.intervals import paired_statistics

    # A thousand entries of two units: the interval is as wide as that of two numbers.
    table = pd.DataFrame({"child": ["a"] * 500 + ["b"] * 500, "score": [0.0] * 500 + [1.0] * 500})

    def prepare(entries):
        return lambda weight: np.array([np.average(entries["score"], weights=weight), 1.0])

    found, constant = paired_statistics(prepare, [table], [table.assign(score=0.0)], "child")
    assert constant == {"mean": 0, "low": 0, "high": 0, "n": 2}
    assert (found["mean"], found["low"], found["high"], found["n"]) == (0.5, 0, 1, 2)
    # Runs of a side are averaged, and may be more on one side, in any order.
    runs = [table[::-1], table.assign(score=2 * table["score"])]
    found, _ = paired_statistics(prepare, runs, [table], "child")
    assert (found["mean"], found["low"], found["high"]) == (0.25, 0, 0.5)
    with pytest.raises(ValueError, match="same units"):
        paired_statistics(prepare, [table], [table[:500]], "child")
