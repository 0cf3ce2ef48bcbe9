"""How familiar a prompt is: what was learned from other kinds of prompts says little of a new kind.

Measured over categories left out of fitting, deviations learned elsewhere do harm where the prompt is less like the fit
prompts than they are like each other, and there only; so they fade to the models' means with familiarity.
"""

from dataclasses import dataclass

import numpy as np

N_LIKE = 8
"""Most similar fit prompts that a prompt is held against."""
MAX_REMEMBERED = 3000
N_QUERIES = 1000
"""Fit prompts whose own familiarity, to prompts of other folds, sets the scale."""
SCALE = (0.01, 0.10)
"""Quantiles of it at which nothing, and all, of the learned deviations counts."""
MIN_WIDTH = 0.02
CHUNK = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Familiarity:
    """Similarity to the nearest fit prompts, on a scale of what is usual between fit prompts."""

    near: np.ndarray
    """(k, p) unit vectors of fit prompts."""
    lowest: float
    highest: float

    def share(self, near: np.ndarray) -> np.ndarray:
        """(n, p) unit vectors -> (n,) 0..1 share of the learned deviations to believe."""
        return np.clip((likeness(near, self.near) - self.lowest) / (self.highest - self.lowest), 0.0, 1.0)


def fit_familiarity(near: np.ndarray, folds: np.ndarray, seed: int) -> Familiarity:
    """Learns the scale from (n, p) unit vectors; `folds` (n,) from 0 keep prompts of one group apart."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(near))
    remembered, queries = np.sort(order[:MAX_REMEMBERED]), order[-N_QUERIES:]
    usual = np.concatenate(
        [
            likeness(near[queries[folds[queries] == fold]], near[remembered[folds[remembered] != fold]])
            for fold in range(int(folds.max()) + 1)
        ]
    )
    lowest, highest = np.quantile(usual, SCALE) if len(usual) else (0.0, 1.0)
    return Familiarity(near=near[remembered], lowest=float(min(lowest, highest - MIN_WIDTH)), highest=float(highest))


def likeness(near: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, p) and (k, p) unit vectors -> (n,) mean similarity to the nearest of the others; 0 without any."""
    k = min(N_LIKE, len(others))
    out = np.zeros(len(near))
    if k == 0:
        return out
    for start in range(0, len(near), CHUNK):
        similarity = near[start : start + CHUNK] @ others.T
        similarity.partition(len(others) - k, axis=1)
        out[start : start + CHUNK] = similarity[:, len(others) - k :].mean(1)
    return out
