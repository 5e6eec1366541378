"""The made-up literature keeps to its tree, and is neither trivial nor hopeless."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize

from sklearn_mnm import PeaksToRegions, TermVectorizer
from sklearn_mnm.brain.atlas import load_mask
from sklearn_mnm.brain.features import relative_extent
from sklearn_mnm.brain.peaks import peak_counts
from sklearn_mnm.datasets import make_literature
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.metrics import retrieval_report, tree_distances


@pytest.fixture(scope="module")
def literature():
    return make_literature(1500, random_state=0)


def ancestors(node, parents):
    """The node itself and all above it."""
    while node >= 0:
        yield node
        node = parents[node]


@settings(max_examples=20)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    n_studies=st.integers(1, 40),
    noise=st.sampled_from([0.0, 0.3, 1.0]),
    peaks_per_study=st.sampled_from([1, 7.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape_of_tree_gives_a_complete_literature(
    shape, n_studies, noise, peaks_per_study, seed
):
    n_domains, n_tasks, n_contrasts = shape
    studies, concepts, tree, term_concepts, foci = make_literature(
        n_studies,
        n_domains=n_domains,
        n_tasks_per_domain=n_tasks,
        n_contrasts_per_task=n_contrasts,
        n_terms=100,
        peaks_per_study=peaks_per_study,
        noise=noise,
        random_state=seed,
    )
    sizes = [n_domains, n_domains * n_tasks, n_domains * n_tasks * n_contrasts]
    assert np.bincount(tree.depth).tolist() == sizes
    assert len(set(tree.names)) == sum(sizes) == len(tree.parents) == len(foci)
    inner = tree.parents >= 0
    np.testing.assert_array_equal(tree.depth[inner], tree.depth[tree.parents[inner]] + 1)
    # Each node has the number of children that its level asks for.
    n_children = np.bincount(tree.parents[inner], minlength=sum(sizes))
    np.testing.assert_array_equal(n_children, np.array([n_tasks, n_contrasts, 0])[tree.depth])
    assert len(studies) == len(concepts) == n_studies
    assert studies.counts.shape == (n_studies, 100)
    assert len(set(studies.vocabulary)) == len(term_concepts) == 100
    assert (studies.peak_counts >= 1).all()
    if peaks_per_study == 1:
        assert (studies.peak_counts == 1).all()
    assert ((concepts >= 0) & (concepts < sum(sizes))).all()
    assert studies.metadata["concept"].tolist() == tree.names[concepts].tolist()


def test_children_are_named_after_their_parent(literature):
    tree = literature.tree
    for node in np.flatnonzero(tree.parents >= 0):
        number = tree.names[node].split()[1]
        assert number.rpartition(".")[0] == tree.names[tree.parents[node]].split()[1]


def test_the_same_seed_gives_the_same_literature():
    first, again, other = (make_literature(30, random_state=seed) for seed in (3, 3, 4))
    assert first.studies.texts.tolist() == again.studies.texts.tolist()
    assert first.studies.peaks.equals(again.studies.peaks)
    np.testing.assert_array_equal(first.foci, again.foci)
    assert first.studies.texts.tolist() != other.studies.texts.tolist()
    assert not first.studies.peaks.equals(other.studies.peaks)


def test_counts_are_those_of_the_texts(literature):
    studies = literature.studies
    counts = CountVectorizer(vocabulary=studies.vocabulary).transform(studies.texts)
    assert (counts != sparse.csr_matrix(studies.counts)).nnz == 0
    # No made-up word is taken for an English stop word.
    without = CountVectorizer(stop_words="english").fit(studies.texts)
    used = studies.vocabulary[studies.counts.getnnz(axis=0) > 0]
    assert sorted(without.vocabulary_) == sorted(used)
    for title, text in zip(studies.titles, studies.texts, strict=True):
        assert text.startswith(f"{title}. ") or text == f"{title}."


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_study_speaks_only_of_its_concept_and_the_ancestors(noise):
    literature = make_literature(400, noise=noise, random_state=1)
    spoken_of = [set() for _ in range(400)]
    study, term = literature.studies.counts.nonzero()
    for row, concept in zip(study, literature.term_concepts[term], strict=True):
        spoken_of[row].add(concept)
    for row, concept in enumerate(literature.concepts):
        allowed = set(ancestors(concept, literature.tree.parents))
        assert spoken_of[row] - {-1} <= allowed
        assert (-1 in spoken_of[row]) == (noise > 0)
    # Not vacuously: most texts name their own concept.
    named = [concept in spoken_of[row] for row, concept in enumerate(literature.concepts)]
    assert np.mean(named) > 0.9


def test_words_are_spread_evenly_over_the_concept_and_its_ancestors():
    literature = make_literature(900, noise=0, random_state=2)
    tree, leaves = literature.tree, literature.tree.depth[literature.concepts] == 2
    totals = np.asarray(literature.studies.counts[leaves].sum(axis=0)).ravel()
    owner = literature.term_concepts
    named = np.bincount(tree.depth[owner[owner >= 0]], weights=totals[owner >= 0])
    np.testing.assert_allclose(named / named.sum(), [1 / 3] * 3, atol=0.01)


def test_noise_is_the_share_of_background_words():
    literature = make_literature(400, noise=0.3, random_state=1)
    totals = np.asarray(literature.studies.counts.sum(axis=0)).ravel()
    share = totals[literature.term_concepts == -1].sum() / totals.sum()
    assert share == pytest.approx(0.3, abs=0.02)


def test_pure_noise_leaves_no_concept_in_the_texts():
    literature = make_literature(100, noise=1, random_state=0)
    assert literature.studies.counts[:, literature.term_concepts >= 0].nnz == 0


def test_all_peaks_and_foci_lie_in_the_brain(literature):
    mask_img = load_mask(resolution=4)
    peaks = literature.studies.peaks[["x", "y", "z"]].to_numpy()
    for positions in (peaks, literature.foci.reshape(-1, 3)):
        _, tally = peak_counts(positions, np.zeros(len(positions), int), 1, mask_img)
        assert (tally.n_moved, tally.n_dropped) == (0, 0)
    assert literature.studies.peak_counts.mean() == pytest.approx(12, rel=0.1)
    # Both hemispheres, front and back, not a corner of the grid.
    assert (np.abs(np.median(peaks, axis=0)) < 25).all()
    assert (peaks.std(axis=0) > 20).all()


def test_without_noise_peaks_lie_nearer_to_the_foci_of_specific_concepts():
    literature = make_literature(1500, noise=0, random_state=0)
    studies = literature.studies
    foci = literature.foci[literature.concepts[studies.study_index]]
    peaks = studies.peaks[["x", "y", "z"]].to_numpy()
    nearest = np.linalg.norm(foci - peaks[:, np.newaxis], axis=2).min(axis=1)
    depth = literature.tree.depth[literature.concepts][studies.study_index]
    by_depth = [np.median(nearest[depth == level]) for level in range(3)]
    # Median of the length of a Gaussian vector: 1.54 standard deviations, less towards the edge
    # of the brain and where another focus is nearer.
    assert by_depth[2] == pytest.approx(1.54 * 6, rel=0.15)
    assert by_depth[2] < by_depth[1] < by_depth[0] < 1.54 * 20


def test_foci_are_nearer_the_nearer_their_concepts_are_in_the_tree(literature):
    foci, parents = literature.foci, literature.tree.parents
    paths = tree_distances(parents)
    apart = np.linalg.norm(foci[:, np.newaxis] - foci[np.newaxis], axis=3).mean(axis=2)
    leaves = literature.tree.depth == 2
    paths, apart = paths[leaves][:, leaves], apart[leaves][:, leaves]
    means = [apart[paths == length].mean() for length in (2, 4, 6)]
    assert means[0] < means[1] < means[2]


def test_contrasts_lie_closer_to_their_task_than_tasks_to_their_domain(literature):
    foci, tree = literature.foci, literature.tree
    steps = np.linalg.norm(foci - foci[tree.parents], axis=2)
    # 1.54 standard deviations in the middle of the brain, less near its edge.
    for depth, scatter in ((1, 15), (2, 9)):
        assert np.median(steps[tree.depth == depth]) == pytest.approx(1.54 * scatter, rel=0.2)


def test_general_studies_activate_more_regions(literature):
    regions = PeaksToRegions(n_regions=200, resolution=6, random_state=0)
    extent = relative_extent(regions.fit_transform(literature.studies))
    depth = literature.tree.depth[literature.concepts]
    shares = np.bincount(depth) / len(depth)
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.05)
    means = [extent[depth == level].mean() for level in range(3)]
    assert means[0] > means[1] > means[2]


def test_linear_regression_is_well_above_chance_and_well_below_perfect(literature):
    studies, train, test = literature.studies, np.arange(1000), np.arange(1000, 1500)
    vectorizer = TermVectorizer(studies.vocabulary).fit(studies.counts[train])
    regions = PeaksToRegions(n_regions=200, resolution=6, random_state=0)
    observed_train = normalize(np.sqrt(regions.fit_transform(studies[train])))
    observed_test = normalize(np.sqrt(regions.transform(studies[test])))
    ridge = Ridge(alpha=1.0).fit(vectorizer.transform(studies.counts[train]), observed_train)
    predicted = ridge.predict(vectorizer.transform(studies.counts[test]))
    mean = observed_train.mean(axis=0)
    scores = normalize(predicted - mean) @ normalize(observed_test - mean).T
    for report in (retrieval_report(scores), retrieval_report(scores.T)):
        assert 35 < report["R@10"] < 70  # 2 by chance
        assert 80 < report["MM"] < 97


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_domains": 0}, "n_domains=0"),
        ({"n_tasks_per_domain": True}, "n_tasks_per_domain=True"),
        ({"n_contrasts_per_task": -1}, "n_contrasts_per_task=-1"),
        ({"n_terms": 203}, "n_terms=203: must be from 204"),
        ({"n_terms": 300_000}, "to 216000"),
        ({"peaks_per_study": 0.5}, r"peaks_per_study=0\.5"),
        ({"noise": 1.1}, r"noise=1\.1"),
    ],
)
def test_parameters_out_of_range_are_named(parameters, message):
    with pytest.raises(InvalidInputError, match=message):
        make_literature(**{"random_state": 0, **parameters})


def test_the_smallest_vocabulary_still_serves_every_concept():
    literature = make_literature(20, n_terms=204, random_state=0)
    assert (
        np.bincount(literature.term_concepts[literature.term_concepts >= 0]).tolist() == [1] * 102
    )
