"""Filling missing scores."""

import numpy as np

from omni.quality.imputation import fill_low_rank, fill_two_way


def related(n_prompts: int = 300, seed: int = 0) -> np.ndarray:
    """Four models; the first two agree, the last two agree, and the pairs do not."""
    rng = np.random.default_rng(seed)
    pair = rng.normal(size=(n_prompts, 2)) * 0.2 + 0.5
    return np.repeat(pair, 2, axis=1) + rng.normal(size=(n_prompts, 4)) * 0.05


def holes(values: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(values.shape) < share, np.nan, values)


def test_seen_cells_stay_as_they_are() -> None:
    """Filling changes gaps only."""
    values = holes(related(), 0.4)
    for filled in (fill_two_way(values), fill_low_rank(values)):
        assert np.isfinite(filled).all()
        assert (filled[np.isfinite(values)] == values[np.isfinite(values)]).all()


def test_a_gap_follows_the_model_that_agrees() -> None:
    """What models share tells more than the prompt's mean."""
    truth = related()
    values = holes(truth, 0.3)
    gaps = np.isnan(values)
    error = [np.abs(fill(values) - truth)[gaps].mean() for fill in (fill_two_way, fill_low_rank)]
    assert error[1] < 0.8 * error[0]


def test_a_model_without_any_score_gets_a_finite_guess() -> None:
    """An empty column is filled, not propagated."""
    values = related()
    values[:, 2] = np.nan
    assert np.isfinite(fill_low_rank(values)).all()


def test_rows_without_any_score_get_the_means() -> None:
    """An empty row says nothing, so it becomes the models' means."""
    values = related()
    values[:10] = np.nan
    filled = fill_low_rank(values)
    assert np.abs(filled[:10] - np.nanmean(values, axis=0)).max() < 0.02


def test_one_model_with_gaps_is_filled() -> None:
    """A single column has nothing to lean on but its mean."""
    assert np.isfinite(fill_low_rank(holes(related()[:, :1], 0.5))).all()
