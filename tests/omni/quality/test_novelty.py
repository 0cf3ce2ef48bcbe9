"""How familiar a prompt is, and what that does to a choice."""

from dataclasses import replace

import numpy as np

from omni.quality.learners import Nearest, find_nearest
from omni.quality.novelty import fit_familiarity, likeness
from tests.omni.quality.planted import plant
from tests.omni.quality.test_fitted import expect, fit


def _directions(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, 6)) * [1, 1, 1, 0.1, 0.1, 0.1]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_prompts_of_the_same_kind_are_familiar_and_others_are_not() -> None:
    """Nine of ten prompts like the fit prompts count in full, one from another direction not at all."""
    near = _directions(300, 0)
    familiarity = fit_familiarity(near, np.arange(300) % 5, seed=0)
    assert (familiarity.share(find_nearest(near, _directions(300, 1))) == 1.0).mean() > 0.85
    assert familiarity.share(find_nearest(near, np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]))) == 0.0


def test_identical_prompts_are_familiar() -> None:
    """Where all fit prompts are the same, the scale has a width, and their like counts in full."""
    near = np.tile([[1.0, 0.0]], (40, 1))
    familiarity = fit_familiarity(near, np.arange(40) % 5, seed=0)
    assert (familiarity.share(find_nearest(near, near)) == 1.0).all()
    assert familiarity.share(find_nearest(near, np.array([[0.0, 1.0]]))) == 0.0


def test_likeness_is_the_mean_of_the_eight_nearest() -> None:
    """More are not asked, fewer are taken as they are, and nothing to compare with is nothing alike."""
    nearest = Nearest(np.zeros((1, 10), dtype=int), np.array([[0.1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0]]))
    assert likeness(nearest) == np.mean([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    assert likeness(Nearest(np.zeros((1, 2), dtype=int), np.array([[0.2, 0.6]]))) == 0.4
    assert likeness(find_nearest(np.zeros((0, 2)), np.ones((3, 2)))).tolist() == [0.0, 0.0, 0.0]


def test_a_prompt_unlike_all_fit_prompts_goes_to_the_best_single_model() -> None:
    """Deviations fade with familiarity, and the margin of error grows."""
    data = plant()
    pool = fit(data)
    assert pool.familiarity is not None
    usual = expect(pool, data.features)
    strange = replace(pool, familiarity=replace(pool.familiarity, lowest=2.0, highest=3.0))
    far = expect(strange, data.features)
    assert len(set(usual.quality.argmax(1))) > 1
    assert np.allclose(far.quality, pool.mean)
    assert (far.quality_se >= usual.quality_se).all()
    assert far.quality_se.max() > usual.quality_se.max()
    assert usual.is_familiar is not None
    assert far.is_familiar is not None
    assert (usual.is_familiar.mean() > 0.9, far.is_familiar.any()) == (True, False)
