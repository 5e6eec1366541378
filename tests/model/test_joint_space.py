"""Texts and maps in one space: angles are the learnt similarity, radii stay as given."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_mnm.geometry.arrays import points_of
from sklearn_mnm.model.joint_space import JointSpace, TextPart
from sklearn_mnm.nn.similarity import SIMILARITIES

PROPERTY = settings(max_examples=30, derandomize=True)
SEEDS = st.integers(0, 2**31)
# Of the largest height: as they are learnt, none, and far beyond.
HEIGHTS = st.sampled_from([0.3, 0.0, 1e-9, 50.0])
D, M, N, N_REGIONS = 5, 3, 7, 6


def unit_rows(random, n, d):
    rows = random.normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def text_part(random, height=0.3):
    return TextPart(
        direction=unit_rows(random, N, D),
        height=random.uniform(-height, height, size=N),
        strength=random.gamma(1.0, size=N),
        meaning=unit_rows(random, N, M),
        radius=random.uniform(0.2, 5.0, size=N),
    )


class Case:
    """Texts, maps, and the space that was fitted to them."""

    def __init__(self, seed, height=0.3):
        random = np.random.default_rng(seed)
        self.text = text_part(random, height)
        self.v, self.k = unit_rows(random, N, D), random.uniform(-height, height, size=N)
        self.maps = random.poisson(0.7, size=(N, N_REGIONS)) * random.gamma(1.0)
        self.space = JointSpace.fit(self.text, self.k, self.maps)
        self.radius = self.space.brain_radius(self.maps)

    def brain_tangent(self):
        return self.space.brain_tangent(self.v, self.k, self.radius, self.space.n_dimensions(M))


def cosines(first, second):
    norms = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(second, axis=1)
    return first @ second.T / np.where(norms > 0, norms, 1)


@PROPERTY
@given(SEEDS, HEIGHTS)
def test_the_cosine_of_a_text_and_a_map_is_their_learnt_similarity(seed, height):
    case = Case(seed, height)
    largest = case.space.largest_height
    h, k = (np.clip(side, -largest, largest) for side in (case.text.height, case.k))
    expected = case.text.direction @ case.v.T + h[:, np.newaxis] + k
    known = case.radius > 0
    found = cosines(case.space.text_tangent(case.text), case.brain_tangent())[:, known]
    unit = case.space.cosine_unit
    np.testing.assert_allclose(found, unit * expected[:, known], rtol=1e-10, atol=1e-12)
    # No height of the fit is held back, unless there would be no room for it.
    assert largest == 8 or largest > max(np.abs(case.text.height).max(), np.abs(case.k).max())
    # And so it is in the space itself, whatever its curvature.
    points = (
        torch.from_numpy(points_of(tangent / 0.7**0.5, 0.7))
        for tangent in (case.space.text_tangent(case.text), case.brain_tangent())
    )
    angles = SIMILARITIES["root_angle"](*points, 0.7).numpy()[:, known]
    np.testing.assert_allclose(angles, unit * expected[:, known], rtol=1e-7, atol=1e-9)


@PROPERTY
@given(SEEDS, HEIGHTS)
def test_tangent_vectors_are_as_long_as_their_radius(seed, height):
    case = Case(seed, height)
    text, brain = case.space.text_tangent(case.text), case.brain_tangent()
    assert text.shape == brain.shape == (N, D + M + 4)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), case.text.radius, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(brain, axis=1), case.radius, rtol=1e-12)


@PROPERTY
@given(SEEDS, st.floats(0, 1e6))
def test_heights_beyond_those_of_the_fit_are_held(seed, factor):
    case = Case(seed)
    higher = case.text._replace(height=case.text.height * factor)
    tangent = case.space.text_tangent(higher)
    np.testing.assert_allclose(np.linalg.norm(tangent, axis=1), higher.radius, rtol=1e-12)
    largest = 1.5 * max(np.abs(case.text.height).max(), np.abs(case.k).max())
    assert case.space.largest_height == pytest.approx(largest)
    held = case.text._replace(height=np.clip(higher.height, -largest, largest))
    np.testing.assert_allclose(tangent, case.space.text_tangent(held), rtol=1e-9, atol=1e-12)


@PROPERTY
@given(SEEDS)
def test_the_cosine_of_two_texts_is_nearly_that_of_their_meanings(seed):
    case = Case(seed)
    tangent = case.space.text_tangent(case.text)
    share = case.space.cosine_unit**2 * (1 + 2 * case.space.balance**2)
    pairing = share * (2 + 2 * case.space.balance**2)
    difference = cosines(tangent, tangent) - case.text.meaning @ case.text.meaning.T
    assert np.abs(difference).max() <= 2 * pairing < 0.5


@PROPERTY
@given(SEEDS, HEIGHTS)
def test_what_maps_and_terms_are_predicted_from_is_recovered(seed, height):
    case = Case(seed, height)
    found = case.space.text_predictors(case.space.text_tangent(case.text))
    strength = case.text.strength / case.text.strength.max()
    expected = case.text.direction * strength[:, np.newaxis]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    known = case.radius > 0
    found = case.space.brain_predictors(case.brain_tangent())
    np.testing.assert_allclose(found[known], case.v[known], rtol=1e-9, atol=1e-12)
    assert (found[~known] == 0).all()


def test_a_text_at_the_root_predicts_nothing():
    case = Case(0)
    tangent = case.space.text_tangent(case.text._replace(radius=np.zeros(N)))
    assert not tangent.any()
    assert not case.space.text_predictors(tangent).any()


# Radii of maps

ACTIVATIONS = st.lists(st.floats(0, 1e4), min_size=N_REGIONS, max_size=N_REGIONS).map(np.array)


@PROPERTY
@given(ACTIVATIONS, ACTIVATIONS)
def test_a_sum_of_maps_is_nearer_to_the_root_than_its_parts(first, second):
    space = Case(0).space
    radii = space.brain_radius(np.stack([first, second, first + second]))
    for part, values, added in ((0, first, second), (1, second, first)):
        if values.any():
            assert radii[2] <= radii[part] + 1e-12
            grown = (values < 0.1 * space.unit) & (added > 1e-3 * space.unit)
            assert not grown.any() or radii[2] < radii[part]
        else:
            assert radii[part] == 0


@PROPERTY
@given(ACTIVATIONS)
def test_the_radius_of_a_map_is_that_of_the_formula(values):
    space = Case(1).space
    active = [1 - np.exp(-value / (0.1 * space.unit)) for value in values]
    extent = sum(active) / len(active)
    (found,) = space.brain_radius(values[np.newaxis])
    if extent > 1e-12:
        expected = space.least_radius + 0.35 * np.log(1 / extent)
        assert found == pytest.approx(expected, rel=1e-3 if extent < 1e-9 else 1e-6)
    (negative,) = space.brain_radius(-values[np.newaxis])
    assert negative == found


@PROPERTY
@given(SEEDS, ACTIVATIONS)
def test_every_map_is_farther_from_the_root_than_every_text_of_the_fit(seed, values):
    case = Case(seed)
    radius = case.space.brain_radius(values[np.newaxis])[0]
    assert radius == 0 if not values.any() else radius > case.text.radius.max()


def test_maps_without_activation_and_texts_of_no_strength_make_a_space():
    text = text_part(np.random.default_rng(0))._replace(strength=np.zeros(N))
    space = JointSpace.fit(text, np.zeros(N), np.zeros((N, N_REGIONS)))
    assert space.unit == space.largest_strength == 1
    assert np.isfinite(space.text_tangent(text)).all()
    assert (space.brain_radius(np.zeros((2, N_REGIONS))) == 0).all()
