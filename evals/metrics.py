"""From points in the cost-quality plane to figures. Pure; costs in any one unit, qualities 0..1, None = undefined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BUDGET_PERCENTS = (10, 25, 50, 75, 100)
"""Shares of the best single model's cost at which policies are compared with the mixture."""


class Blend(NamedTuple):
    """A point of an envelope as a mix of two of its corners: (1 - share) of `left`, share of `right`."""

    left: int
    right: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The concave non-decreasing envelope of points (mean cost, mean quality).

    Source: RouterBench (Hu et al. 2024, arXiv:2403.12031), its non-decreasing convex hull.
    """

    corners: tuple[int, ...]
    """Positions of the corner points in the arrays given, by rising cost and quality."""
    costs: np.ndarray
    qualities: np.ndarray

    def blend_at(self, cost: float) -> Blend | None:
        """The mix of two corners that spends `cost`, or the top corner when more is available.

        None below the cheapest corner: nothing can be bought there.
        """
        if not self.corners or not math.isfinite(cost) or cost < self.costs[0] * (1 - 1e-12):
            return None
        right = int(np.searchsorted(self.costs, cost))
        if right >= len(self.corners):
            return Blend(self.corners[-1], self.corners[-1], 0.0)
        if right == 0:
            return Blend(self.corners[0], self.corners[0], 0.0)
        left = right - 1
        share = (cost - self.costs[left]) / (self.costs[right] - self.costs[left])
        return Blend(self.corners[left], self.corners[right], float(share))

    def height_at(self, cost: float) -> float | None:
        """Quality bought for `cost`; None below the cheapest corner."""
        if self.blend_at(cost) is None:
            return None
        return float(np.interp(cost, self.costs, self.qualities))

    def mean_height(self, lo: float, hi: float) -> float | None:
        """Mean height between two costs (AIQ); None for an empty range or one that starts below the first corner.

        Source: RouterBench (arXiv:2403.12031): the area under the envelope divided by the width of the cost range.
        """
        if not hi > lo or self.blend_at(lo) is None:
            return None
        inside = self.costs[(self.costs > lo) & (self.costs < hi)]
        grid = np.concatenate([[lo], inside, [hi]])
        return float(np.trapezoid(np.interp(grid, self.costs, self.qualities), grid) / (hi - lo))


def concave_envelope(costs: Sequence[float] | np.ndarray, qualities: Sequence[float] | np.ndarray) -> Envelope:
    """The envelope of points; points with an unknown (NaN) coordinate are left out.

    Args:
        costs: (n_points,) mean cost per prompt.
        qualities: (n_points,) mean score.
    """
    cost, quality = np.asarray(costs, dtype=float), np.asarray(qualities, dtype=float)
    known = np.flatnonzero(np.isfinite(cost) & np.isfinite(quality))
    hull: list[int] = []
    for i in known[np.lexsort((known, -quality[known], cost[known]))]:
        if hull and quality[i] <= quality[hull[-1]]:
            continue
        while len(hull) >= 2 and _is_below(cost, quality, (hull[-2], hull[-1], int(i))):
            hull.pop()
        hull.append(int(i))
    return Envelope(corners=tuple(hull), costs=cost[hull], qualities=quality[hull])


def _is_below(cost: np.ndarray, quality: np.ndarray, points: tuple[int, int, int]) -> bool:
    """True when the middle point is on or under the line between its neighbours."""
    a, b, c = points
    return (quality[b] - quality[a]) * (cost[c] - cost[a]) <= (quality[c] - quality[a]) * (cost[b] - cost[a])


def equal_cost_gains(policy: Envelope, mixture: Envelope, best_cost: float | None) -> dict[str, float | None]:
    """Height of `policy` minus height of `mixture` by budget in % of the best single model's cost.

    None where one of the two can buy nothing at that budget, and everywhere when the cost is unknown or zero.
    """
    gains: dict[str, float | None] = {}
    for percent in BUDGET_PERCENTS:
        budget = math.nan if not best_cost else best_cost * percent / 100
        ours, theirs = policy.height_at(budget), mixture.height_at(budget)
        gains[str(percent)] = None if ours is None or theirs is None else ours - theirs
    return gains


def mean_known(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are not None; None when there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def known_or_none(value: float) -> float | None:
    """None for NaN and for what is infinite."""
    return float(value) if math.isfinite(value) else None


def cost_to_match(
    costs: np.ndarray, qualities: np.ndarray, best_cost: float | None, best_quality: float | None
) -> float | None:
    """Cheapest of the points not below the best single model's quality, as a share of its cost.

    Points are a policy's own settings, without mixing. None when no point reaches it or the cost is unknown or zero.
    """
    if not best_cost or best_quality is None:
        return None
    reaching = costs[(qualities >= best_quality - 1e-12) & np.isfinite(costs)]
    return float(reaching.min() / best_cost) if len(reaching) else None


def gap_closed(quality: float | None, best: float | None, oracle: float | None) -> float | None:
    """(policy - best single) / (oracle - best single), 1 = as good as the oracle, below 0 = worse than one model.

    None when a figure is unknown or the oracle gains nothing over the best single model.
    """
    if quality is None or best is None or oracle is None or oracle - best <= 1e-12:
        return None
    return (quality - best) / (oracle - best)


def repeatable_gap(draws: np.ndarray, best: int, costs: np.ndarray) -> float | None:
    """Share of the gap from the best single model to the oracle that repeats when models answer again.

    Each prompt's best model on one draw (ties go to the cheapest) is scored on the other draws, less the best single
    model there; the mean over draws is divided by the oracle's gap on mean scores over the same prompts.

    Args:
        draws: (n_draws, n_prompts, n_models) scores, NaN = missing.
        best: column of the best single model.
        costs: (n_models,) mean costs, NaN = unknown, which counts as dearest.

    Returns:
        At most 1; below 0 when the luck of one draw misleads. None without a gap, or with no second draw.
    """
    order = np.argsort(costs, kind="stable")
    draws, best = draws[:, :, order], int(np.flatnonzero(order == best)[0])
    known = np.isfinite(draws)
    scores, n_known = np.where(known, draws, 0.0), known.sum(axis=0)
    total, prompts = scores.sum(axis=0), np.arange(draws.shape[1])
    means = np.where(n_known > 0, total / np.maximum(n_known, 1), -np.inf)
    fresh = gap = 0.0
    for draw in range(len(draws)):
        picked = np.where(known[draw], scores[draw], -np.inf).argmax(axis=1)
        n_others, others = n_known - known[draw], total - scores[draw]
        counted = known[draw].any(axis=1) & (n_others[prompts, picked] > 0) & (n_others[:, best] > 0)
        rows, own = prompts[counted], picked[counted]
        fresh += float((others[rows, own] / n_others[rows, own] - others[rows, best] / n_others[rows, best]).sum())
        gap += float((means[rows].max(axis=1) - means[rows, best]).sum())
    return fresh / gap if gap > 1e-12 else None


def calibration_error(predicted: np.ndarray, scores: np.ndarray, *, n_bins: int = 10) -> float | None:
    """Expected calibration error: the mean of |mean predicted - mean score| over equal-width bins, by their size.

    Args:
        predicted: (n,) predicted quality, clipped to 0..1.
        scores: (n,) the outcome, 0..1; NaN = not scored, left out.

    Source: Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
    """
    gaps, bins = _gaps_by_bin(predicted, scores, n_bins)
    if not len(gaps):
        return None
    return float(np.abs(np.bincount(bins, weights=gaps)).sum() / len(gaps))


def calibration_by_chance(predicted: np.ndarray, scores: np.ndarray, *, n_bins: int = 10) -> float | None:
    """The `calibration_error` to expect of predictions that are right on average, on as many scores as varied as these.

    A bin of n scores with standard deviation s around their predictions is off by s * sqrt(2 / (pi * n)) on average
    (normal approximation, scores independent). An error near this one is no sign of bad calibration.

    Returns:
        0..1, to be read beside the error; None without scores, or where no bin has two.
    """
    gaps, bins = _gaps_by_bin(predicted, scores, n_bins)
    sizes = np.bincount(bins, minlength=n_bins)
    means = np.bincount(bins, weights=gaps, minlength=n_bins) / np.maximum(sizes, 1)
    n_free = len(gaps) - int((sizes > 0).sum())
    if n_free <= 0:
        return None
    squares = (gaps - means[bins]) ** 2
    # a bin of one shows no spread of its own: the spread of all bins together stands in
    spread = np.bincount(bins, weights=squares, minlength=n_bins) / np.maximum(sizes - 1, 1)
    variance = np.where(sizes > 1, spread, squares.sum() / n_free)
    return float(np.sqrt(2.0 / np.pi * sizes * variance).sum() / len(gaps))


def _gaps_by_bin(predicted: np.ndarray, scores: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Prediction less score where both are known, and the equal-width bin of each prediction, 0 to n_bins - 1."""
    known = np.isfinite(predicted) & np.isfinite(scores)
    clipped = np.clip(predicted[known], 0.0, 1.0)
    return clipped - scores[known], np.minimum((clipped * n_bins).astype(int), n_bins - 1)


def router_arena_score(accuracy: float | None, cost_usd_per_1k: float | None) -> float | None:
    """RouterArena's S, 0..1: a weighted harmonic mean of accuracy A and cheapness C.

    S = 1.1·A·C / (0.1·A + C), C = (log2 200 - log2 c) / (log2 200 - log2 0.0044), c in USD per 1,000 prompts.
    C is clipped to 0..1, where the published costs lie. None when A or c is unknown or c is not positive.

    Source: RouterArena (arXiv:2510.00202), the arena score with beta 0.1; clipping is ours.
    """
    if accuracy is None or cost_usd_per_1k is None or cost_usd_per_1k <= 0:
        return None
    span = math.log2(200) - math.log2(0.0044)
    cheapness = min(1.0, max(0.0, (math.log2(200) - math.log2(cost_usd_per_1k)) / span))
    weight = 0.1 * accuracy + cheapness
    return 1.1 * accuracy * cheapness / weight if weight > 0 else 0.0
