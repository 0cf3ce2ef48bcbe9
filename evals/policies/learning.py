"""What the learned policies share: scaled features, filled matrices, folds of whole groups, and the loss of a fit."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evals.policies.base import FitData, column_means

N_FOLDS = 5
CLIP_SD = 5.0


@dataclass(frozen=True, slots=True)
class Scaler:
    """Brings features to mean 0 and standard deviation 1 on the fit side; constant ones become 0."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray) -> "Scaler":
        """Means and deviations of (n, n_features)."""
        spread = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(spread > 1e-9, 1.0 / np.maximum(spread, 1e-9), 0.0))

    def scale_rows(self, features: np.ndarray) -> np.ndarray:
        """(n, n_features) float32, cut at 5 standard deviations: one odd prompt must not rule a fit."""
        scaled = (features - self.mean) * self.scale
        return np.clip(scaled, -CLIP_SD, CLIP_SD, out=scaled).astype(np.float32, copy=False)

    def direct_rows(self, features: np.ndarray) -> np.ndarray:
        """The scaled rows at length 1, so that products are cosines."""
        scaled = self.scale_rows(features)
        return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)


class Targets(NamedTuple):
    """The fit matrices without holes."""

    scores: np.ndarray
    costs: np.ndarray | None
    known: np.ndarray
    """bool: where the score was recorded."""
    mean_score: np.ndarray
    mean_cost: np.ndarray | None


def fill_targets(fit: FitData) -> Targets:
    """Scores filled with model mean + prompt mean - grand mean, costs with model mean x the prompt's usual ratio."""
    known = np.isfinite(fit.scores)
    means = column_means(fit.scores)
    residual_by_prompt = column_means((fit.scores - means).T)
    expected = means + np.where(np.isnan(residual_by_prompt), 0.0, residual_by_prompt)[:, None]
    scores = np.where(known, fit.scores, np.clip(expected, 0.0, 1.0))
    if fit.costs_usd is None:
        return Targets(scores, None, known, means, None)
    mean_cost = column_means(fit.costs_usd)
    ratio = column_means((fit.costs_usd / np.where(mean_cost > 0, mean_cost, np.nan)).T)
    guess = mean_cost * np.where(np.isnan(ratio), 1.0, ratio)[:, None]
    costs = np.where(np.isfinite(fit.costs_usd), fit.costs_usd, guess)
    return Targets(scores, costs, known, means, mean_cost)


def fold_of_rows(fit: FitData) -> np.ndarray:
    """(n_fit,) fold 0..4 of each row, whole groups, about equal in size; all 0 when there is one group."""
    n_groups = int(fit.groups.max()) + 1 if len(fit.groups) else 0
    n_folds = min(N_FOLDS, n_groups)
    if n_folds < 2:
        return np.zeros(len(fit.groups), dtype=int)
    order = np.random.default_rng(fit.seed).permutation(n_groups)
    fold_of_group = np.empty(n_groups, dtype=int)
    fold_of_group[order] = np.arange(n_groups) % n_folds
    return fold_of_group[fit.groups]


def routing_loss(predicted: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared error of the predicted differences between models.

    Choosing needs differences only, so both sides are taken relative to the prompt's mean over the known cells.

    Args:
        predicted: (n, n_models).
        scores: (n, n_models), NaN = missing.
    """
    known = np.isfinite(scores)
    if known.all():
        error = predicted - scores
        error -= error.mean(axis=1, keepdims=True)
        return float(np.vdot(error, error) / error.size)
    error = np.where(known, predicted - scores, 0.0)
    n_known = known.sum(axis=1, keepdims=True)
    error = np.where(known, error - error.sum(axis=1, keepdims=True) / np.maximum(n_known, 1), 0.0)
    return float((error**2).sum() / max(1, known.sum()))
