import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm.exceptions import DataWarning

TERMS = ["brain", "memory", "working memory", "verbal memory", "fear", "emotion", "pain", "noise"]
PLACE = {term: position for position, term in enumerate(TERMS)}
PAIRS = pd.DataFrame(
    [
        ("brain", "memory"),
        ("memory", "working memory"),
        ("memory", "verbal memory"),
        ("emotion", "fear"),
    ],
    columns=["general", "specific"],
)
FREQUENCY = np.array([900, 100, 40, 10, 60, 110, 90, 420])
INFORMATION = -np.log((FREQUENCY - 0.5) / 1000)


@pytest.fixture
def taxonomy():
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of_pairs

    return taxonomy_of_pairs("tiny", PAIRS, TERMS)


def row_of(log_p, beta=0.0):
    from benchmarks.hierarchy_measures.rows import Row

    return Row("made up", TERMS, INFORMATION / 2, lambda positions: log_p[positions], beta)


def named(pairs):
    return {tuple(TERMS[p] for p in pair) for pair in pairs}


def test_the_closure_of_pairs_goes_all_the_way_up(taxonomy):
    assert named(zip(*taxonomy.closure.nonzero(), strict=True)) == {
        ("memory", "brain"),
        ("working memory", "memory"),
        ("working memory", "brain"),
        ("verbal memory", "memory"),
        ("verbal memory", "brain"),
        ("fear", "emotion"),
    }
    assert len(taxonomy.pairs[0]) == 4


def test_pairs_with_unknown_terms_are_left_out_and_counted():
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of_pairs

    pairs = pd.DataFrame({"general": ["memory", "sleep"], "specific": ["working memory", "dream"]})
    with pytest.warns(DataWarning, match="1 of 2 pairs"):
        assert taxonomy_of_pairs("tiny", pairs, TERMS).edges.nnz == 1


def test_halves_split_the_children_and_share_the_closure(taxonomy):
    from benchmarks.hierarchy_measures.taxonomies import half_of

    halves = {which: taxonomy.half(TERMS, which) for which in ("validation", "test")}
    for which, half in halves.items():
        assert all(half_of(TERMS[child]) == which for child in half.pairs[0])
        assert half.closure.nnz == taxonomy.closure.nnz
    assert sum(half.edges.nnz for half in halves.values()) == taxonomy.edges.nnz


def test_textbook_pairs_are_pairs_of_different_terms_each_once():
    from benchmarks.hierarchy_measures.taxonomies import textbook_pairs

    pairs = textbook_pairs()
    assert len(pairs) >= 60
    assert not pairs.duplicated().any()
    assert (pairs["general"] != pairs["specific"]).all()
    reversed_pairs = set(zip(pairs["specific"], pairs["general"], strict=True))
    assert not reversed_pairs & set(zip(pairs["general"], pairs["specific"], strict=True))


def test_terms_of_an_ontology_are_parents_and_ancestors_by_their_steps():
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of
    from sklearn_mnm.text import Ontology

    table = PAIRS.rename(columns={"specific": "child", "general": "parent"})
    found = taxonomy_of("tiny", Ontology.from_frame(table), TERMS, ancestor_steps=1)
    assert found.edges.nnz == found.ancestors.nnz == 4
    assert found.closure.nnz == 6


def test_terms_of_a_circle_are_not_judged_as_parents_of_each_other():
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of
    from sklearn_mnm.text import Ontology

    names = ["memory", "working memory", "brain"]
    terms = pd.DataFrame({"id": names, "name": names, "definition": "", "kind": ""})
    terms["aliases"] = [()] * 3
    links = [("memory", "working memory"), ("working memory", "memory"), ("memory", "brain")]
    relations = pd.DataFrame(links, columns=["child", "parent"]).assign(relation="kind_of")
    found = taxonomy_of("circle", Ontology(terms, relations), TERMS)
    assert named(zip(*found.pairs, strict=True)) == {("memory", "brain")}
    assert named(zip(*found.ancestors.nonzero(), strict=True)) == {
        ("memory", "brain"),
        ("working memory", "brain"),
    }


