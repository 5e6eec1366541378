"""No NaN and no infinity leaves the model, whatever finite numbers come in."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sklearn_mnm import HyperbolicBrainTextEmbedder, MNMDecoder, MNMEncoder, Towers
from sklearn_mnm import geometry as g
from sklearn_mnm.exceptions import InvalidInputError, TrainingDivergedError
from sklearn_mnm.nn.checkpoint import load_snapshot
from sklearn_mnm.nn.objective import (
    Alignment,
    BrainApex,
    Drift,
    Extent,
    Network,
    Objective,
    TextAboveBrain,
)
from sklearn_mnm.nn.similarity import SIMILARITIES
from sklearn_mnm.nn.towers import BrainTextModel, LiftTower
from sklearn_mnm.text import TermVectorizer

# Of the cases that are drawn; docs/reliability.md takes more.
TIMES = int(os.environ.get("MNM_TIMES", "1"))
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
# Up to which radius times root of the curvature geometry promises finite numbers.
FARTHEST = {torch.float32: 28.0, torch.float64: 220.0}

curvatures = st.floats(-3, 3).map(lambda power: 10.0**power)
dimensions = st.sampled_from([2, 3, 17, 256, 1024])
seeds = st.integers(0, 2**32 - 1)


def pairs(seed, dim, curvature, rapidity, dtype):
    """Space coordinates of pairs of points, the second of each as far out as `rapidity`."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(2, 8, dim, generator=generator, dtype=torch.float64)
    directions /= directions.norm(dim=-1, keepdim=True)
    length = np.sinh(rapidity) / curvature**0.5
    x, y = directions[0] * length, directions[1] * length
    x[0], x[1], x[2], x[3] = y[0], -y[1], 0, y[3] * 1e-3
    x[4], y[4] = 0, 0
    x[5] = y[5] * (1 + torch.finfo(dtype).eps)
    return x.to(dtype).requires_grad_(), y.to(dtype).requires_grad_()


