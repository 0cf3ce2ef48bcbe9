"""What is promised of the chosen models against what they scored."""

from dataclasses import replace

import numpy as np

from omni.quality.calibrate import fit_calibration
from omni.quality.pool import fit_pool
from tests.omni.quality.planted import plant


def test_promises_that_were_too_high_are_lowered() -> None:
    """A curve learned from many choices takes most of a constant excess away, more where promises were worse."""
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.2, 0.8, 20_000)
    calibration = fit_calibration(chance + 0.1, (rng.random(20_000) < chance).astype(float))
    assert np.allclose(calibration.shift(np.array([0.4, 0.6, 0.8])), -0.1, atol=0.03)


def test_few_choices_move_little() -> None:
    """Twenty wrong promises of 1 do not make it 0."""
    assert -0.05 < fit_calibration(np.ones(20), np.zeros(20)).shift(np.ones(1))[0] < 0.0


def test_without_a_scored_choice_nothing_moves() -> None:
    """Choices that nobody scored say nothing."""
    assert fit_calibration(np.full(3, 0.5), np.full(3, np.nan)).shift(np.array([0.9]))[0] == 0.0


def test_levels_move_and_choices_stay() -> None:
    """All models of a prompt move alike."""
    data, test = plant(2000), plant(200, seed=1)
    pool = fit_pool(data.features, data.scores * 0.5, data.costs_usd, groups=data.groups, categories=None)
    moved, before = (one.predict(test.features).quality for one in (pool, replace(pool, calibration=None)))
    assert np.abs(moved - before).max() > 0.001
    assert (moved.argmax(1) == before.argmax(1)).all()
