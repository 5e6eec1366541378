"""HyperbolicBrainTextEmbedder: geometry, retrieval, decoding and its contract."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMObjective
from sklearn_mnm.brain import BrainHierarchy
from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.geometry import entailment_violation
from sklearn_mnm.metrics import recall_at_k
from sklearn_mnm.nn.similarity import SIMILARITIES

# The objective of the paper.
PAPER = MNMObjective("exterior_angle")


def _studies(n=600, n_terms=120, n_regions=50, n_topics=12, seed=0):
    """Counts of terms and of peaks drawn from shared topics."""
    random = np.random.default_rng(seed)
    topics = random.dirichlet(np.full(n_topics, 0.2), size=n)
    terms = random.poisson(6 * topics @ random.gamma(0.3, size=(n_topics, n_terms)))
    activations = random.poisson(6 * topics @ random.gamma(0.3, size=(n_topics, n_regions)))
    X = TfidfTransformer(sublinear_tf=True).fit_transform(sparse.csr_matrix(terms))
    return X, activations.astype(float)


@pytest.fixture(scope="module")
def studies():
    return _studies()


@pytest.fixture(scope="module")
def fitted(studies):
    X, Y = studies
    return HyperbolicBrainTextEmbedder(random_state=0, max_epochs=8, batch_size=256).fit(
        X[:400], Y[:400]
    )


def _violation(points, curvature):
    time, space = points[:, 0], points[:, 1:]
    inner = (space**2).sum(1) - time**2
    return np.abs(curvature * inner + 1) / (1 + curvature * (space**2).sum(1))


@pytest.mark.parametrize("curvature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("n_components", [3, None])
def test_embeddings_lie_on_the_hyperboloid(studies, curvature, n_components):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(
        n_components, curvature=curvature, max_epochs=2, random_state=0
    ).fit(X, Y)
    d = n_components or 50
    # As many dimensions of meaning as of pairing, four of the space, and time.
    assert embedder.n_dimensions_ == 2 * d + 4
    for points in (*embedder.transform(X, Y), embedder.term_points()):
        assert points.dtype == np.float64
        assert points.shape[1] == embedder.n_dimensions_ + 1
        assert (points[:, 0] > 0).all()
        assert _violation(points, curvature).max() < 1e-9


def test_held_out_retrieval_is_far_above_chance_both_ways(studies, fitted):
    X, Y = studies
    similarity = fitted.similarity(*fitted.transform(X[400:], Y[400:]))
    assert similarity.shape == (200, 200)
    assert recall_at_k(similarity, 10) > 25  # chance is 5
    assert recall_at_k(similarity.T, 10) > 25


def test_score_is_the_mean_recall_of_both_directions(studies, fitted):
    X, Y = studies
    similarity = fitted.similarity(*fitted.transform(X[400:], Y[400:]))
    expected = (recall_at_k(similarity, 10) + recall_at_k(similarity.T, 10)) / 200
    assert fitted.score(X[400:], Y[400:]) == pytest.approx(expected)


def test_predicted_maps_correlate_better_than_the_mean_map(studies, fitted):
    X, Y = studies
    predicted, observed = fitted.predict(X[400:]), Y[400:]
    mean = np.broadcast_to(Y[:400].mean(0), observed.shape)
    active = observed.std(1) > 0

    def correlation(maps):
        return np.mean(
            [np.corrcoef(a, b)[0, 1] for a, b in zip(maps[active], observed[active], strict=True)]
        )

    assert correlation(predicted) > correlation(mean) + 0.1
    assert (predicted >= 0).all()
    # In the units of Y.
    assert 0.5 < predicted.mean() / observed.mean() < 2


def test_predict_decodes_the_embedded_texts(studies, fitted):
    X, _ = studies
    expected = fitted.predict(X[:5])
    np.testing.assert_allclose(fitted.inverse_transform(fitted.transform(X[:5])), expected)


def test_sparse_text_is_never_made_dense(studies, monkeypatch):
    X, Y = studies
    original = sparse.csr_matrix.toarray

    def refuse_large(self, *args, **kwargs):
        if self.shape == X.shape:
            raise AssertionError("X was made dense")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_matrix, "toarray", refuse_large)
    monkeypatch.setattr(sparse.csr_matrix, "todense", refuse_large)
    embedder = HyperbolicBrainTextEmbedder(8, max_epochs=1, random_state=0).fit(X, Y)
    embedder.predict(X)


def test_the_same_seed_gives_the_same_result_bit_for_bit(studies):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(8, max_epochs=3, random_state=3)
    first, second = (clone(embedder).fit(X, Y).transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = clone(embedder).set_params(random_state=4).fit(X, Y).transform(X)
    assert not np.array_equal(first, other)


def test_fitting_leaves_the_global_generators_alone(studies):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(8, max_epochs=1, random_state=0)
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    embedder.fit(X, Y)
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_an_unknown_text_and_an_empty_map_are_at_the_origin(fitted):
    origin = np.r_[1.0, np.zeros(104)]
    np.testing.assert_array_equal(fitted.transform(sparse.csr_matrix((1, 120)))[0], origin)
    np.testing.assert_array_equal(fitted.transform_brain(np.zeros((1, 50)))[0], origin)
    assert np.isfinite(fitted.predict(sparse.csr_matrix((1, 120)))).all()


def test_directions_of_maps_do_not_depend_on_their_units_and_less_is_farther_out(studies, fitted):
    _, Y = studies
    texts = fitted.transform(studies[0][:9])
    points, smaller = fitted.transform_brain(Y[:9]), fitted.transform_brain(0.01 * Y[:9])
    similarity = [fitted.similarity(texts, brains) for brains in (points, smaller)]
    np.testing.assert_allclose(*similarity, rtol=1e-4, atol=1e-6)
    assert (smaller[:, 0] > points[:, 0]).all()


def test_points_of_maps_with_learnt_radii_do_not_depend_on_their_units(studies):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(8, objective=PAPER, max_epochs=1, random_state=0)
    points = embedder.fit(X, Y).transform_brain(Y[:9])
    assert points.shape == (9, 9)
    assert embedder.n_dimensions_ == 8
    np.testing.assert_allclose(embedder.transform_brain(1000 * Y[:9]), points, rtol=1e-5)


def test_maps_with_negative_values_are_kept_signed(studies):
    X, Y = studies
    signed = Y - Y.mean(0)
    embedder = HyperbolicBrainTextEmbedder(max_epochs=1, random_state=0).fit(X, signed)
    assert (embedder.predict(X) < 0).any()


def test_groups_are_left_out_together():
    X, _ = _studies(n=150)
    repeated = sparse.vstack([X, X, X]).tocsr()
    random = np.random.default_rng(0)
    maps = random.poisson(1.0, size=(450, 50)).astype(float)  # nothing to learn
    maps[150:] = np.tile(maps[:150], (2, 1))  # but contrasts of a paper share their map
    groups = np.tile(np.arange(150), 3)
    embedder = HyperbolicBrainTextEmbedder(max_epochs=0, random_state=0)
    leaked = clone(embedder).fit(repeated, maps).alpha_scores_
    honest = clone(embedder).fit(repeated, maps, groups=groups).alpha_scores_
    assert max(leaked.values()) > 5 * max(honest.values())


def test_a_given_alpha_is_used(studies):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(alpha=7.0, max_epochs=0, random_state=0).fit(X, Y)
    assert embedder.alpha_ == 7.0
    assert list(embedder.alpha_scores_) == [7.0]


def test_history_has_one_record_per_epoch(fitted):
    history = pd.DataFrame(fitted.history_)
    assert history["epoch"].tolist() == list(range(len(history)))
    assert fitted.best_epoch_ == len(history) - 1


def test_validation_chooses_the_epoch(studies):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(validation_fraction=0.3, random_state=0).fit(X, Y)
    history = pd.DataFrame(embedder.history_)
    assert history["validation_score"].idxmax() == embedder.best_epoch_


def test_feature_names_and_counts(fitted):
    names = fitted.get_feature_names_out()
    assert len(names) == fitted.n_dimensions_ + 1 == 105
    assert names[0] == "hyperbolicbraintextembedder0"
    assert fitted.n_features_in_ == 120


def test_parameters_are_checked(studies):
    with pytest.raises(ValueError, match="'alpha' parameter"):
        HyperbolicBrainTextEmbedder(alpha=-1).fit(*studies)


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({}, {"alignment", "text_above_brain", "extent", "drift"}),
        ({"extent_weight": 0}, {"alignment", "text_above_brain", "drift"}),
        (
            {"brain_apex_weight": 0.5},
            {"alignment", "brain_apex", "text_above_brain", "extent", "drift"},
        ),
        (
            {"text_above_brain": "centroid"},
            {"alignment", "text_above_brain", "extent", "drift"},
        ),
        ({"alignment_weight": 0, "drift_weight": 0}, {"text_above_brain", "extent"}),
        ({"text_above_brain_weight": 0}, {"alignment", "extent", "drift"}),
    ],
)
def test_each_part_of_the_objective_is_switched_by_its_weight(studies, parameters, parts):
    X, Y = studies
    objective = clone(PAPER).set_params(**parameters)
    embedder = HyperbolicBrainTextEmbedder(
        4, objective=objective, max_epochs=1, random_state=0
    ).fit(X, Y)
    record = embedder.history_.loc[1].dropna()
    others = {"epoch", "loss", "text_radius", "brain_radius", "inverse_temperature", "curvature"}
    assert set(record.index) - others == parts
    # A part is named as its weight.
    assert all(f"{part}_weight" in objective.get_params() for part in parts)
    assert record["loss"] == pytest.approx(sum(record[part] for part in parts), rel=1e-5)


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({}, {"alignment", "drift"}),
        ({"drift_weight": 0}, {"alignment"}),
        # Of no effect here.
        ({"brain_apex_weight": 1.0, "network_weight": 1.0}, {"alignment", "drift"}),
    ],
)
def test_angles_at_the_root_leave_the_radii_out_of_the_objective(studies, parameters, parts):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(
        4, objective=MNMObjective(**parameters), max_epochs=1, random_state=0
    ).fit(X, Y)
    record = embedder.history_.loc[1].dropna()
    others = {"epoch", "loss", "text_height", "brain_height", "inverse_temperature", "curvature"}
    assert set(record.index) - others == parts
    assert record["loss"] == pytest.approx(sum(record[part] for part in parts), rel=1e-5)


def test_the_network_part_draws_maps_into_the_cones_of_their_ancestors(studies):
    X, Y = studies
    hierarchy = BrainHierarchy({"network": np.arange(50) % 5})
    violations = []
    for weight in (0.0, 5.0):
        objective = clone(PAPER).set_params(hierarchy=hierarchy, network_weight=weight)
        embedder = HyperbolicBrainTextEmbedder(
            objective=objective, max_epochs=10, batch_size=128, random_state=0
        ).fit(X[:400], Y[:400])
        assert ("network" in embedder.history_) == (weight > 0)
        parents, children = (
            torch.as_tensor(embedder.transform_brain(maps))
            for maps in (hierarchy.smooth(Y[400:], "network"), Y[400:])
        )
        violations.append(float(entailment_violation(parents, children, 1.0).mean()))
    assert violations[1] < 0.8 * violations[0]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_every_similarity_retrieves_by_what_it_was_trained_with(studies, similarity):
    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(
        objective=MNMObjective(similarity), max_epochs=3, batch_size=128, random_state=0
    ).fit(X[:400], Y[:400])
    similarity = embedder.similarity(*embedder.transform(X[400:], Y[400:]))
    assert recall_at_k(similarity, 10) > 20  # chance is 5
    assert recall_at_k(similarity.T, 10) > 20


def test_a_weight_without_effect_or_nothing_to_train_is_an_error(studies):
    X, Y = studies
    paper = HyperbolicBrainTextEmbedder(objective=clone(PAPER))
    with pytest.raises(InvalidInputError, match=r"network_weight=0.5.*hierarchy="):
        clone(paper).set_params(objective__network_weight=0.5).fit(X, Y)
    weights = ("alignment", "text_above_brain", "extent", "drift")
    nothing = {f"{name}_weight": 0 for name in weights}
    paper.objective.set_params(**nothing)
    with pytest.raises(InvalidInputError, match=r"are all 0.*max_epochs=0"):
        paper.fit(X, Y)
    with pytest.raises(InvalidInputError, match=r"alignment_weight is 0.*max_epochs=0"):
        HyperbolicBrainTextEmbedder(objective=MNMObjective(alignment_weight=0)).fit(X, Y)
    HyperbolicBrainTextEmbedder(objective=MNMObjective(**nothing), max_epochs=0).fit(X, Y)


def test_curvature_is_learnt_on_request(studies):
    X, Y = studies
    fixed, learnt = (
        HyperbolicBrainTextEmbedder(
            objective=MNMObjective("exterior_angle", learn_curvature=learn),
            max_epochs=2,
            random_state=0,
        ).fit(X, Y)
        for learn in (False, True)
    )
    assert fixed.curvature_ == 1
    assert learnt.curvature_ != 1
    assert learnt.history_["curvature"].iloc[-1] == pytest.approx(learnt.curvature_)
    assert _violation(learnt.transform_brain(Y), learnt.curvature_).max() < 1e-9


def test_informative_features_weigh_more(studies):
    X, Y = studies
    noise = sparse.random(X.shape[0], 40, density=0.2, random_state=0, format="csr")
    embedder = HyperbolicBrainTextEmbedder(max_epochs=0, random_state=0)
    weights = embedder.fit(sparse.hstack([X, noise]).tocsr(), Y).feature_weights_
    assert np.median(weights[:-40]) > 3 * np.median(weights[-40:])


def test_maps_are_embedded_at_every_level(studies, fitted):
    _, Y = studies
    networks = np.arange(50) % 5
    hierarchy = BrainHierarchy({"network": networks})
    embedder = pickle.loads(pickle.dumps(fitted)).set_params(objective__hierarchy=hierarchy)
    points = embedder.ancestors(Y[:20])
    assert tuple(points) == hierarchy.levels
    np.testing.assert_allclose(points["region"], embedder.transform_brain(Y[:20]), atol=1e-6)
    means = np.stack([Y[:20, networks == network].mean(axis=1) for network in range(5)], axis=1)
    np.testing.assert_allclose(
        points["network"], embedder.transform_brain(means[:, networks]), atol=1e-6
    )
    with pytest.raises(InvalidInputError, match="hierarchy is None"):
        fitted.ancestors(Y)


def test_memory_shares_the_closed_form_and_changes_nothing(studies, tmp_path, monkeypatch):
    from sklearn_mnm.model.ridge import LeaveOutRidge

    X, Y = studies
    embedder = HyperbolicBrainTextEmbedder(8, max_epochs=2, random_state=0)
    expected = clone(embedder).fit(X, Y).transform(X)
    cached = clone(embedder).set_params(memory=tmp_path)
    np.testing.assert_array_equal(clone(cached).fit(X, Y).transform(X), expected)
    fitted_widths = []
    original = LeaveOutRidge.fit

    def counted(self, *args):
        fitted_widths.append(self._X.shape[1])
        return original(self, *args)

    monkeypatch.setattr(LeaveOutRidge, "fit", counted)
    again = cached.set_params(objective__drift_weight=30).fit(X, Y)
    assert set(fitted_widths) == {8}  # the decode head alone, from the 8 components
    assert not np.array_equal(again.transform(X), expected)
