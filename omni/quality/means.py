"""Expected score of each model over a pool's prompts, from few or many scores and, where given, a prior."""

from typing import NamedTuple

import numpy as np

MIN_NOISE = 0.02
"""Least standard deviation of a score around its expectation."""
LONE_NOISE = 0.4
"""The same for a model with a single score."""
USUAL_BETWEEN_VAR = 0.015
"""Variance between models around what is expected of them, in the recordings seen so far."""
USUAL_BELIEF = 5.0
"""Models' worth of belief in it."""
SLOPE_BELIEF = 2.0
"""Models' worth of belief that the prior's differences hold one to one in this pool."""


class Means(NamedTuple):
    """All (m,)."""

    value: np.ndarray
    se: np.ndarray


def prior_means(expected: np.ndarray, prior_se: np.ndarray) -> Means:
    """Means without any score: (m,) expected score and its standard error in logits."""
    return Means(expected, expected * (1.0 - expected) * prior_se)


def fit_means(scores: np.ndarray, filled: np.ndarray, prior: Means | None) -> Means:
    """Means of (n, m) scores (NaN = missing) with gaps filled in `filled`.

    A mean is pulled to what is expected of the model, as far as its standard error against the spread of the models
    says. Expected is the prior's mean, at the level and with the slope that the scores support; without a prior, the
    mean of the models. Standard errors are of differences to the other models on the same prompts.
    """
    seen = np.isfinite(scores)
    n_seen = seen.sum(0)
    known = n_seen > 0
    raw = filled.mean(0)
    apart = filled - filled.mean(1, keepdims=True) if len(raw) > 2 else filled.copy()
    noise = np.sqrt((np.where(seen, apart - apart.mean(0), 0.0) ** 2).sum(0) / np.maximum(n_seen, 1))
    noise = np.where(n_seen > 1, np.maximum(noise, MIN_NOISE), LONE_NOISE)
    error = noise / np.sqrt(np.maximum(n_seen, 1))
    trusted = np.where(known, 1.0 / error**2, 0.0)
    centre = np.full(len(raw), np.average(raw, weights=trusted))
    if prior is not None:
        centre = centre + _tilt(raw, prior, trusted)
    between = float(((raw - centre)[known] ** 2).mean()) - float((error[known] ** 2).mean())
    n_known = float(known.sum())
    between_var = (n_known * max(between, 0.0) + USUAL_BELIEF * USUAL_BETWEEN_VAR) / (n_known + USUAL_BELIEF)
    keep = np.where(known, between_var / (between_var + error**2), 0.0)
    return Means(centre + keep * (raw - centre), np.sqrt(np.where(known, keep * error**2, between_var)))


def thin_doubt(scores: np.ndarray) -> np.ndarray:
    """(m,) score units by which a model's mean is less certain than that of the most scored model: one standard error.

    From (n, m) scores, NaN = missing. The noise is that of the whole pool: a few lucky scores of one model would say
    that it never varies.
    """
    seen = np.isfinite(scores)
    n_seen = seen.sum(0)
    apart = np.where(seen, scores, 0.0)
    apart = np.where(seen, apart - apart.sum(0) / np.maximum(n_seen, 1), 0.0)
    noise = np.sqrt((apart**2).sum() / max(int(n_seen.sum()), 1))
    return noise * (1.0 / np.sqrt(np.maximum(n_seen, 0.5)) - 1.0 / np.sqrt(max(int(n_seen.max()), 1)))


def _tilt(raw: np.ndarray, prior: Means, trusted: np.ndarray) -> np.ndarray:
    """(m,) the prior's differences, scaled by the slope that the scores support."""
    share = trusted / trusted.sum()
    expected = prior.value - share @ prior.value
    found = raw - share @ raw
    spread = float(share @ expected**2)
    belief = SLOPE_BELIEF / len(raw) * spread
    slope = (float(share @ (expected * found)) + belief) / max(spread + belief, 1e-12)
    return np.clip(slope, 0.0, 2.0) * expected
