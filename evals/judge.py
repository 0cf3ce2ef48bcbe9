"""The verdict: each policy against the best single model, the mixture of single models and the oracle.

Intervals are percentiles of a paired bootstrap over groups. The corners of the envelopes (two settings of the policy,
two single models, per budget) are those of the full sample; their costs and scores and the budget are resampled, and
the shares of the corners follow. Choosing the corners again in each resample would take a maximum over noise on
both sides and pull the intervals off the figure they belong to.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evals.arms import Arms
from evals.metrics import (
    BUDGET_PERCENTS,
    Envelope,
    concave_envelope,
    cost_to_match,
    equal_cost_gains,
    gap_closed,
    known_or_none,
    mean_known,
)
from evals.results import EqualCostGain, Interval
from evals.stats import percentile_interval

N_AIQ_POINTS = 33
"""Costs at which the resampled envelope is read for the interval of AIQ."""


class Figure(NamedTuple):
    """A figure and its interval; None = undefined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class References:
    """Rows of the arms that every policy is held against."""

    singles: np.ndarray
    """The pool's single models."""
    best: int
    """The best single model, chosen on fit."""
    cheapest: int | None
    """The cheapest single model, chosen on fit; every policy may mix with it. None without costs."""
    oracle: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judge:
    """Figures of one policy, given as the rows of its settings, headline first."""

    arms: Arms
    references: References

    @property
    def mixture(self) -> Envelope:
        """The envelope of the single models on the test side; corners are positions in `references.singles`."""
        rows = self.references.singles
        return concave_envelope(self.arms.cost[rows], self.arms.quality[rows])

    @property
    def best_cost(self) -> float | None:
        """USD per prompt of the best single model; None when unknown."""
        return known_or_none(self.arms.cost[self.references.best])

    def reachable(self, rows: np.ndarray) -> np.ndarray:
        """A policy's rows with the cheapest single model, which it may always mix with."""
        cheapest = self.references.cheapest
        return rows if cheapest is None else np.append(rows, cheapest)

    def equal_cost_gain(self, rows: np.ndarray) -> EqualCostGain:
        """Gain over the mixture at shares of the best single model's cost; unknown with one model: nothing to mix."""
        singles, reachable = self.references.singles, self.reachable(rows)
        ours = concave_envelope(self.arms.cost[reachable], self.arms.quality[reachable])
        theirs = self.mixture
        gains = equal_cost_gains(ours, theirs, self.best_cost if len(singles) > 1 else None)
        resampled = []
        for percent in BUDGET_PERCENTS:
            if gains[str(percent)] is None or self.best_cost is None or self.arms.resampled_cost is None:
                continue
            budget = self.best_cost * percent / 100
            budgets = self.arms.resampled_cost[:, self.references.best] * percent / 100
            height = self._resampled_height(ours, reachable, budget, budgets)
            resampled.append(height - self._resampled_height(theirs, singles, budget, budgets))
        interval = percentile_interval(np.mean(resampled, axis=0)) if resampled else None
        lo, hi = interval or (None, None)
        return EqualCostGain(mean=mean_known(list(gains.values())), lo=lo, hi=hi, at=gains)

    def aiq(self, rows: np.ndarray) -> Figure:
        """Mean height of the policy's envelope from the cheapest to the best single model's cost."""
        cheapest, best = self.references.cheapest, self.references.best
        if cheapest is None or self.best_cost is None:
            return Figure(None, None)
        reachable = self.reachable(rows)
        envelope = concave_envelope(self.arms.cost[reachable], self.arms.quality[reachable])
        lo, hi = float(self.arms.cost[cheapest]), self.best_cost
        value = envelope.mean_height(lo, hi)
        if value is None or self.arms.resampled_cost is None:
            return Figure(value, None)
        from_cost, to_cost = self.arms.resampled_cost[:, cheapest], self.arms.resampled_cost[:, best]
        steps = np.linspace(0.0, 1.0, N_AIQ_POINTS)
        heights = [
            self._resampled_height(envelope, reachable, lo + step * (hi - lo), from_cost + step * (to_cost - from_cost))
            for step in steps
        ]
        return Figure(value, percentile_interval(np.trapezoid(np.array(heights), steps, axis=0)))

    def cost_to_match(self, rows: np.ndarray) -> Figure:
        """Cheapest setting not below the best single model, as a share of its cost."""
        best = self.references.best
        value = cost_to_match(
            self.arms.cost[rows], self.arms.quality[rows], self.best_cost, known_or_none(self.arms.quality[best])
        )
        quality, cost = self.arms.resampled_quality, self.arms.resampled_cost
        if value is None or quality is None or cost is None:
            return Figure(value, None)
        reaching = np.where(quality[:, rows] >= quality[:, [best]] - 1e-12, cost[:, rows], np.inf)
        return Figure(value, percentile_interval(reaching.min(axis=1) / cost[:, best]))

    def gap_closed(self, row: int) -> Figure:
        """(policy - best single) / (oracle - best single) at full quality."""
        best, oracle = self.references.best, self.references.oracle
        quality = self.arms.quality
        value = gap_closed(known_or_none(quality[row]), known_or_none(quality[best]), known_or_none(quality[oracle]))
        resampled = self.arms.resampled_quality
        if value is None or resampled is None:
            return Figure(value, None)
        gap = resampled[:, oracle] - resampled[:, best]
        share = (resampled[:, row] - resampled[:, best]) / np.where(gap > 1e-12, gap, np.nan)
        return Figure(value, percentile_interval(share))

    def difference(self, row: int) -> Figure:
        """Mean score at full quality minus the best single model's, on the prompts where both count."""
        differences = self.arms.differences(row, self.references.best)
        known = differences[np.isfinite(differences)]
        resampled = self.arms.resampler.means(differences)
        if not len(known) or resampled is None:
            return Figure(float(known.mean()) if len(known) else None, None)
        return Figure(float(known.mean()), percentile_interval(resampled[:, 0]))

    def _resampled_height(self, envelope: Envelope, rows: np.ndarray, budget: float, budgets: np.ndarray) -> np.ndarray:
        """(n_resamples,) height of the full sample's blend at `budget`, its share set to spend `budgets`."""
        blend = envelope.blend_at(budget)
        quality, cost = self.arms.resampled_quality, self.arms.resampled_cost
        if blend is None or quality is None or cost is None:
            return np.full(len(budgets), np.nan)
        left, right = rows[blend.left], rows[blend.right]
        width = cost[:, right] - cost[:, left]
        share = np.where(width > 0, (budgets - cost[:, left]) / np.where(width > 0, width, 1.0), blend.share)
        share = np.clip(share, 0.0, 1.0)
        return (1 - share) * quality[:, left] + share * quality[:, right]


def interval_of(resampled: np.ndarray | None, row: int, *, factor: float = 1.0) -> Interval | None:
    """The interval of one arm's mean, times a factor."""
    return None if resampled is None else percentile_interval(resampled[:, row] * factor)
