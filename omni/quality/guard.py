"""How much of the predicted deviations may be trusted: measured on held-out predictions, down to nothing."""

from typing import NamedTuple

import numpy as np

SHRINKS = (0.0, 0.25, 0.5, 0.75, 1.0)
USUAL_SHRINK = 0.75
"""What held-out gains over all recordings support; left only for evidence in this one."""
EVIDENCE = 1.5
"""Standard errors of held-out gain over the usual shrink that another one must show."""
N_TRADES = 12


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


def relevance(mean_quality: np.ndarray, mean_cost: np.ndarray, softness: float = 0.1) -> np.ndarray:
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
    means: np.ndarray, deviations: np.ndarray, expected_cost: np.ndarray, scores: np.ndarray, costs: np.ndarray
) -> Trust:
    """Picks the share of the deviations by held-out utility, averaged over trades of quality for cost.

    Args:
        means: (m,) expected score per model.
        deviations: (n, m) held-out predicted deviations.
        expected_cost: (n, m) predicted USD.
        scores: (n, m) true scores, or unbiased stand-ins where there are gaps.
        costs: (n, m) true USD, gaps filled.
    """
    rows = np.arange(len(scores))
    trades = trade_grid(means, costs.mean(0))
    value = np.zeros((len(SHRINKS), len(scores)))
    for trade in trades:
        worth, expected = scores - trade * costs, means - trade * expected_cost
        for index, shrink in enumerate(SHRINKS):
            value[index] += worth[rows, np.argmax(expected + shrink * deviations, axis=1)]
    value /= len(trades)
    gain = value - value[SHRINKS.index(USUAL_SHRINK)]
    score = gain.mean(1) - EVIDENCE * gain.std(1) / np.sqrt(len(scores))
    best = int(np.argmax(score))
    over_means = value[best] - value[0]
    return Trust(SHRINKS[best], float(over_means.mean()), float(over_means.std() / np.sqrt(len(scores))))


def unbiased_scores(scores: np.ndarray, seen: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(n, m) scores whose gaps are filled without favouring any prediction (doubly robust).

    A gap gets the model's mean plus how the prompt went for the others; a seen cell is corrected by its surprise
    times the inverse of the share of seen cells, so that means over prompts stay unbiased.
    """
    if seen.all():
        return scores
    surprise = np.where(seen, scores - means, 0.0)
    others = (surprise.sum(1, keepdims=True) - surprise) / (seen.sum(1, keepdims=True) - seen + 1.0)
    stand_in = means + others
    share = np.maximum(seen.mean(0), 0.05)
    return stand_in + np.where(seen, (np.where(seen, scores, 0.0) - stand_in) / share, 0.0)


def _turns_up(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    run, step = middle[0] - first[0], last[0] - first[0]
    return (middle[1] - first[1]) * step <= (last[1] - first[1]) * run
