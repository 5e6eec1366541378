import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_mnm import Studies

VOCABULARY = ["emotion", "fear", "memory", "working memory", "pain", "rest"]
N_TRAIN, N_TEST = 240, 60


@pytest.fixture(scope="module")
def corpus():
    """Studies whose peaks lie where their terms say."""
    from benchmarks.hierarchy_measures.corpus import FoldCorpus

    random = np.random.default_rng(0)
    counts = random.poisson([0.4, 0.3, 0.3, 0.4, 0.5, 0.6], size=(N_TRAIN + N_TEST, 6))
    counts[:, 0] += counts[:, 1]
    ids = [f"study{row:03d}" for row in range(len(counts))]
    centres = random.uniform([-45, -60, -10], [45, 30, 45], size=(6, 3))
    rows = np.repeat(np.arange(len(ids)), 6)
    topics = np.array(
        [random.choice(6, p=(counts[r] + 0.1) / (counts[r] + 0.1).sum()) for r in rows]
    )
    peaks = pd.DataFrame(
        centres[topics] + random.normal(scale=6, size=(len(rows), 3)), columns=["x", "y", "z"]
    ).assign(id=np.repeat(ids, 6), table_id=np.tile([1, 1, 1, 2, 2, 2], len(ids)))

    def studies(counts):
        return Studies(ids, peaks=peaks, counts=sparse.csr_matrix(counts), vocabulary=VOCABULARY)

    whole, title = studies(counts), studies(random.binomial(counts, 0.5))
    test = np.arange(N_TRAIN, len(ids))
    parts = {
        "title": title,
        "title and keywords": title,
        "abstract": studies(counts - title.counts),
    }
    return FoldCorpus(
        0,
        whole[np.arange(N_TRAIN)],
        whole[test],
        {name: part[test] for name, part in parts.items()},
    )


@pytest.fixture(scope="module")
def rows(corpus):
    """Rows of small fits: hyperbolic, and flat."""
    from benchmarks.models import ours
    from benchmarks.quality import hierarchy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "N_REGIONS", 20)
        patch.setattr(ours, "RESOLUTION", 12)
        return {
            name: hierarchy.embedder_row(name, corpus, 0) for name in ("ours", "control_euclidean")
        }


def test_rows_of_embedders_place_terms_texts_and_maps_in_one_space(rows, corpus):
    from benchmarks.hierarchy_measures.corpus import single_terms

    for row in rows.values():
        terms = single_terms(corpus.terms, VOCABULARY)
        np.testing.assert_allclose(row.text_radius(terms), row.radius, rtol=1e-5)
        log_p = row.log_p_terms(np.arange(6))
        np.testing.assert_allclose(row.log_p_texts(terms), log_p, atol=1e-5)
        # By Bayes' rule with I = 2 radii, whatever the distance.
        bayes = 2 * (row.radius[:, None] - row.radius)
        np.testing.assert_allclose(log_p - log_p.T, bayes, atol=1e-4)
        activations = row.activations(corpus.test)
        assert row.broaden(activations).shape == activations.shape == (N_TEST, 20)
        assert row.map_radius(activations).shape == (N_TEST,)
        assert row.log_p_maps(activations).shape == (N_TEST, 6)


def test_radii_of_the_flat_control_are_those_of_its_tangent_vectors(rows):
    # The radius of a point of the hyperboloid is the length of its tangent vector at the root.
    assert (rows["control_euclidean"].radius > 0).all()
    assert not np.allclose(rows["ours"].radius, rows["control_euclidean"].radius)


def test_all_measures_are_taken_of_a_row_of_points(rows, corpus):
    from benchmarks.hierarchy_measures.suite import measure
    from benchmarks.hierarchy_measures.taxonomies import taxonomy_of_pairs
    from benchmarks.quality.hierarchy import walk_starts

    pairs = pd.DataFrame({"general": ["emotion", "memory"], "specific": ["fear", "working memory"]})
    taxonomy = taxonomy_of_pairs("Cognitive Atlas", pairs, corpus.terms)
    starts = walk_starts(corpus, [taxonomy])
    assert list(starts["terms"].ids) == ["fear", "working memory"]
    measured = measure(rows["ours"], corpus, [taxonomy], starts, taxonomy)
    for beginning in (
        "parent nearer the root",
        "ancestor in first 10",
        "nested texts",
        "title nearer than abstract",
        "network average nearer than map",
        "map nearer than its tables",
        "text nearer than its map",
        "broad map nearer than focal",
        "correlation of text radius",
        "calibration error",
        "walks, titles, Cognitive Atlas",
        "decoding at 10",
    ):
        assert any(name.startswith(beginning) for name in measured.figures), beginning


