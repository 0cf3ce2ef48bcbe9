"""Expected score of each model over a pool's prompts, from few or many scores and, where given, an expectation."""

from typing import NamedTuple

import numpy as np

MIN_NOISE = 0.02
"""Least standard deviation of a score around its expectation."""
LONE_NOISE = 0.4
"""The same for a newcomer."""
NOISE_BELIEF = 20.0
"""Scores' worth of belief that a model varies as the pool does: a few lucky ones would say that it never varies."""
USUAL_BETWEEN_VAR = 0.015
"""Variance between models around what is expected of them, in the recordings seen so far."""
USUAL_BELIEF = 5.0
"""Models' worth of belief in it."""


class Means(NamedTuple):
    """All (m,)."""

    value: np.ndarray
    se: np.ndarray


def fit_means(scores: np.ndarray, filled: np.ndarray, expected: Means | None = None) -> Means:
    """Means of (n, m) scores (NaN = missing) with gaps filled in `filled`.

    A mean is pulled to what is expected of the model, as far as its standard error against that expectation's says:
    to `expected` where it is not NaN, else to the mean of the models by their spread. Standard errors are of
    differences to the other models on the same prompts.
    """
    seen = np.isfinite(scores)
    n_seen = seen.sum(0)
    known = n_seen > 0
    raw = np.clip(filled.mean(0), 0.0, 1.0)
    apart = filled - filled.mean(1, keepdims=True) if len(raw) > 2 else filled.copy()
    surprise = np.where(seen, apart - apart.mean(0), 0.0)
    pooled_noise = (surprise**2).sum() / max(int(n_seen.sum()), 1)
    noise = np.sqrt(((surprise**2).sum(0) + NOISE_BELIEF * pooled_noise) / (n_seen + NOISE_BELIEF))
    noise = np.maximum(noise, MIN_NOISE)
    is_new = np.zeros(len(raw), bool) if expected is None else np.isfinite(expected.value)
    # A few lucky scores of one model would say that it never varies, on prompts hard for the others most of all.
    noise = np.where(is_new, np.maximum(noise, LONE_NOISE), noise)
    error = noise / np.sqrt(np.maximum(n_seen, 1))
    settled = known & ~is_new
    centre = np.full(len(raw), np.average(raw, weights=np.where(settled, 1.0 / error**2, 0.0)))
    # a model with few scores says little of how far models lie apart
    weight = np.where(settled, 1.0 / (USUAL_BETWEEN_VAR + error**2), 0.0)
    between = float(np.average((raw - centre) ** 2 - error**2, weights=weight))
    n_settled = float(settled.sum())
    pooled = (n_settled * max(between, 0.0) + USUAL_BELIEF * USUAL_BETWEEN_VAR) / (n_settled + USUAL_BELIEF)
    variance = np.full(len(raw), pooled)
    if expected is not None:
        centre, variance = np.where(is_new, expected.value, centre), np.where(is_new, expected.se**2, variance)
    keep = np.where(known, variance / (variance + error**2), 0.0)
    return Means(centre + keep * (raw - centre), np.sqrt(np.where(known, keep * error**2, variance)))
