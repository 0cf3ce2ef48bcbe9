"""Expected score of each model."""

import numpy as np

from omni.quality.means import Means, fit_means


def scores_of(chance: list[float], n_prompts: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n_prompts, len(chance))) < np.array(chance)).astype(float)


def test_many_scores_speak_for_themselves() -> None:
    """With thousands of prompts the mean is the mean."""
    scores = scores_of([0.3, 0.6, 0.8], 4000)
    assert np.abs(fit_means(scores, scores).value - scores.mean(0)).max() < 0.002


def test_one_lucky_score_does_not_make_the_best_model() -> None:
    """A model with a single success stays near the others."""
    scores = scores_of([0.5, 0.6, 0.7], 200)
    scores[:, 0] = np.nan
    scores[0, 0] = 1.0
    means = fit_means(scores, np.where(np.isnan(scores), 1.0, scores))
    assert means.value.argmax() == 2
    assert means.se[0] > 2 * means.se[1]


def test_few_scores_lean_on_what_is_expected() -> None:
    """A sharp expectation of one model holds against the luck of five scores, and a vague one does not."""
    scores = scores_of([0.3, 0.5, 0.7], 200)
    scores[5:, 2] = np.nan
    scores[:5, 2] = 0.0
    filled = np.where(np.isnan(scores), 0.0, scores)
    found = [fit_means(scores, filled, _expected(0.7, se)).value[2] for se in (0.02, 1.0)]
    assert found[0] > 0.65
    assert found[1] < 0.1


def test_an_expectation_moves_no_other_model() -> None:
    """The others stay where their scores put them."""
    scores = scores_of([0.3, 0.5, 0.7], 200)
    scores[:, 2] = np.nan
    filled = np.where(np.isnan(scores), 0.5, scores)
    low, high = (fit_means(scores, filled, _expected(value, 0.1)) for value in (0.1, 0.9))
    assert np.array_equal(low.value[:2], high.value[:2])
    assert (low.value[2], high.value[2], high.se[2]) == (0.1, 0.9, 0.1)


def _expected(value: float, se: float) -> Means:
    nothing = np.nan
    return Means(np.array([nothing, nothing, value]), np.array([nothing, nothing, se]))
