"""A few outcomes against what was expected of models."""

import numpy as np

from omni.quality.kriging import N_SKILLS
from omni.quality.outcomes import learn

M = 4


def spread(sd: float = 0.5) -> np.ndarray:
    """Independent models, skills that go together."""
    return sd**2 * np.ones((N_SKILLS, N_SKILLS, 1, 1)) * np.eye(M)


def draw(ability: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Shares of skills and scores of n prompts of differing difficulty."""
    shares = rng.dirichlet(np.ones(N_SKILLS), size=n)
    logits = ability[None] + rng.normal(0, 1, (n, 1))
    return shares, (rng.random((n, M)) < 1 / (1 + np.exp(-logits))).astype(float)


def test_many_outcomes_find_the_differences_between_models():
    """With 4,000 prompts the differences of planted abilities come back within 0.25 logits."""
    ability = np.array([-0.6, 0.0, 0.3, 0.9])
    shares, scores = draw(ability, 4000, np.random.default_rng(1))
    learned = learn(spread(), np.zeros(scores.shape), shares, scores)
    found = learned.shift.mean(axis=1)
    assert np.abs((found - found.mean()) - (ability - ability.mean())).max() < 0.25


def test_a_model_that_nobody_saw_stays_where_it_was_expected():
    """A column of unknown scores moves with the level of the others at most, and stays as wide."""
    shares, scores = draw(np.zeros(M), 50, np.random.default_rng(2))
    scores[:, 3] = np.nan
    learned = learn(spread(), np.zeros(scores.shape), shares, scores)
    width = np.einsum("aaii->i", learned.covariance)
    assert (width[3] > width[:3]).all()
    assert abs(learned.shift[3].mean() - learned.shift[:3].mean()) < 0.3


def test_hard_prompts_say_nothing_of_differences():
    """When all models fail alike, all move down together."""
    shares = np.full((20, N_SKILLS), 1 / N_SKILLS)
    learned = learn(spread(), np.zeros((20, M)), shares, np.zeros((20, M)))
    assert learned.shift.mean() < -0.3
    assert np.ptp(learned.shift.mean(axis=1)) < 1e-6
