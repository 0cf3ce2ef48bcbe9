"""Abilities of models not seen, from models like them."""

import numpy as np
import pytest

from omni.quality.kriging import ABILITY, N_SKILLS, Observed, condition, krige
from omni.quality.lineage import describe_models

EVEN = np.full(N_SKILLS, 0.25)


def _models(*sizes, family="qwen2"):
    names = [f"{family}-{size}b" for size in sizes]
    return describe_models(names, [None] * len(names), list(sizes), {})


def test_without_observations_larger_and_newer_models_are_expected_to_be_better():
    """Size and date speak where nothing else does, with a wide error."""
    expected = krige(ABILITY, [], _models(7.0, 70.0))
    mean, covariance = expected.at(EVEN)
    assert mean[1] > mean[0]
    assert np.diag(covariance).min() > 0.1


def test_an_observed_model_is_known_better_than_an_unseen_one():
    """The error shrinks most for the model itself, less for its family, least for strangers."""
    pool = [*_models(7.0, 70.0), *_models(8.0, family="zzz")]
    seen = Observed(_models(7.0, 70.0, 14.0), EVEN, np.array([0.0, 3.0, 0.5]), np.full(3, 0.01))
    mean, covariance = krige(ABILITY, [seen], pool).at(EVEN)
    _, before = krige(ABILITY, [], pool).at(EVEN)
    shrunk = np.diag(covariance) / np.diag(before)
    assert mean[1] - mean[0] > 1.0
    assert shrunk[2] > shrunk[1]


def test_the_level_of_a_source_says_nothing_of_its_models():
    """The same differences on an easier source give the same abilities."""
    pool, seen = _models(7.0, 70.0), _models(7.0, 70.0, 32.0)
    value = np.array([-1.0, 1.0, 0.5])
    hard = krige(ABILITY, [Observed(seen, EVEN, value, np.full(3, 0.01))], pool)
    easy = krige(ABILITY, [Observed(seen, EVEN, value + 2.0, np.full(3, 0.01))], pool)
    assert easy.mean == pytest.approx(hard.mean)
    assert easy.level == pytest.approx(hard.level + 2.0)


def test_few_outcomes_move_a_model_as_far_as_their_noise_allows():
    """Exact outcomes are believed, noisy ones hardly; a model not seen follows the level."""
    covariance = 0.25 * np.eye(3)
    seen = np.array([1.0, -1.0, np.nan])
    exact, left = condition(np.zeros(3), covariance, seen, np.full(3, 1e-6))
    noisy, _ = condition(np.zeros(3), covariance, seen, np.full(3, 10.0))
    assert exact[0] - exact[1] == pytest.approx(2.0, abs=0.01)
    assert abs(noisy[0] - noisy[1]) < 0.1
    assert left[0, 0] < left[2, 2]
