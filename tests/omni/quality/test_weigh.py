"""Weights of the learners, and the share of their sum that is used."""

import numpy as np

from omni.quality.guard import choose_shrink, envelope_at, relevance, unbiased_scores
from omni.quality.weigh import Weigher, find_parts, solve_weights


def contrasts(n_prompts: int = 500, n_models: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_prompts, n_models)) * 0.2


def test_the_learner_that_knows_gets_the_weight() -> None:
    """Of a true and a random prediction, the true one counts."""
    truth = contrasts()
    noise = truth + contrasts(seed=1)
    held_out = np.stack([truth, contrasts(seed=2)])
    parts = find_parts(np.ones(5))
    weights = Weigher(held_out, noise, np.ones(noise.shape, bool), parts, np.arange(500) % 5).solve()
    assert weights.contrasts[0] > 0.8
    assert weights.contrasts[1] < 0.1


def test_gaps_do_not_pull_weights_down() -> None:
    """With half of the cells unseen a true prediction keeps its weight."""
    truth = contrasts()
    seen = np.random.default_rng(3).random(truth.shape) < 0.5
    weigher = Weigher(truth[None], truth, seen, find_parts(np.ones(5)), np.arange(500) % 5)
    assert weigher.solve().contrasts[0] > 0.85


def test_parts_with_equal_weights_change_nothing() -> None:
    """Level and contrasts together are the whole deviation."""
    deviations = contrasts()
    parts = find_parts(np.array([1.0, 0.5, 0.1, 1.0, 0.02]))
    assert np.allclose(deviations @ parts.transform(1.0, 1.0), deviations)


def test_weights_are_never_negative() -> None:
    """A learner that is wrong all the time gets 0."""
    assert solve_weights(np.eye(1), np.array([-1.0]), 0.01)[0] == 0.0


def test_no_shrink_where_deviations_cost_quality() -> None:
    """Held-out predictions that choose worse than the means are switched off."""
    scores = contrasts(2000) + 0.5
    trust = choose_shrink(np.full(5, 0.5), -scores, np.full((2000, 5), 1e-3), scores, np.full((2000, 5), 1e-3))
    assert trust.shrink == 0.0


def test_stand_ins_for_gaps_keep_the_mean() -> None:
    """The mean over prompts of a model with gaps stays that of its seen cells."""
    scores = np.clip(contrasts(4000) + 0.5, 0, 1)
    seen = np.random.default_rng(5).random(scores.shape) < 0.5
    stand_in = unbiased_scores(scores, seen, scores.mean(0))
    assert np.abs(stand_in.mean(0) - scores.mean(0)).max() < 0.02


def test_a_model_under_the_mixture_matters_less() -> None:
    """Relevance is 1 on the envelope and falls with the distance below it."""
    quality, cost = np.array([0.4, 0.8, 0.3]), np.array([1.0, 3.0, 2.0])
    assert np.allclose(envelope_at(cost, quality, cost), [0.4, 0.8, 0.6])
    matter = relevance(quality, cost)
    assert matter[0] == matter[1] == 1.0
    assert matter[2] < 0.1
