"""How much of the predicted deviations may be trusted: measured on held-out predictions, down to nothing."""

from typing import NamedTuple

import numpy as np

SHRINKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
N_TRADES = 12
DOUBT = 0.25
"""Standard errors of the gain taken off before the best shrink is chosen; no shrink has no error."""


class Trust(NamedTuple):
    """The chosen share of the deviations and the evidence for it."""

    shrink: float
    gain: float
    """Held-out utility (score units) over the means alone, averaged over trades of quality for cost."""
    gain_se: float


def trade_grid(mean_quality: np.ndarray, mean_cost: np.ndarray) -> np.ndarray:
    """Quality-per-USD values between 'only quality counts' and 'only cost counts' for these models; (N_TRADES,)."""
    best = int(np.argmax(mean_quality))
    cost = float(mean_cost[best])
    if not np.isfinite(cost) or cost <= 0.0:
        return np.zeros(1)
    spread = max(float(mean_quality[best] - np.min(mean_quality)), 0.02)
    return np.concatenate([[0.0], np.geomspace(0.02, 5.0, N_TRADES - 1)]) * spread / cost


def relevance(mean_quality: np.ndarray, mean_cost: np.ndarray, softness: float = 0.15) -> np.ndarray:
    """(m,) 0..1: how near a model is to the best mixture at its own cost; far ones never win a choice."""
    height = envelope_at(mean_cost, mean_quality, mean_cost)
    return np.exp(-np.maximum(height - mean_quality, 0.0) / softness)


def envelope_at(cost: np.ndarray, quality: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Height of the non-decreasing concave envelope of the points at the costs `at` (clipped to its range)."""
    hull: list[tuple[float, float]] = []
    for index in np.lexsort((-quality, cost)):
        point = (float(cost[index]), float(quality[index]))
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) >= 2 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    xs, ys = np.array(hull).T
    return np.interp(at, xs, ys)


def choose_shrink(
    means: np.ndarray,
    deviations: np.ndarray,
    expected_cost: np.ndarray,
    scores: np.ndarray,
    costs: np.ndarray,
) -> Trust:
    """Picks the share of the deviations with the best held-out utility, less doubt.

    Args:
        means: (m,) expected score per model.
        deviations: (n, m) held-out predicted deviations.
        expected_cost: (n, m) predicted USD.
        scores: (n, m) true scores, gaps filled.
        costs: (n, m) true USD, gaps filled.
    """
    rows = np.arange(len(scores))
    trades = trade_grid(means, costs.mean(0))

    def utility(shrink: float) -> np.ndarray:
        value = np.zeros(len(scores))
        for trade in trades:
            pick = np.argmax(means + shrink * deviations - trade * expected_cost, axis=1)
            value += scores[rows, pick] - trade * costs[rows, pick]
        return value / len(trades)

    base, best = utility(0.0), Trust(0.0, 0.0, 0.0)
    for shrink in SHRINKS[1:]:
        gain = utility(shrink) - base
        error = float(gain.std() / np.sqrt(max(len(gain), 1)))
        if gain.mean() - DOUBT * error > best.gain - DOUBT * best.gain_se:
            best = Trust(shrink, float(gain.mean()), error)
    return best


def _turns_up(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    run, step = middle[0] - first[0], last[0] - first[0]
    return (middle[1] - first[1]) * step <= (last[1] - first[1]) * run
