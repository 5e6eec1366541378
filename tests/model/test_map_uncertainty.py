"""Standard deviations, intervals and z maps of predicted activations."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from sklearn_mnm.exceptions import InvalidInputError
from sklearn_mnm.model.map_uncertainty import COVERAGES, NORMAL_SCORES, MapUncertainty

seeds = st.integers(0, 2**31)


def negative_binomial(seed, n_studies=600, n_regions=20, dispersion=0.5):
    """Rates and counts with variance rate + dispersion * rate^2."""
    random = np.random.default_rng(seed)
    regions = random.gamma(1.0, 0.5, size=n_regions)
    rates = regions * random.gamma(0.5, 2.0, size=(n_studies, n_regions)) + 1e-3
    shape = 1 / dispersion
    return rates, random.poisson(random.gamma(shape, rates / shape)).astype(float)


def signed_noise(seed, n_studies=600, n_regions=20):
    """Predictions and values that differ by normal noise, one spread a region."""
    random = np.random.default_rng(seed)
    predicted = random.normal(size=(n_studies, n_regions))
    spread = random.uniform(0.5, 2.0, size=n_regions)
    return predicted, predicted + spread * random.normal(size=predicted.shape), spread


@given(seed=seeds, n_studies=st.integers(2, 40), n_regions=st.integers(1, 6))
@settings(max_examples=60)
def test_everything_is_finite_and_std_is_positive(seed, n_studies, n_regions):
    random = np.random.default_rng(seed)
    predicted, observed = negative_binomial(seed, n_studies, n_regions)
    # Degenerate cases: maps of zeros, regions never active, predictions that never vary or are 0.
    observed[random.random(n_studies) < 0.3] = 0
    observed[:, random.random(n_regions) < 0.3] = 0
    predicted[:, random.random(n_regions) < 0.3] = random.choice([0.0, 0.7])
    uncertainty = MapUncertainty.fit(predicted, observed)
    new = np.concatenate([predicted, 10 * predicted, np.zeros((1, n_regions))])
    assert np.all(np.isfinite(uncertainty.std(new)) & (uncertainty.std(new) > 0))
    assert np.isfinite(uncertainty.z(new)).all()
    lower, upper = uncertainty.interval(new)
    assert np.all((lower == 0) & (upper >= lower) & np.isfinite(upper))


@given(seed=seeds)
@settings(max_examples=15)
def test_std_and_z_grow_with_the_prediction(seed):
    uncertainty = MapUncertainty.fit(*negative_binomial(seed, 200))
    steps = np.linspace(0, 20, 200)[:, np.newaxis] * np.ones(20)
    assert np.all(np.diff(uncertainty.std(steps), axis=0) >= 0)
    assert np.all(np.diff(uncertainty.z(steps), axis=0) > 0)


@given(seed=seeds)
@settings(max_examples=15)
def test_intervals_widen_with_coverage(seed):
    for predicted, observed in (negative_binomial(seed, 200), signed_noise(seed, 200)[:2]):
        uncertainty = MapUncertainty.fit(predicted, observed)
        bounds = [uncertainty.interval(predicted, c) for c in np.linspace(0.5, 0.99, 30)]
        for (lower, upper), (wider_lower, wider_upper) in pairwise(bounds):
            assert np.all((wider_lower <= lower) & (upper <= wider_upper))


# By such factors nothing is rounded: others move values that are at an edge, of what counts as
# active or of a bin, to its other side.
@given(
    seed=seeds,
    factor=st.integers(-10, 10).map(lambda n: 4.0**n),
    power=st.sampled_from([0.5, 1.0]),
)
@settings(max_examples=25)
def test_units_of_the_activations_carry_over(seed, factor, power):
    predicted, observed = negative_binomial(seed, 100)
    one = MapUncertainty.fit(predicted, observed, power=power)
    other = MapUncertainty.fit(factor * predicted, factor * observed, power=power)
    scaled = factor * predicted
    np.testing.assert_allclose(other.std(scaled), factor * one.std(predicted), rtol=1e-5)
    np.testing.assert_allclose(other.z(scaled), one.z(predicted), rtol=1e-6, atol=1e-6)
    # Values at an edge may change bins by rounding; a few do at most.
    upper, scaled_upper = one.interval(predicted)[1], other.interval(scaled)[1]
    close = np.isclose(scaled_upper, factor * upper, rtol=1e-6, atol=1e-9 * factor)
    assert close.mean() > 0.99


@pytest.mark.parametrize("seed", range(4))
def test_std_finds_the_law_of_the_variance(seed):
    uncertainty = MapUncertainty.fit(*negative_binomial(seed, 4000))
    rates = np.array([0.1, 0.5, 1.0, 3.0])[:, np.newaxis] * np.ones(20)
    expected = np.sqrt(rates + 0.5 * rates**2)
    np.testing.assert_allclose(np.median(uncertainty.std(rates) / expected, axis=1), 1, atol=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_std_finds_the_spread_of_each_region(seed):
    predicted, observed, spread = signed_noise(seed, 4000)
    uncertainty = MapUncertainty.fit(predicted, observed, power=1.0)
    np.testing.assert_allclose(uncertainty.std(np.zeros((1, 20)))[0], spread, rtol=0.1)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.93, 0.95])
@pytest.mark.parametrize("seed", range(3))
def test_intervals_of_counts_cover_what_they_promise_at_every_strength(seed, coverage):
    rates, counts = negative_binomial(seed, 6000)
    # Continuous: with ties a bound covers more than it promises.
    counts += np.random.default_rng(seed).uniform(0, 0.5, size=counts.shape)
    uncertainty = MapUncertainty.fit(rates[:3000], counts[:3000])
    lower, upper = uncertainty.interval(rates[3000:], coverage)
    within = (lower <= counts[3000:]) & (counts[3000:] <= upper)
    # Both the quantiles and the shares vary by chance.
    for part in np.array_split(np.argsort(rates[3000:], axis=None), 5):
        deviation = np.sqrt(2 * coverage * (1 - coverage) / len(part))
        assert abs(within.flat[part].mean() - coverage) < 5 * deviation


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_of_signed_values_have_two_sides(coverage):
    predicted, observed, _ = signed_noise(0, 6000)
    uncertainty = MapUncertainty.fit(predicted[:3000], observed[:3000], power=1.0)
    lower, upper = uncertainty.interval(predicted[3000:], coverage)
    new = observed[3000:]
    deviation = np.sqrt(2 * coverage * (1 - coverage) / new.size)
    assert abs(np.mean((lower <= new) & (new <= upper)) - coverage) < 5 * deviation
    assert abs(np.mean(new < lower) - np.mean(new > upper)) < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_z_is_standard_normal_where_texts_are_unrelated_and_higher_where_related(seed):
    random = np.random.default_rng(seed)
    active = random.random((4000, 30)) < 0.1
    observed = np.where(active, random.gamma(2.0, size=active.shape), 0.0)
    # Skewed, as predictions of counts are, with a scale of its own in each region.
    predicted = random.gamma(0.5, size=active.shape) + 1.5 * active
    predicted *= random.uniform(0.1, 3.0, size=30)
    uncertainty = MapUncertainty.fit(predicted[:2000], observed[:2000])
    z, related = (
        uncertainty.z(predicted[2000:]),
        observed[2000:] > 0.1 * observed[2000:].max(axis=1, keepdims=True),
    )
    assert abs(z[~related].mean()) < 0.05
    assert abs(z[~related].std() - 1) < 0.05
    for rate in (0.05, 0.01):
        share = np.mean(z[~related] > norm.isf(rate))
        assert abs(share - rate) < 5 * np.sqrt(2 * rate / (~related).sum())
    assert z[related].mean() > 1


def test_z_does_not_depend_on_how_common_a_region_is():
    predicted, observed = negative_binomial(0, 2000)
    factors = np.geomspace(0.01, 100, 20)
    plain = MapUncertainty.fit(predicted, np.ones_like(observed))
    scaled = MapUncertainty.fit(predicted * factors, np.ones_like(observed))
    np.testing.assert_allclose(scaled.z(predicted * factors), plain.z(predicted), atol=1e-6)


def test_z_beyond_the_data_goes_on():
    predicted, observed = negative_binomial(0, 500)
    uncertainty = MapUncertainty.fit(predicted, observed)
    largest = predicted.max() * np.array([[10.0], [20.0]]) * np.ones(20)
    z = uncertainty.z(largest)
    assert np.all(z > NORMAL_SCORES[-1])
    assert np.all(z[1] > z[0])


@pytest.mark.parametrize("coverage", [0.0, 0.49, 0.995, 1.5, float("nan"), "0.9", None])
def test_coverage_out_of_range_is_refused(coverage):
    uncertainty = MapUncertainty.fit(*negative_binomial(0, 50))
    with pytest.raises(InvalidInputError, match="coverage="):
        uncertainty.interval(np.ones((1, 20)), coverage)


def test_the_ends_of_the_range_are_accepted():
    uncertainty = MapUncertainty.fit(*negative_binomial(0, 50))
    for coverage in (COVERAGES[0], COVERAGES[-1]):
        uncertainty.interval(np.ones((1, 20)), float(coverage))


@pytest.mark.parametrize(
    ("predicted", "observed", "message"),
    [
        (np.ones((5, 2)), np.ones((5, 3)), "shape"),
        (np.ones(5), np.ones(5), "shape"),
        (np.ones((1, 2)), np.ones((1, 2)), "2 studies"),
        (np.full((5, 2), np.nan), np.ones((5, 2)), "predicted has 10 values"),
        (np.ones((5, 2)), np.array([[np.inf, 1]] + [[1, 1]] * 4), "observed has 1 values"),
    ],
)
def test_pairs_that_cannot_be_learnt_from_are_refused(predicted, observed, message):
    with pytest.raises(InvalidInputError, match=message):
        MapUncertainty.fit(predicted, observed)
