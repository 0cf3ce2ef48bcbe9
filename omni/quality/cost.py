"""Expected amounts of one answer per model, learned from recorded ones: its cost in USD, or its time in seconds.

A terse model is judged by its bill and by its wait, not by its price and pace. Seconds are foretold as well in this
form as by expected output tokens times pace plus a first part: see the CARD.
"""

from dataclasses import dataclass

import numpy as np

from omni.quality.imputation import fill_two_way
from omni.quality.learners import FoldMoments, Line

STRENGTH = 10.0
SHRINK_PROMPTS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountHead:
    """Log-linear amount per model, scaled to the mean amount and shrunk to it; in the unit of the recorded ones."""

    line: Line
    """(d,) -> (m,): log of the amount against the model's mean log."""
    lowest: np.ndarray
    highest: np.ndarray
    """(m,) range of those logs on the fit prompts; no prompt is expected outside."""
    scale: np.ndarray
    """(m,) makes the mean of the predictions the mean of the recorded ones."""
    mean: np.ndarray
    """(m,) per prompt; NaN = none known."""
    trust: float
    """0..1: how much of the predicted difference to the mean is kept, from cross-validation."""

    def predict(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear features -> (n, m) per prompt; NaN for a model without any."""
        raw = np.exp(np.minimum(np.maximum(self.line.at(linear), self.lowest), self.highest)) * self.scale
        return self.mean + self.trust * (raw - self.mean)

    def usable(self, amounts: np.ndarray) -> np.ndarray:
        """The same array with unknown ones set to the greatest mean, so that unknown never looks cheap or fast."""
        known = self.mean[np.isfinite(self.mean)]
        return np.where(np.isfinite(amounts), amounts, known.max() if len(known) else 0.0)


def fit_amounts(linear: np.ndarray, amounts: np.ndarray, folds: np.ndarray) -> AmountHead:
    """Fits on (n, d) linear features and (n, m) amounts with NaN = unknown; `folds` (n,) from 0."""
    seen = np.isfinite(amounts)
    known = seen.any(0)
    positive = amounts[seen & (amounts > 0)]
    floor = 1e-3 * float(np.median(positive)) if len(positive) else 1e-12
    logs = fill_two_way(np.where(seen, np.log(np.maximum(np.where(seen, amounts, 1.0), floor)), np.nan))
    mean = column_means(amounts, seen, np.exp(logs))
    logs = logs - logs.mean(0)
    moments = FoldMoments(linear, logs, folds)
    held_out = np.zeros(logs.shape)
    for fold in range(int(folds.max()) + 1):
        rows = folds == fold
        held_out[rows] = moments.solve(STRENGTH, fold).at(linear[rows])
    line, lowest, highest = moments.solve(STRENGTH), logs.min(0), logs.max(0)
    fitted = np.exp(np.clip(line.at(linear), lowest, highest))
    return AmountHead(
        line=line,
        lowest=lowest,
        highest=highest,
        scale=np.where(known, mean, 0.0) / fitted.mean(0),
        mean=np.where(known, mean, np.nan),
        trust=_trust(np.exp(np.clip(held_out, lowest, highest)), amounts, np.where(known, mean, 0.0)),
    )


def _trust(held_out: np.ndarray, amounts: np.ndarray, mean: np.ndarray) -> float:
    """Slope, 0..1, of true on predicted relative differences to the mean; shrunk where prompts are few."""
    usable = np.isfinite(amounts) & (mean > 0)
    predicted = np.where(usable, held_out / held_out.mean(0) - 1.0, 0.0)
    size = np.where(mean > 0, mean, 1.0)
    truth = np.where(usable, np.where(usable, amounts, 0.0) / size - 1.0, 0.0)
    slope = float((predicted * truth).sum()) / max(float((predicted**2).sum()), 1e-12)
    return float(np.clip(slope, 0.0, 1.0)) * len(held_out) / (len(held_out) + SHRINK_PROMPTS)


def column_means(values: np.ndarray, seen: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """(m,) mean per model over all prompts, gaps taken from `filled`, rescaled to the level of the seen cells."""
    own = np.where(seen, values, 0.0).sum(0)
    model = np.where(seen, filled, 0.0).sum(0)
    level = np.where(model > 0, own / np.maximum(model, 1e-300), 1.0)
    return np.where(seen, values, filled * level).mean(0)