def test_united_taxonomies_hold_the_edges_of_both(taxonomy):
    from benchmarks.hierarchy_measures.taxonomies import general_specific, taxonomy_of_pairs

    other = taxonomy_of_pairs(
        "other", pd.DataFrame({"general": ["brain"], "specific": ["pain"]}), TERMS
    )
    united = general_specific([taxonomy, other])
    assert united.edges.nnz == 5
    assert united.edges[PLACE["pain"], PLACE["brain"]]


def test_negatives_of_one_frequency_are_the_nearest_unrelated_terms(taxonomy):
    from benchmarks.hierarchy_measures.taxonomies import negatives

    pairs = negatives("same frequency", taxonomy, FREQUENCY)
    assert (pairs["child"] == pairs["query"]).all()
    found = named(zip(pairs["child"], pairs["candidate"], strict=True))
    # Within a factor of 2 of memory (100): emotion 110, pain 90, fear 60; of emotion (110): memory
    # and pain; of brain (900): none, as noise has 420.
    assert found == {
        *(
            (child, other)
            for child in ("working memory", "verbal memory")
            for other in ("emotion", "pain", "fear")
        ),
        ("fear", "memory"),
        ("fear", "pain"),
    }


def test_negatives_among_siblings_and_reversed_edges(taxonomy):
    from benchmarks.hierarchy_measures.taxonomies import negatives

    pairs = negatives("siblings", taxonomy, FREQUENCY)
    assert named(zip(pairs["query"], pairs["candidate"], strict=True)) == {
        ("working memory", "verbal memory"),
        ("verbal memory", "working memory"),
    }
    pairs = negatives("reversed", taxonomy, FREQUENCY)
    assert (pairs["child"] == pairs["candidate"]).all()
    assert ("memory", "working memory") in named(
        zip(pairs["query"], pairs["candidate"], strict=True)
    )
    assert len(pairs) == 4


def test_direction_counts_ties_half_and_averages_the_parents_of_a_child(taxonomy):
    from benchmarks.hierarchy_measures.edges import direction

    radius = np.array([1.0, 2, 3, 2, 1, 4, 0, 0])
    share = direction(radius, taxonomy, TERMS)
    assert share.to_dict() == {
        "memory": 100,
        "working memory": 100,
        "verbal memory": 50,  # as far as memory
        "fear": 0,
    }


def test_ranks_leave_out_the_term_itself_and_count_ties_against():
    from benchmarks.hierarchy_measures.edges import ancestor_ranks, hits
    from benchmarks.hierarchy_measures.taxonomies import Taxonomy

    ancestors = sparse.lil_matrix((8, 8), dtype=bool)
    ancestors[2, [0, 1]] = True
    ancestors[4, 5] = True
    ancestors = ancestors.tocsr()
    scores = np.full((8, 8), -np.inf)
    scores[2] = [3, 5, 9, 6, 1, 2, 5, 0]  # memory 5: behind 6, tied with pain, not behind itself
    ranks = ancestor_ranks(row_of(scores), Taxonomy("t", ancestors, ancestors, ancestors), 0)
    # Fear knows nothing: its parent is tied with all 6 others.
    assert ranks.to_dict() == {"working memory": 3, "fear": 7}
    assert hits(ranks, 3).to_dict() == {"working memory": 100, "fear": 0}


def test_scores_add_beta_times_the_information(taxonomy):
    from benchmarks.hierarchy_measures.rows import pair_scores

    log_p = -np.arange(64.0).reshape(8, 8)
    queries, candidates = np.array([3, 1, 3]), np.array([0, 5, 7])
    scores = pair_scores(row_of(log_p, beta=0.5), queries, candidates, INFORMATION)
    np.testing.assert_allclose(scores, log_p[queries, candidates] + INFORMATION[candidates] / 2)


def test_a_score_that_is_no_number_is_an_error():
    from benchmarks.hierarchy_measures.rows import ancestor_scores

    with pytest.raises(ValueError, match="made up"):
        ancestor_scores(row_of(np.full((8, 8), np.nan)), np.array([0]), INFORMATION)


def areas_of(pairs):
    from benchmarks.hierarchy_measures.edges import discrimination

    return discrimination(pairs)(np.ones(len(pairs)))


