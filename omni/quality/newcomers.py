"""Models that join a pool with few outcomes here, or none: what to expect of them beside the others.

Benchmarks, other recordings, family, size and date tie the abilities of models together, so that the scores of the
others say which level to expect of a newcomer, and how surely. Which prompts it suits is not foretold: it is
taken to find easy what the others find easy.
"""

from typing import NamedTuple

import numpy as np

from omni.quality.imputation import fill_low_rank
from omni.quality.kriging import LEVEL_VAR, logistic
from omni.quality.means import Means

FEW = 0.2
"""Share of the most scored model's prompts below which a model is a newcomer. On fit sides, newcomers served this way
gain 0.13 points more than with a form of their own where they answered 5 to 8 % of the prompts, as much at 10 to 16 %,
and 0.12 less at 20 to 47 %."""


class Levels(NamedTuple):
    """What is known of a pool's models from elsewhere, in logits on a usual prompt of this pool."""

    value: np.ndarray
    """(m,) of which differences count."""
    covariance: np.ndarray
    """(m, m)"""


def find_newcomers(scores: np.ndarray) -> np.ndarray:
    """(m,) bool: models with few scores of their own; (n, m) scores, NaN = missing."""
    n_seen = np.isfinite(scores).sum(axis=0)
    return np.asarray(n_seen < FEW * n_seen.max())


def fill_newcomers(scores: np.ndarray, is_new: np.ndarray) -> np.ndarray:
    """(n, m) scores without gaps: a newcomer's from its mean and from how the prompt went for the others."""
    others = fill_low_rank(scores[:, ~is_new])
    ease = (others - others.mean(axis=0)).mean(axis=1, keepdims=True)
    own = scores[:, is_new]
    seen = np.isfinite(own)
    level = np.where(seen, own - ease, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    filled = np.empty(scores.shape)
    filled[:, ~is_new] = others
    filled[:, is_new] = np.where(seen, own, np.where(seen.any(axis=0), level, others.mean()) + ease)
    return filled


def fill_costs(costs_usd: np.ndarray, is_new: np.ndarray, mean_usd: np.ndarray) -> np.ndarray:
    """(n, m) USD where a newcomer's gaps hold its expected mean (m,), more where the prompt was dear for the others."""
    logs = np.log(np.where(costs_usd > 0, costs_usd, np.nan))
    seen = np.isfinite(logs) & ~is_new
    usual = np.where(seen, logs, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    apart = np.where(seen, logs - usual, 0.0).sum(axis=1, keepdims=True) / np.maximum(
        seen.sum(axis=1, keepdims=True), 1
    )
    expected = mean_usd * np.exp(apart) / np.exp(apart).mean()
    return np.where(is_new & np.isnan(costs_usd), expected, costs_usd)


def expect_newcomers(levels: Levels, scores: np.ndarray) -> Means:
    """Means of the newcomers by what is known of all models and by the others' (n, m) scores; NaN for the others."""
    n_seen = np.isfinite(scores).sum(axis=0)
    mean = (np.nansum(scores, axis=0) + 0.5) / (n_seen + 1.0)
    is_new = find_newcomers(scores)
    seen = np.where(is_new, np.nan, np.log(mean / (1.0 - mean)))
    variance = 1.0 / (np.maximum(n_seen, 1) * mean * (1.0 - mean))
    level, covariance = condition(levels.value, levels.covariance, seen, variance)
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    half = (logistic(level + error) - logistic(level - error)) / 2.0
    return Means(np.where(is_new, logistic(level), np.nan), np.where(is_new, half, np.nan))


def condition(
    mean: np.ndarray, covariance: np.ndarray, seen: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means (m,) and covariance (m, m) after seeing `seen` (NaN = none) with variances `noise`, at an unknown level."""
    known = np.isfinite(seen)
    if not known.any():
        return mean, covariance
    wide = covariance[:, known] + LEVEL_VAR
    within = covariance[np.ix_(known, known)] + LEVEL_VAR + np.diag(noise[known])
    solved = np.linalg.solve(within, np.column_stack([seen[known] - mean[known], wide.T]))
    after = covariance + LEVEL_VAR - wide @ solved[:, 1:]
    return mean + wide @ solved[:, 0], (after + after.T) / 2
