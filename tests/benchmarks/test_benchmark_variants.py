import warnings
from importlib.util import find_spec
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

N_STUDIES, N_REGIONS = 60, 130  # more regions than the largest reduced dimension
with_nimare = pytest.mark.skipif(find_spec("nimare") is None, reason="the atlas is in NiMARE")


@pytest.fixture(scope="module")
def tiny():
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=N_STUDIES)
    X = random.poisson(topics @ random.gamma(0.3, size=(6, 80)) * 5).astype(np.float32)
    Y = random.poisson(topics @ random.gamma(0.3, size=(6, N_REGIONS)) * 5).astype(np.float32)
    return sparse.csr_matrix(X), Y


@pytest.fixture(scope="module")
def tree():
    from sklearn.cluster import ward_tree

    points = np.random.default_rng(0).normal(size=(N_REGIONS, 3))
    return SimpleNamespace(children_=ward_tree(points)[0], region_volumes_=np.ones(N_REGIONS))


def tables():
    from benchmarks.quality.variants import GROUPS

    return [table for _, captions in GROUPS.values() for table in captions.values()]


def different_variants():
    return {variant.key: variant for variant in chain(*tables())}.values()


def made_up_records(folds):
    from benchmarks.quality.variants import SCORES

    random = np.random.default_rng(0)
    return {
        (variant.key, fold): {
            "fold": fold,
            "n_train": 11000,
            "scores": {score: float(random.uniform(0, 100)) for score in SCORES},
        }
        for variant in different_variants()
        for fold in folds
    }


def test_rows_of_a_table_have_different_names_and_settings():
    for table in tables():
        assert len({variant.title for variant in table}) == len(table)
        assert len({variant.key for variant in table}) == len(table)


def test_first_rows_are_what_others_are_compared_with():
    from benchmarks.quality.variant_runs import Variant
    from benchmarks.quality.variants import GROUPS

    first = [table[0] for table in tables()]
    defaults = Variant("defaults")
    n_features = len(GROUPS["features"][1])
    assert sum(variant.key == defaults.key for variant in first) == n_features + 1  # training
    assert sum(variant.key == first[0].key for variant in first) == 2  # parts, curvature
    for caption, table in GROUPS["dimension"][1].items():
        if "components, without" in caption:
            assert table[0].embedder["objective__similarity"] == "euclidean"
            assert len({variant.embedder.get("n_components") for variant in table}) == 1


def test_the_embedder_accepts_every_variant_and_each_changes_the_fit(tiny, tree, tmp_path):
    from dataclasses import replace

    from benchmarks.quality.variant_runs import fitted_embedder

    X, Y = tiny
    fitted = {}
    for variant in different_variants():
        if variant.regions or variant.sources:
            continue
        # Three steps: the pull to the start acts from the second on.
        short = {**variant.embedder, "batch_size": 20}
        short["max_epochs"] = min(1, variant.embedder.get("max_epochs", 1))
        model = fitted_embedder(replace(variant, embedder=short), tree, str(tmp_path), X, Y)
        text, brain = model.transform(X, Y)
        assert np.isfinite(model.similarity(text, brain)).all()
        fitted[variant.key] = np.hstack([text[:, :5], brain[:, :5]])
    keys = list(fitted)
    for i, one in enumerate(keys):
        for other in keys[:i]:
            assert not np.array_equal(fitted[one], fitted[other]), (one, other)


@with_nimare
def test_the_converter_accepts_every_variant():
    from benchmarks.quality.variant_runs import make_regions

    seen = set()
    for variant in different_variants():
        converter = make_regions(variant)
        converter._validate_params()
        seen.add((str(converter.atlas), converter.n_regions, converter.fwhm))
    assert len(seen) == 6


@with_nimare
def test_the_atlas_of_nimare_has_48_cortical_regions():
    from benchmarks.quality.variant_runs import HARVARD_OXFORD, Variant, make_regions

    regions = make_regions(Variant("", regions={"atlas": HARVARD_OXFORD})).fit()
    assert regions.n_regions_ == 48


def test_the_tables_hold_every_variant_and_no_spread_of_one_fold():
    from benchmarks.quality.variants import GROUPS, markdown

    for folds in ((0, 1, 2), (1,)):
        records = made_up_records(folds)
        for name, (_, captions) in GROUPS.items():
            text = markdown(name, records, folds)
            for caption, table in captions.items():
                part = text.split(f"{caption}\n\n")[1].split("\n\n")[0]
                assert [row.split(" | ")[0] for row in part.splitlines()[2:]] == [
                    f"| {variant.title}" for variant in table
                ]
                assert ("±" in part) == (len(folds) > 1)