# Of two sets of points and the curvature.
FUNCTIONS = {
    "inner": lambda x, y, c: g.inner(x, y),
    "pairwise_inner": lambda x, y, c: g.pairwise_inner(x, y),
    "distance": g.distance,
    "pairwise_distance": g.pairwise_distance,
    "radius": lambda x, y, c: g.radius(torch.cat([x, y]), c),
    "log_map0": lambda x, y, c: g.log_map0(torch.cat([x, y]), c),
    "log_map": g.log_map,
    "exp_map": lambda x, y, c: g.exp_map(x, 0.1 * c**-0.5 * (y / y.norm()), c),
    "geodesic": lambda x, y, c: g.geodesic(x, y, 0.3, c),
    "exterior_angle": g.exterior_angle,
    "pairwise_exterior_angle": g.pairwise_exterior_angle,
    "half_aperture": lambda x, y, c: g.half_aperture(torch.cat([x, y]), c),
    "entailment_violation": g.entailment_violation,
    "einstein_midpoint": lambda x, y, c: g.einstein_midpoint(torch.stack([x, y], -2), c),
    "lorentz_centroid": lambda x, y, c: g.lorentz_centroid(torch.cat([x, y]), c),
    "constraint_violation": lambda x, y, c: g.constraint_violation(x, c),
}


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25 * TIMES)
@given(seed=seeds, dim=dimensions, curvature=curvatures, share=st.floats(0, 1))
def test_geometry_is_finite_with_finite_gradients(dtype, seed, dim, curvature, share):
    farthest = FARTHEST[torch.promote_types(dtype, torch.float32)]
    if dtype == torch.float16:  # points farther out are not finite themselves
        farthest = np.arcsinh(6e4 * curvature**0.5)
    s, r = pairs(seed, dim, curvature, share * farthest, dtype)
    c = torch.tensor(curvature, dtype=dtype, requires_grad=True)
    x, y = g.from_space(s, c), g.from_space(r, c)
    for name, function in FUNCTIONS.items():
        values = function(x, y, c)
        assert values.dtype == torch.promote_types(dtype, torch.float32)
        assert values.isfinite().all(), name
        gradients = torch.autograd.grad(
            values.sum(), (s, r, c), retain_graph=True, allow_unused=True
        )
        # Slopes themselves can be beyond the range of float16.
        if dtype != torch.float16:
            assert all(d.isfinite().all() for d in gradients if d is not None), name


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=25 * TIMES)
@given(seed=seeds, dim=dimensions, curvature=curvatures, radius=st.floats(0, 8))
def test_tangent_vectors_go_to_points_and_back(dtype, seed, dim, curvature, radius):
    wide = torch.promote_types(dtype, torch.float32)
    radius = min(radius, FARTHEST[wide] / curvature**0.5)
    v = torch.randn(4, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    v = (radius * v / v.norm(dim=1, keepdim=True)).to(dtype)
    v[0] = 0
    back = g.log_map0(g.exp_map0(v, curvature), curvature)
    torch.testing.assert_close(back, v.to(wide), rtol=1e-4, atol=1e-6)


def model(n_features, dim, curvature, *, learn=False, height=0.0):
    """Towers whose radii are beyond their clamp if `height` is large."""
    torch.manual_seed(0)
    towers = [
        LiftTower(torch.randn(n_features, dim), radius=r, n_hidden=4, dropout=0.0)
        for r in (0.3, 0.8)
    ]
    for tower in towers:
        torch.nn.init.constant_(tower.radius_network[2].bias, height)
    return BrainTextModel(
        *towers, curvature=curvature, learn_curvature=learn, inverse_temperature=12.0
    )


def objective_of(similarity, form, extent, ancestors):
    """An objective of all parts."""
    parts = (
        Alignment(1.0, SIMILARITIES[similarity]),
        BrainApex(1.0),
        TextAboveBrain(1.0, form, 0.3, 0.8),
        Extent(1.0, extent, 0.1),
        Network(1.0, ancestors),
        Drift(1.0),
    )
    return Objective(parts)


@settings(max_examples=60 * TIMES)
@given(
    similarity=st.sampled_from(sorted(SIMILARITIES)),
    form=st.sampled_from(["hinge", "centroid"]),
    batch=st.sampled_from(["one", "two", "repeated", "with a zero row", "all zero", "plain"]),
    dim=dimensions,
    curvature=curvatures,
    learn=st.booleans(),
    height=st.sampled_from([-1e4, -1.0, 0.0, 3.0, 1e4, 1e9]),
    scale=st.integers(-38, 37).map(lambda power: 10.0**power),
)
def test_losses_and_gradients_of_any_batch_are_finite(
    similarity, form, batch, dim, curvature, learn, height, scale
):
    n, n_features = {"one": 1, "two": 2}.get(batch, 6), 5
    text, brain = torch.randn(2, n, n_features, generator=torch.Generator().manual_seed(1))
    if batch == "repeated":
        text, brain = text[:1].repeat(n, 1), brain[:1].repeat(n, 1)
    elif batch == "with a zero row":
        text[0], brain[1] = 0, 0
    elif batch == "all zero":
        text, brain = torch.zeros_like(text), torch.zeros_like(brain)
    towers = model(n_features, dim, curvature, learn=learn, height=height)
    text, brain = text * scale, brain * scale
    ancestors = (brain.roll(1, 0), brain)
    objective = objective_of(similarity, form, torch.rand(n), ancestors)
    points = towers(text, brain)
    assert all(side.isfinite().all() for side in points)
    parts = objective(towers, points, torch.arange(n))
    loss = torch.stack(list(parts.values())).sum()
    assert loss.isfinite(), parts
    loss.backward()
    gradients = {name: w.grad for name, w in towers.named_parameters() if w.grad is not None}
    assert gradients
    for name, gradient in gradients.items():
        assert gradient.isfinite().all(), name


def corpus(n=24, n_terms=12, n_regions=7, seed=0):
    random = np.random.default_rng(seed)
    topics = random.dirichlet(np.full(4, 0.3), size=n)
    X = random.poisson(6 * topics @ random.gamma(0.3, size=(4, n_terms)))
    Y = random.poisson(6 * topics @ random.gamma(0.3, size=(4, n_regions)))
    return X.astype(float), Y.astype(float)


def quick(**params):
    """An embedder of parameters with their nested names."""
    embedder = HyperbolicBrainTextEmbedder(max_epochs=2, batch_size=12, random_state=0)
    return embedder.set_params(towers__n_hidden=4).set_params(**params)


def outputs(embedder, X, Y):
    """All numbers that the embedder gives."""
    text, brain = embedder.transform(X, Y)
    return {
        "text": text,
        "brain": brain,
        "similarity": embedder.similarity(text, brain),
        "predicted": embedder.predict(X),
        "decoded": embedder.inverse_transform(brain),
        "score": embedder.score(X, Y),
        "history": embedder.history_.drop(columns="validation_score", errors="ignore")[1:],
        "curvature": embedder.curvature_,
        "weights": embedder.feature_weights_,
    }


def assert_finite(numbers):
    for name, values in numbers.items():
        assert np.isfinite(np.asarray(values, dtype=np.float64)).all(), name


def as_dtype(values, dtype):
    """An array, or a tensor of the type that numpy does not have."""
    if dtype == "bfloat16":
        return torch.as_tensor(values).to(torch.bfloat16)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@settings(max_examples=60 * TIMES)
@given(
    rows=st.sampled_from(["one", "two", "repeated", "with zero rows", "plain"]),
    dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
    scales=st.tuples(st.integers(-300, 290), st.integers(-300, 290)),
    params=st.fixed_dictionaries(
        {},
        optional={
            "curvature": curvatures,
            "objective__learn_curvature": st.booleans(),
            "objective__text_radius": st.floats(0.0501, 7.99),
            "objective__brain_radius": st.floats(0.0501, 7.99),
            "objective__similarity": st.sampled_from(sorted(SIMILARITIES)),
            "objective__text_above_brain": st.sampled_from(["hinge", "centroid"]),
            "alpha": st.integers(-300, 300).map(lambda power: 10.0**power),
            "towers__dropout": st.floats(0, 1, exclude_max=True),
            "towers__inverse_temperature": st.floats(-30, 30).map(lambda power: 10.0**power),
            "n_components": st.integers(1, 7),
            "validation_fraction": st.sampled_from([0.0, 0.3]),
        },
    ),
)
def test_what_an_embedder_gives_is_finite_or_refused(rows, dtype, scales, params):
    X, Y = corpus()
    if rows == "repeated":
        X, Y = X[:1].repeat(24, 0), Y[:1].repeat(24, 0)
    elif rows == "with zero rows":
        X[::3], Y[::2] = 0, 0
    elif rows in ("one", "two"):
        n = ["one", "two"].index(rows) + 1
        X, Y = X[:n], Y[:n]
    X, Y = (as_dtype(values * 10.0**s, dtype) for values, s in zip((X, Y), scales, strict=True))
    assume(all(torch.as_tensor(values).isfinite().all() for values in (X, Y)))
    try:
        fitted = quick(**params).fit(X, Y)
    except (InvalidInputError, TrainingDivergedError):
        return
    assert_finite(outputs(fitted, X, Y))


FITTED = quick().fit(*corpus())


@settings(max_examples=100 * TIMES)
@given(
    scale=st.floats(-323, 308),
    dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
    zeros=st.booleans(),
)
def test_new_texts_and_maps_of_any_size_get_points_or_are_refused(scale, dtype, zeros):
    X, Y = (np.where(values > 0, 10.0**scale, -(10.0**scale)) for values in corpus())
    if zeros:
        X[:, ::2], Y[:, ::2] = 0, 0
    X, Y = as_dtype(X, dtype), as_dtype(Y, dtype)
    if torch.as_tensor(X).isfinite().all():
        try:
            points = FITTED.transform(X)
        except InvalidInputError:
            assert scale > 30
        else:
            assert_finite({"points": points, "predicted": FITTED.predict(X)})
        try:
            brains = FITTED.transform_brain(Y)
        except InvalidInputError:
            assert scale > 100
        else:
            assert_finite({"brains": brains})


def test_a_text_beyond_single_precision_is_refused_with_the_remedy():
    with pytest.raises(InvalidInputError, match=r"values of up to 1e\+200.*Scale X"):
        FITTED.transform(np.full((1, 12), 1e200))


@pytest.mark.parametrize("rapidity", [0.0, 1e-9, 1.0, 8.0, 28.0, 100.0, 338.0])
def test_points_anywhere_in_the_space_are_compared_and_decoded(rapidity):
    direction = torch.eye(FITTED.n_dimensions_, dtype=torch.float64)[:2]
    points = g.exp_map0(rapidity * direction, 1.0).numpy()
    texts = FITTED.transform(corpus()[0])
    assert_finite(
        {
            "decoded": FITTED.inverse_transform(points),
            "apexes": FITTED.similarity(points, texts),
            "others": FITTED.similarity(texts, points),
            "themselves": FITTED.similarity(points, points),
        }
    )


def test_points_that_are_none_are_refused():
    points = FITTED.transform(corpus()[0])
    for values, problem in (
        (points * np.nan, "NaN"),
        (np.full_like(points, np.inf), "infinity"),
        (points[:, 1:], "has 18 columns; points of this model have 19"),
        (points * 1e200, "whose products overflow"),
        (points + 1, "is not on the hyperboloid"),
    ):
        for ask in (
            FITTED.inverse_transform,
            lambda values: FITTED.similarity(values, points),
            lambda values: FITTED.similarity(points, values),
        ):
            with pytest.raises(InvalidInputError, match=problem):
                ask(values)


TEXTS = [
    "pain and heat",
    "memory load n-back",
    "fear faces amygdala",
    "finger tapping motor",
    "reading words language",
    "reward money",
]


def numbers_of(found):
    """All numbers of arrays, data frames and tuples."""
    if isinstance(found, tuple):
        return [number for part in found for number in numbers_of(part)]
    if isinstance(found, pd.DataFrame):
        return [found.select_dtypes("number").to_numpy()]
    return [np.asarray(found, dtype=np.float64)]


def degenerate_corpora():
    maps = np.random.default_rng(0).poisson(1.0, (6, 5)) + 1.0
    yield pytest.param(TEXTS, maps, id="six")
    yield pytest.param(TEXTS[:2], maps[:2], id="two")
    yield pytest.param(TEXTS[:1] * 6, maps[:1].repeat(6, 0), id="one repeated")
    yield pytest.param(TEXTS, maps[:, :1], id="one region")
    yield pytest.param(TEXTS, maps * 1e99, id="huge")
    yield pytest.param(TEXTS, maps * 1e-300, id="tiny")
    yield pytest.param(TEXTS, -maps, id="negative")


@pytest.mark.filterwarnings("ignore::sklearn_mnm.exceptions.DataWarning")
@pytest.mark.parametrize(("texts", "maps"), list(degenerate_corpora()))
@pytest.mark.parametrize("curvature", [1e-3, 1e3])
def test_encoders_and_decoders_of_degenerate_corpora_give_numbers(texts, maps, curvature):
    parts = {
        "embedder": quick(curvature=curvature, max_epochs=1),
        "vectorizer": TermVectorizer(min_df=1),
        "random_state": 0,
    }
    encoder = MNMEncoder(**parts).fit(texts, maps)
    decoder = MNMDecoder(**parts).fit(maps, texts)
    found = {
        "points": encoder.transform(texts),
        "maps and errors": encoder.predict(texts, return_std=True),
        "z": encoder.predict_z(texts),
        "interval": encoder.predict_interval(texts),
        "similar studies": encoder.retrieve(texts, k=2),
        "accuracy": encoder.score(texts, maps),
        "points of maps": decoder.transform(maps),
        "scores of terms": decoder.decision_function(maps),
        "probabilities": decoder.predict_proba(maps),
        "best terms": decoder.predict_topk(maps, k=2),
        "studies of maps": decoder.retrieve(maps, k=2),
        "precision": decoder.score(maps, texts),
    }
    for name, values in found.items():
        for numbers in numbers_of(values):
            assert np.isfinite(numbers).all(), name


@pytest.mark.parametrize(
    ("params", "cause"),
    [
        ({"learning_rate": 1e6}, r"Lower learning_rate=1e\+06"),
        ({"learning_rate": 1e20}, r"largest weight is .*Lower learning_rate=1e\+20"),
        ({"towers__weight_decay": 1e30}, r"Lower learning_rate=0.002 and weight_decay=1e\+30"),
        (
            {"objective__alignment_weight": 1e38},
            r"before the first step.*Lower the weights of these parts",
        ),
        ({"learning_rate": 1e20, "validation_fraction": 0.3}, r"Lower learning_rate=1e\+20"),
        # The last step, after which there is no loss to tell.
        ({"learning_rate": 1e20, "max_epochs": 1, "batch_size": 24}, r"Lower learning_rate=1e\+20"),
    ],
)
def test_training_that_diverges_stops_names_the_cause_and_keeps_the_last_good_weights(
    params, cause, tmp_path
):
    X, Y = corpus()
    params = {"max_epochs": 30, **params}
    embedder = quick(**params, checkpoint=tmp_path)
    with pytest.raises(TrainingDivergedError, match=cause) as caught:
        embedder.fit(X, Y)
    assert_finite(outputs(embedder, X, Y))
    assert caught.value.result.best_epoch == embedder.best_epoch_
    assert embedder.history_["epoch"].iloc[-1] < params["max_epochs"]
    # The weights are those of a training that ended in time.
    in_time = quick(**{**params, "max_epochs": embedder.best_epoch_}).fit(X, Y)
    np.testing.assert_allclose(embedder.predict(X), in_time.predict(X), rtol=1e-12, atol=1e-12)
    for side in ("text_tower", "brain_tower"):
        towers = (getattr(fit.model_, side) for fit in (embedder, in_time))
        for weights, expected in zip(*towers, strict=True):
            np.testing.assert_array_equal(weights, expected)
    # The state before is kept, too, unless the first epoch diverged, and holds finite numbers.
    states = list(tmp_path.rglob("training.safetensors"))
    assert bool(states) == (len(embedder.history_) > 1)
    for state in states:
        assert all(t.isfinite().all() for t in load_snapshot(state).tensors.values())
    # With the remedy it goes well.
    remedied = embedder.set_params(learning_rate=2e-3, objective=None, towers=Towers(n_hidden=4))
    assert_finite(outputs(remedied.set_params(max_epochs=2).fit(X, Y), X, Y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-35, 1e32])
def test_features_that_would_make_training_diverge_are_refused_before(dtype, scale):
    X, Y = corpus()
    with pytest.raises(InvalidInputError, match=r"X has values of up to .*Divide X by"):
        quick().fit((X * scale).astype(dtype), Y)
    X = X * scale / np.abs(X * scale).max()  # as the message says
    assert_finite(outputs(quick().fit(X.astype(dtype), Y), X, Y))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"curvature": 1e4}, r"text_radius=0.3 is 30 radii of curvature.*Lower one of the two"),
        ({"curvature": 400.0, "objective__brain_radius": 2.0}, r"brain_radius=2 is 40 radii"),
        (
            {"curvature": 1e3, "objective__learn_curvature": True},
            r"outside of the range.*0.1 to 10",
        ),
    ],
)
def test_curvatures_that_overflow_are_refused(params, message):
    with pytest.raises(InvalidInputError, match=message):
        quick(objective__similarity="exterior_angle", **params).fit(*corpus())
    # Of no effect where radii are information.
    X, Y = corpus()
    fitted = quick(**params).fit(X, Y)
    assert fitted.curvature_ == params["curvature"]
    assert_finite(outputs(fitted, X, Y))


@pytest.mark.parametrize("alpha", [1e-300, 1e-40, 1e40, 1e300])
def test_penalties_beyond_double_precision_are_refused(alpha):
    with pytest.raises(InvalidInputError, match=r"alpha=.*times the mean squared norm.*'auto'"):
        quick(alpha=alpha).fit(*corpus())


@pytest.mark.parametrize("weight", [1e-300, 1e-31, 1e31, 1e300])
def test_weights_of_studies_beyond_single_precision_are_refused(weight):
    X, Y = corpus()
    with pytest.raises(InvalidInputError, match=r"sample_weight holds values of up to .*Divide"):
        quick().fit(X, Y, sample_weight=np.full(24, weight))
    weights = np.full(24, weight) / weight * np.logspace(-30, 0, 24)
    fitted = quick().fit(X, Y, sample_weight=weights)
    assert_finite(outputs(fitted, X, Y))
    assert np.isfinite(fitted.score(X, Y, sample_weight=weights))