@pytest.fixture
def cached(monkeypatch, tmp_path, corpus):
    """Run with made-up measures; the list holds what was measured."""
    from benchmarks.common import runner
    from benchmarks.hierarchy_measures.suite import Measured
    from benchmarks.quality import hierarchy

    made = []

    def measure_fold(name, corpus, seed, betas):
        made.append((name, corpus.fold, seed, tuple(betas)))
        return Measured(name, corpus.fold, {"beta": betas[0]}, {"figure": 1.0})

    monkeypatch.setattr(runner, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(hierarchy, "measure_fold", measure_fold)
    return made


def test_what_was_measured_is_kept_by_row_seed_and_betas(cached, corpus):
    from benchmarks.quality.hierarchy import run

    calls = [("counts", 0, [0.5]), ("ours", 0, [0.5]), ("ours", 1, [0.5]), ("ours", 1, [0.1])]
    for name, seed, betas in [*calls, *calls]:
        assert run(name, lambda: corpus, 0, seed, betas).title == name
    assert cached == [(name, 0, seed, tuple(betas)) for name, seed, betas in calls]


def test_the_command_writes_a_section_and_the_figures_of_runs(
    cached, corpus, monkeypatch, tmp_path
):
    from benchmarks.quality import hierarchy

    (tmp_path / "results").mkdir()
    output = tmp_path / "RESULTS.md"
    rows, runs = ["--rows", "counts", "ours"], ["--folds", "0", "--seeds", "3", "4"]
    arguments = [*rows, *runs, "--beta", "0.5", "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["hierarchy.py", *arguments])
    monkeypatch.setattr(hierarchy, "load_fold", lambda fold: corpus)
    hierarchy.main()
    assert "| minus counts | " in output.read_text()
    # Counts are the same for every seed.
    assert [(name, seed) for name, _, seed, _ in cached] == [
        ("counts", 3),
        ("ours", 3),
        ("ours", 4),
    ]
    records = json.loads((tmp_path / "results" / "hierarchy.json").read_text())
    expected = {"fold": 0, "chosen": {"beta": 0.5}, "figures": {"figure": 1.0}, "reliability": {}}
    assert records == {"counts": [expected], "ours": [expected, expected]}


@pytest.mark.skipif(
    not (os.environ.get("SKLEARN_MNM_DATA") and Path("/usr/share/wordnet/data.noun").exists()),
    reason="needs the ontologies: SKLEARN_MNM_DATA and WordNet",
)
@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
def test_held_out_relations_have_no_part_in_the_choice():
    from benchmarks.hierarchy_measures.taxonomies import half_of, textbook_pairs
    from benchmarks.quality.hierarchy import HELD_OUT, load_taxonomies, ontologies

    names = {name.lower() for name in ontologies()["Cognitive Atlas"].names}
    words = {name for name in names if name.replace(" ", "").isalpha()}
    terms = sorted(words | set(textbook_pairs().to_numpy().ravel()))
    validation, reported = load_taxonomies(terms)
    by_name = {taxonomy.name: taxonomy for taxonomy in reported}
    held_out = set(zip(*by_name[HELD_OUT].pairs, strict=True))
    assert len(held_out) > 50
    assert not held_out & set(zip(*validation.pairs, strict=True))
    for name in ("Cognitive Atlas", "WordNet", "MeSH"):
        assert {half_of(terms[child]) for child in by_name[name].pairs[0]} <= {"test"}
    assert {half_of(terms[child]) for child in validation.pairs[0]} == {"validation"}
    assert by_name["textbook"].edges.nnz == len(textbook_pairs())