def test_perfect_scores_have_area_and_precision_of_100_and_constant_ones_half_the_area(taxonomy):
    from benchmarks.hierarchy_measures.edges import labelled_pairs

    perfect = np.where(taxonomy.edges.toarray(), 0.0, -np.inf)
    for kind in ("same frequency", "siblings", "reversed"):
        pairs = labelled_pairs(kind, row_of(perfect), taxonomy, FREQUENCY, INFORMATION)
        assert areas_of(pairs).tolist() == [100, 100]
        flat = labelled_pairs(kind, row_of(np.zeros((8, 8))), taxonomy, FREQUENCY, INFORMATION)
        np.testing.assert_allclose(areas_of(flat), [50, 100 * flat["is_edge"].mean()])
    # Memory has no term of the frequency of brain to be told from, and counts for none of the two.
    pairs = labelled_pairs("same frequency", row_of(perfect), taxonomy, FREQUENCY, INFORMATION)
    assert set(pairs["child"]) == {"working memory", "verbal memory", "fear"}


def test_areas_are_those_of_scikit_learn_with_weights_and_ties():
    from sklearn.metrics import average_precision_score, roc_auc_score

    from benchmarks.hierarchy_measures.edges import discrimination

    random = np.random.default_rng(0)
    pairs = pd.DataFrame(
        {"is_edge": random.uniform(size=200) < 0.3, "score": random.integers(10, size=200)}
    )
    weight = random.integers(3, size=200).astype(float)
    expected = [
        100 * function(pairs["is_edge"], pairs["score"], sample_weight=weight)
        for function in (roc_auc_score, average_precision_score)
    ]
    np.testing.assert_allclose(discrimination(pairs)(weight), expected)
    assert np.isnan(discrimination(pairs)(weight * pairs["is_edge"].to_numpy())).all()


def test_a_row_is_matched_to_terms_by_name():
    from benchmarks.hierarchy_measures.rows import Row

    order = np.random.default_rng(0).permutation(8)
    log_p = np.arange(64.0).reshape(8, 8)
    shuffled = Row(
        "shuffled",
        [TERMS[i] for i in order] + ["further"],
        np.append(INFORMATION[order], 1.0),
        lambda positions: np.pad(log_p[np.ix_(order, order)], (0, 1))[positions],
        log_p_texts=lambda studies: np.pad(log_p[:, order], ((0, 0), (0, 1))),
    )
    row = shuffled.align(TERMS)
    np.testing.assert_array_equal(row.radius, INFORMATION)
    np.testing.assert_array_equal(row.log_p_terms(np.array([5, 2])), log_p[[5, 2]])
    np.testing.assert_array_equal(row.log_p_texts(None), log_p)
    with pytest.raises(ValueError, match=r"1 of 9 terms .* 'sleep'"):
        row.align([*TERMS, "sleep"])


@pytest.mark.parametrize("radius", [-0.1, np.nan, np.inf])
def test_a_radius_is_no_negative_depth_and_is_finite(radius):
    from dataclasses import replace

    row = row_of(np.zeros((8, 8)))
    wrong = replace(row, radius=np.where(np.arange(8) == PLACE["fear"], radius, row.radius))
    with pytest.raises(ValueError, match="made up: the radius of 'fear'"):
        wrong.align(TERMS)


def test_points_on_a_ray_have_certain_ancestors_and_those_across_the_root_are_independent():
    from benchmarks.hierarchy_measures.rows import row_of_points

    # On one ray at radii 1 and 2, and one at radius 1 on the other side.
    radii, signs = np.array([1.0, 2, 1]), np.array([1, 1, -1])
    points = np.column_stack([np.cosh(radii), signs * np.sinh(radii)])
    for row in (
        row_of_points("curved", ["a", "b", "c"], points),
        row_of_points("flat", ["a", "b", "c"], (signs * radii)[:, None], is_flat=True),
    ):
        np.testing.assert_allclose(row.radius, radii)
        log_p = row.log_p_terms(np.arange(3))
        # P(a | b) = 1, P(b | a) = exp(I_a - I_b), I = 2 radii; P(c | a) = P(c).
        np.testing.assert_allclose(log_p[1, 0], 0, atol=1e-7)
        np.testing.assert_allclose(log_p[0, 1], -2, atol=1e-7)
        np.testing.assert_allclose(log_p[0, 2], -2, atol=1e-7)
        doubled = row_of_points("d", ["a", "b", "c"], points, scale=2.0)
    np.testing.assert_allclose(doubled.log_p_terms(np.array([0]))[0], [0, -4, -4], atol=1e-7)
