"""How familiar a prompt is: what was learned from other kinds of prompts says little of a new kind.

Measured over categories left out of fitting, deviations learned elsewhere do harm where the prompt is less like the fit
prompts than they are like each other, and there only; so they fade to the models' means with familiarity.
"""

from dataclasses import dataclass

import numpy as np

from omni.quality.learners import Nearest, find_nearest

N_LIKE = 8
"""Most similar fit prompts that a prompt is held against."""
N_QUERIES = 1000
"""Fit prompts whose own familiarity, to prompts of other folds, sets the scale."""
SCALE = (0.01, 0.10)
"""Quantiles of it at which nothing, and all, of the learned deviations counts."""
MIN_WIDTH = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """Similarity to the nearest fit prompts, on a scale of what is usual between fit prompts."""

    lowest: float
    highest: float

    def share(self, found: Nearest) -> np.ndarray:
        """(n,) 0..1 share of the learned deviations to believe; `found` are the nearest fit prompts."""
        return np.clip((likeness(found) - self.lowest) / (self.highest - self.lowest), 0.0, 1.0)


def fit_familiarity(near: np.ndarray, folds: np.ndarray, seed: int) -> Familiarity:
    """Learns the scale from (n, p) unit vectors; `folds` (n,) from 0 keep prompts of one group apart."""
    queries = np.random.default_rng(seed).permutation(len(near))[-N_QUERIES:]
    usual = []
    for fold in range(int(folds.max()) + 1):
        others, own = near[folds != fold], near[queries[folds[queries] == fold]]
        if len(others) and len(own):
            usual.append(likeness(find_nearest(others, own, N_LIKE)))
    lowest, highest = np.quantile(np.concatenate(usual), SCALE) if usual else (0.0, 1.0)
    return Familiarity(lowest=float(min(lowest, highest - MIN_WIDTH)), highest=float(highest))


def likeness(found: Nearest) -> np.ndarray:
    """(n,) mean similarity to the `N_LIKE` nearest prompts; 0 without any."""
    k = found.similarity.shape[1]
    if k <= N_LIKE:
        return found.similarity.mean(axis=1) if k else np.zeros(len(found.similarity))
    return np.partition(found.similarity, k - N_LIKE, axis=1)[:, k - N_LIKE :].mean(axis=1)
