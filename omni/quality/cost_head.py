"""Expected cost of one answer per model, learned from the recorded costs: a terse model is judged by its bill."""

from dataclasses import dataclass

import numpy as np

from omni.quality.gaps import fill_two_way
from omni.quality.stack import FoldMoments, Line

COST_STRENGTH = 10.0
COST_SHRINK_PROMPTS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostHead:
    """Log-linear cost per model, scaled to the mean cost and shrunk to it."""

    line: Line
    """(d,) -> (m,): log of the cost against the model's mean log."""
    lowest: np.ndarray
    highest: np.ndarray
    """(m,) range of those logs on the fit prompts; no prompt is expected outside."""
    scale: np.ndarray
    """(m,) USD; makes the mean of the predictions the mean of the costs."""
    mean_usd: np.ndarray
    """(m,) mean cost per prompt; NaN = no cost known."""
    trust: float
    """0..1: how much of the predicted difference to the mean is kept, from cross-validation."""

    def predict(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear features -> (n, m) USD per prompt; NaN for a model without any cost."""
        raw = np.exp(np.minimum(np.maximum(self.line.at(linear), self.lowest), self.highest)) * self.scale
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
    mean = column_means(costs_usd, seen, np.exp(logs))
    logs = logs - logs.mean(0)
    moments = FoldMoments(linear, logs, folds)
    held_out = np.zeros(logs.shape)
    for fold in range(int(folds.max()) + 1):
        rows = folds == fold
        held_out[rows] = moments.solve(COST_STRENGTH, fold).at(linear[rows])
    line, lowest, highest = moments.solve(COST_STRENGTH), logs.min(0), logs.max(0)
    fitted = np.exp(np.clip(line.at(linear), lowest, highest))
    return CostHead(
        line=line,
        lowest=lowest,
        highest=highest,
        scale=np.where(known, mean, 0.0) / fitted.mean(0),
        mean_usd=np.where(known, mean, np.nan),
        trust=_trust(np.exp(np.clip(held_out, lowest, highest)), costs_usd, np.where(known, mean, 0.0)),
    )


def _trust(held_out: np.ndarray, costs_usd: np.ndarray, mean_usd: np.ndarray) -> float:
    """Slope, 0..1, of true on predicted relative differences to the mean; shrunk where prompts are few."""
    usable = np.isfinite(costs_usd) & (mean_usd > 0)
    predicted = np.where(usable, held_out / held_out.mean(0) - 1.0, 0.0)
    size = np.where(mean_usd > 0, mean_usd, 1.0)
    truth = np.where(usable, np.where(usable, costs_usd, 0.0) / size - 1.0, 0.0)
    slope = float((predicted * truth).sum()) / max(float((predicted**2).sum()), 1e-12)
    return float(np.clip(slope, 0.0, 1.0)) * len(held_out) / (len(held_out) + COST_SHRINK_PROMPTS)


def column_means(values: np.ndarray, seen: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """(m,) mean per model over all prompts, gaps taken from `filled`, rescaled to the level of the seen cells."""
    own = np.where(seen, values, 0.0).sum(0)
    model = np.where(seen, filled, 0.0).sum(0)
    level = np.where(model > 0, own / np.maximum(model, 1e-300), 1.0)
    return np.where(seen, values, filled * level).mean(0)
