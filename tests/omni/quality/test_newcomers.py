"""Models with few outcomes in a pool of models with many."""

import numpy as np
import pytest

from omni.quality.newcomers import Levels, condition, expect_newcomers, fill_costs, fill_newcomers, find_newcomers


def scores_of(chance: list[float], n_prompts: int = 400) -> np.ndarray:
    return (np.random.default_rng(0).random((n_prompts, len(chance))) < np.array(chance)).astype(float)


def test_a_model_with_less_than_a_fifth_of_the_scores_is_a_newcomer() -> None:
    """Gaps that all models have alike make none."""
    scores = scores_of([0.5, 0.5, 0.5, 0.5])
    scores[:, 0] = np.nan
    scores[70:, 1] = np.nan
    scores[:70, 2] = np.nan
    assert find_newcomers(scores).tolist() == [True, True, False, False]
    assert not find_newcomers(np.where(np.random.default_rng(1).random(scores.shape) < 0.5, np.nan, 1.0)).any()


def test_the_others_say_at_which_level_a_newcomer_is_expected() -> None:
    """Known to be as able as the second model, it is expected to score as that one does here."""
    scores = scores_of([0.3, 0.7, 0.5])
    scores[:, 2] = np.nan
    covariance = np.full((3, 3), 1.0) + 0.01 * np.eye(3)
    expected = expect_newcomers(Levels(np.array([-1.0, 0.7, 0.7]), covariance), scores)
    assert np.isnan(expected.value[:2]).all()
    assert expected.value[2] == pytest.approx(0.7, abs=0.05)
    assert expected.se[2] < 0.06


def test_relatives_narrow_what_is_expected() -> None:
    """A newcomer tied to a model with outcomes follows its surprise, and is known more surely than a stranger."""
    scores = scores_of([0.9, 0.5, 0.5, 0.5])
    scores[:, 3] = np.nan
    alone = 0.36 * np.eye(4)
    tied = alone.copy()
    tied[0, 3] = tied[3, 0] = 0.3
    stranger, relative = (expect_newcomers(Levels(np.zeros(4), spread), scores) for spread in (alone, tied))
    assert relative.value[3] > stranger.value[3] + 0.1
    assert relative.se[3] < stranger.se[3]


def test_gaps_of_a_newcomer_follow_the_others() -> None:
    """At its own level, higher where the others did well; nobody else's score moves."""
    scores = scores_of([0.3, 0.7, 0.5, 0.9])
    scores[50:, 3] = np.nan
    filled = fill_newcomers(scores, find_newcomers(scores))
    assert np.array_equal(filled[:, :3], scores[:, :3])
    assert np.array_equal(filled[:50, 3], scores[:50, 3])
    apart = filled[50:, 3] - filled[50:, :3].mean(1)
    assert np.ptp(apart) < 1e-9
    assert filled[:, 3].mean() == pytest.approx(0.9, abs=0.1)


def test_a_newcomer_is_dear_where_the_others_are() -> None:
    """Its expected mean is kept, and a known cost of its own stays."""
    costs = np.array([[1.0, 2.0, np.nan], [2.0, 4.0, np.nan], [4.0, 8.0, 7.0]])
    filled = fill_costs(costs, np.array([False, False, True]), np.array([np.nan, np.nan, 3.5]))
    assert filled[2, 2] == 7.0
    assert filled[1, 2] == pytest.approx(2 * filled[0, 2])
    assert filled[0, 2] == pytest.approx(3.5 * 3 / 7)


def test_few_outcomes_move_a_model_as_far_as_their_noise_allows():
    """Exact outcomes are believed, noisy ones hardly; a model not seen follows the level."""
    covariance = 0.25 * np.eye(3)
    seen = np.array([1.0, -1.0, np.nan])
    exact, left = condition(np.zeros(3), covariance, seen, np.full(3, 1e-6))
    noisy, _ = condition(np.zeros(3), covariance, seen, np.full(3, 10.0))
    assert exact[0] - exact[1] == pytest.approx(2.0, abs=0.01)
    assert abs(noisy[0] - noisy[1]) < 0.1
    assert left[0, 0] < left[2, 2]
