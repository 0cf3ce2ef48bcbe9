"""What a few outcomes say beyond the abilities of models: which prompts are easier than read, and whom they suit.

Two ridge regressions on where a prompt lies. To choose the prompts for it was tried and gained nothing: see the CARD.
"""

from typing import NamedTuple

import numpy as np

from omni.quality.kriging import logistic
from omni.quality.outcomes import MIN_VAR, PROMPT_SD

EASE_STRENGTH = 1.0
SUITS_STRENGTH = 70.0
"""Variance of one prompt's figure against that of what like prompts share. What suits a model shows through the chance
of single scores, the ease of a prompt through all models together. Both chosen on fit sides, where they are flat."""


class Nearby(NamedTuple):
    """Outcomes of some prompts, spread over prompts like them."""

    ease: np.ndarray
    """(d,) slopes, logits."""
    suits: np.ndarray
    """(d, m) slopes, score units."""

    def at(self, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, d) unit rows -> (n, 1) logits by which prompts are easier, (n, m) score by which models suit them."""
        return (directions @ self.ease)[:, None], directions @ self.suits


def to_directions(apart: np.ndarray) -> np.ndarray:
    """(n, d) prompts measured from the usual one -> unit rows, whose inner product is the likeness of two prompts."""
    return np.asarray(apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9))


def learn_nearby(directions: np.ndarray, logits: np.ndarray, scores: np.ndarray) -> Nearby:
    """From what abilities leave unsaid of the prompts with outcomes.

    Args:
        directions: (k, d) unit rows.
        logits: (k, m) expected after abilities are learned.
        scores: (k, m) in 0..1, NaN = not seen.
    """
    is_known = np.isfinite(scores).any(axis=1)
    directions, logits, scores = directions[is_known], logits[is_known], scores[is_known]
    seen = np.isfinite(scores)
    got = np.where(seen, scores, 0.0)
    chance = logistic(logits)
    weight = np.where(seen, np.maximum(chance * (1.0 - chance), MIN_VAR), 0.0)
    luck = np.where(seen, got - chance, 0.0).sum(axis=1) / (weight.sum(axis=1) + PROMPT_SD**-2)
    ease = _slopes(directions, luck - luck.mean(), EASE_STRENGTH)
    left = np.where(seen, got - logistic(logits + (directions @ ease)[:, None]), 0.0)
    level = left.sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    apart = np.where(seen, left - level, 0.0)
    return Nearby(ease, _slopes(directions, apart, SUITS_STRENGTH))


def _slopes(directions: np.ndarray, values: np.ndarray, strength: float) -> np.ndarray:
    gram = directions.T @ directions
    return np.asarray(np.linalg.solve(gram + strength * np.eye(len(gram)), directions.T @ values))