def test_differences_are_paired_with_the_first_row():
    from benchmarks.quality.variants import _row

    table = tables()[0]
    records = made_up_records((0, 1, 2))
    for fold, lead in enumerate((1.0, 2.0, 3.0)):
        reference, other = (records[variant.key, fold]["scores"] for variant in table[:2])
        other["t2b R@10"] = reference["t2b R@10"] + lead + 1
        other["b2t R@10"] = reference["b2t R@10"] + lead - 1
    assert _row(table[0], table[0], records, (0, 1, 2))[-1] == ""
    # 2 +- 4.303 / sqrt(3), the t quantile of 0.975 at 2 degrees of freedom.
    assert _row(table[1], table[0], records, (0, 1, 2))[-1] == "+2.0 [-0.5, +4.5]"


def test_sections_and_figures_are_written(tmp_path):
    import json

    from benchmarks.quality.variants import GROUPS, write

    records = made_up_records((0,))
    path = tmp_path / "RESULTS.md"
    for text in ("first text", "second text"):
        write(path, "parts", text, records, (0,))
    write(path, "features", "another", records, (0,))
    written = path.read_text()
    assert "first text" not in written
    assert written.count("second text") == written.count("another") == 1
    figures = json.loads((tmp_path / "results" / "variants-parts.json").read_text())
    assert {caption: list(rows) for caption, rows in figures.items()} == {
        caption: [variant.title for variant in table]
        for caption, table in GROUPS["parts"][1].items()
    }


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Run with made-up measurements; the list holds the keys that were measured."""
    from benchmarks.common import runner
    from benchmarks.quality import variant_runs

    keys = []

    def measure(variant, features, memory):
        keys.append(variant.key)
        return {"scores": {"number": len(keys)}}

    monkeypatch.setattr(runner, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(variant_runs, "fold_features", lambda *arguments: "features")
    monkeypatch.setattr(variant_runs, "measure", measure)
    return keys


def test_records_are_used_again_for_one_setting_fold_and_size(measured):
    from benchmarks.quality.variant_runs import Variant, run

    plain, other = Variant("plain"), Variant("other", {"dropout": 0.5})
    first = list(run([plain, other, Variant("plain by another name")], 0))
    assert measured == [plain.key, other.key]
    assert list(run([plain, other], 0)) == first
    assert len(measured) == 2
    list(run([plain], 1))
    list(run([plain], 0, max_train=100))
    list(run([Variant("plain", {"dropout": 0.1})], 0))
    assert len(measured) == 5


def test_records_are_made_again_when_the_code_changed(measured, monkeypatch):
    from benchmarks.quality import variant_runs

    for digest, n_measured in (("one", 1), ("one", 1), ("another", 2)):
        monkeypatch.setattr(variant_runs, "code_digest", lambda digest=digest: digest)
        list(variant_runs.run([variant_runs.Variant("plain")], 0))
        assert len(measured) == n_measured


def test_code_that_changes_during_a_run_spoils_its_record(measured, monkeypatch, tmp_path):
    from benchmarks.quality import variant_runs

    digests = iter(["before", "after"])
    monkeypatch.setattr(variant_runs, "code_digest", lambda: next(digests))
    with pytest.raises(RuntimeError, match="changed"):
        list(variant_runs.run([variant_runs.Variant("plain")], 0))
    assert not list(tmp_path.rglob("variants-*.json"))


def test_hierarchy_is_measured_at_any_curvature():
    import torch

    from benchmarks.quality.variant_runs import ABOVE, BROAD, hierarchy_scores
    from sklearn_mnm.geometry import exp_map0

    extent = np.linspace(0.1, 0.9, 20)
    tangents = np.random.default_rng(0).normal(size=(20, 4))
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    for c in (0.1, 1.0, 10.0):
        text = 0.3 * tangents
        text[0] = 0  # at the origin, no known term: does not count
        brain = (1.2 - extent)[:, None] * tangents
        brain[1] *= 0.01  # one map nearer to the origin than its text
        points = [exp_map0(torch.from_numpy(each), c).numpy() for each in (text, brain)]
        scores = hierarchy_scores(*points, extent)
        assert scores[ABOVE] == pytest.approx(100 * 17 / 19)
        assert 80 < scores[BROAD] < 100


def test_other_sources_keep_studies_and_folds(corpus):
    from benchmarks.quality.variant_runs import _corpus

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        titles, folds = _corpus(("title",))
    np.testing.assert_array_equal(titles.ids, corpus[0].ids)
    np.testing.assert_array_equal(folds, corpus[1])
    assert 0 < titles.counts.sum() < corpus[0].counts.sum()
