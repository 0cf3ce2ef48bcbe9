"""Resampling, tests and power on small numbers."""

import numpy as np
import pytest

from evals.stats import (
    group_sums,
    holm,
    n_for_80_power,
    percentile_interval,
    ratio,
    resample_weights,
    sign_test,
)


def test_resamples_draw_as_many_groups_as_there_are_and_repeat_by_seed():
    """Every row sums to the number of groups; the same seed draws the same rows."""
    weights = resample_weights(7, seed=3, n_resamples=50)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, resample_weights(7, seed=3, n_resamples=50))
    assert not np.array_equal(weights, resample_weights(7, seed=4, n_resamples=50))


def test_group_sums_add_up_columns_of_one_group():
    """Groups 0, 2, 0: 1 + 4 in the first, nothing in the second."""
    sums = group_sums(np.array([[1.0, 2.0, 4.0]]), np.array([0, 2, 0]), 3)
    assert sums.tolist() == [[5.0, 0.0, 2.0]]


def test_a_ratio_of_nothing_is_unknown():
    """0 of 0 is NaN, without a warning."""
    assert np.isnan(ratio(np.array([0.0]), np.array([0.0]))).all()


def test_an_interval_needs_almost_all_resamples():
    """More than 2.5 % undefined: the interval is, too."""
    samples = np.linspace(0.0, 1.0, 1001)
    assert percentile_interval(samples) == pytest.approx((0.025, 0.975))
    samples[:50] = np.inf
    assert percentile_interval(samples) is None
    assert percentile_interval(np.array([])) is None


def test_the_bootstrap_interval_is_as_wide_as_the_normal_one():
    """Mean of 400 coin flips: 1.96 x 0.025 to either side."""
    values = np.random.default_rng(0).integers(2, size=400).astype(float)
    weights = resample_weights(400, seed=1)
    interval = percentile_interval(weights @ values / 400)
    assert interval.hi - interval.lo == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)


def test_the_sign_test_counts_only_prompts_that_differ():
    """Five wins and no loss: p = 2 / 32; ties and unknown cells do not count."""
    assert sign_test(np.array([1, 1, 1, 1, 1, 0, 0, np.nan])) == pytest.approx(2 / 32)
    assert sign_test(np.zeros(4)) is None


def test_holm_multiplies_by_the_comparisons_left_and_never_falls():
    """0.01 x 3, then 0.02 x 2 = 0.04, then 0.04 x 1 is not below the one before; unknown ones do not count."""
    adjusted = holm({"a": 0.02, "b": 0.01, "c": 0.04, "d": None})
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.03, "c": 0.04, "d": None})


def test_power_of_the_stated_example():
    """Disagreement 0.15 and a difference of 1.5 points need about 5,200 prompts."""
    assert n_for_80_power(0.15, 0.015) == 5234
    assert n_for_80_power(0.15, 0.0) is None
    assert n_for_80_power(0.0, 0.01) is None
