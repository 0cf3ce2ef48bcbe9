"""Expected score of each model."""

import numpy as np

from omni.quality.means import Means, fit_means


def scores_of(chance: list[float], n_prompts: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n_prompts, len(chance))) < np.array(chance)).astype(float)


def test_many_scores_speak_for_themselves() -> None:
    """With thousands of prompts the mean is the mean."""
    scores = scores_of([0.3, 0.6, 0.8], 4000)
    assert np.abs(fit_means(scores, scores, None).value - scores.mean(0)).max() < 0.002


def test_one_lucky_score_does_not_make_the_best_model() -> None:
    """A model with a single success stays near the others."""
    scores = scores_of([0.5, 0.6, 0.7], 200)
    scores[:, 0] = np.nan
    scores[0, 0] = 1.0
    means = fit_means(scores, np.where(np.isnan(scores), 1.0, scores), None)
    assert means.value.argmax() == 2
    assert means.se[0] > 2 * means.se[1]


def test_few_scores_lean_on_the_prior() -> None:
    """With five prompts the order of a sharp prior wins over luck."""
    prior = Means(np.array([0.3, 0.5, 0.7]), np.full(3, 0.05))
    truth = [0.3, 0.5, 0.7]
    error_with, error_without = [], []
    for seed in range(40):
        scores = scores_of(truth, 5, seed)
        centred = np.array(truth) - np.mean(truth)
        for before, errors in ((prior, error_with), (None, error_without)):
            found = fit_means(scores, scores, before).value
            errors.append(np.abs(found - found.mean() - centred).mean())
    assert np.mean(error_with) < np.mean(error_without)


def test_a_wrong_prior_is_overruled() -> None:
    """Hundreds of prompts against the prior's order turn it around."""
    scores = scores_of([0.8, 0.5, 0.2], 400)
    means = fit_means(scores, scores, Means(np.array([0.2, 0.5, 0.8]), np.full(3, 0.05)))
    assert list(np.argsort(means.value)) == [2, 1, 0]
