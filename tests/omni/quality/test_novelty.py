"""How familiar a prompt is, and what that does to a choice."""

from dataclasses import replace

import numpy as np

from omni.quality.novelty import fit_familiarity, likeness
from omni.quality.pool import fit_pool
from tests.omni.quality.planted import plant


def _directions(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, 6)) * [1, 1, 1, 0.1, 0.1, 0.1]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_prompts_of_the_same_kind_are_familiar_and_others_are_not() -> None:
    """Nine of ten prompts like the fit prompts count in full, one from another direction not at all."""
    familiarity = fit_familiarity(_directions(300, 0), np.arange(300) % 5, seed=0)
    assert (familiarity.share(_directions(300, 1)) == 1.0).mean() > 0.85
    assert familiarity.share(np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]])) == 0.0


def test_identical_prompts_are_familiar() -> None:
    """Where all fit prompts are the same, the scale has a width, and their like counts in full."""
    near = np.tile([[1.0, 0.0]], (40, 1))
    familiarity = fit_familiarity(near, np.arange(40) % 5, seed=0)
    assert (familiarity.share(near) == 1.0).all()
    assert familiarity.share(np.array([[0.0, 1.0]])) == 0.0


def test_likeness_without_others_is_zero() -> None:
    """Nothing to compare with is nothing alike."""
    assert (likeness(np.ones((3, 2)), np.zeros((0, 2))) == 0.0).all()


def test_a_prompt_unlike_all_fit_prompts_goes_to_the_best_single_model() -> None:
    """Deviations fade with familiarity, and the doubt about a difference grows."""
    data = plant()
    pool = fit_pool(data.features, data.scores, data.costs_usd, groups=data.groups, categories=None)
    assert pool.familiarity is not None
    usual = pool.predict(data.features)
    far = replace(pool, familiarity=replace(pool.familiarity, lowest=2.0, highest=3.0)).predict(data.features)
    assert len(set(usual.quality.argmax(1))) > 1
    assert np.allclose(far.quality, pool.mean)
    assert (far.gain_se >= usual.gain_se).all()
    assert far.gain_se.max() > usual.gain_se.max()
