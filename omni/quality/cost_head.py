"""Expected cost of one answer per model, learned from the recorded costs: a terse model is judged by its bill."""

from dataclasses import dataclass

import numpy as np

from omni.quality.gaps import fill_two_way
from omni.quality.stack import FoldMoments

COST_STRENGTH = 10.0
COST_SHRINK_PROMPTS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostHead:
    """Log-linear cost per model, scaled to the mean cost and shrunk to it."""

    slope: np.ndarray
    """(d, m) on the log of the cost."""
    intercept: np.ndarray
    scale: np.ndarray
    """(m,) makes the mean of the predictions the mean of the costs."""
    mean_usd: np.ndarray
    """(m,) mean cost per prompt; NaN = no cost known."""
    trust: float
    """0..1: how much of the predicted difference to the mean is kept, from cross-validation."""

    def predict(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear features -> (n, m) USD per prompt; NaN for a model without any cost."""
        raw = np.exp(np.clip(linear @ self.slope + self.intercept, -40.0, 20.0)) * self.scale
        return self.mean_usd + self.trust * (raw - self.mean_usd)

    def usable(self, costs_usd: np.ndarray) -> np.ndarray:
        """The same array with unknown costs set to the dearest model's mean, so that unknown never looks cheap."""
        known = self.mean_usd[np.isfinite(self.mean_usd)]
        return np.where(np.isfinite(costs_usd), costs_usd, known.max() if len(known) else 0.0)


def fit_cost_head(linear: np.ndarray, costs_usd: np.ndarray, folds: np.ndarray) -> CostHead:
    """Fits on (n, d) linear features and (n, m) costs with NaN = unknown; `folds` (n,) from 0."""
    seen = np.isfinite(costs_usd)
    known = seen.any(0)
    positive = costs_usd[seen & (costs_usd > 0)]
    floor = 1e-3 * float(np.median(positive)) if len(positive) else 1e-12
    logs = fill_two_way(np.where(seen, np.log(np.maximum(np.where(seen, costs_usd, 1.0), floor)), np.nan))
    moments = FoldMoments(linear, logs, folds)
    mean = column_means(costs_usd, seen, np.exp(logs))
    held_out = np.zeros(logs.shape)
    for fold in range(int(folds.max()) + 1):
        rows = folds == fold
        held_out[rows] = np.exp(moments.solve(COST_STRENGTH, fold).at(linear[rows]))
    size = np.where(known, mean, 1.0)
    scaled = held_out * (size / np.maximum(held_out.mean(0), 1e-300)) / size - 1.0
    truth = np.where(seen, costs_usd / size - 1.0, 0.0)
    trust = float((scaled * truth)[seen].sum() / max((scaled[seen] ** 2).sum(), 1e-12)) if seen.any() else 0.0
    trust *= len(linear) / (len(linear) + COST_SHRINK_PROMPTS)
    slope, intercept = moments.solve(COST_STRENGTH)
    fitted = np.exp(linear @ slope + intercept)
    return CostHead(
        slope=slope,
        intercept=intercept,
        scale=size / np.maximum(fitted.mean(0), 1e-300),
        mean_usd=np.where(known, mean, np.nan),
        trust=float(np.clip(trust, 0.0, 1.0)),
    )


def column_means(values: np.ndarray, seen: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """(m,) mean per model over all prompts, gaps taken from `filled`, rescaled to the level of the seen cells."""
    own = np.where(seen, values, 0.0).sum(0)
    model = np.where(seen, filled, 0.0).sum(0)
    level = np.where(model > 0, own / np.maximum(model, 1e-300), 1.0)
    return np.where(seen, values, filled * level).mean(0)
