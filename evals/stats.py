"""Uncertainty: the paired bootstrap over groups, McNemar, Holm and power. Pure; None = cannot be said."""

import math
from collections.abc import Mapping

import numpy as np

from evals.results import Interval

N_RESAMPLES = 1000
MIN_GROUPS = 10
"""With fewer groups no interval is given: resampling so few says nothing."""


def resample_weights(n_groups: int, *, seed: int, n_resamples: int = N_RESAMPLES) -> np.ndarray:
    """(n_resamples, n_groups) how often each group was drawn; every row sums to n_groups.

    One matrix serves all policies of a run, which makes every comparison paired.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap"; whole groups, as prompts of one group
    are not independent.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n_resamples).astype(float)


def group_sums(values: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    """(n_rows, n_groups) sums of (n_rows, n) values over the groups of their columns.

    Args:
        values: (n_rows, n), no NaN.
        groups: (n,) codes 0..n_groups-1.
    """
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((len(values), n_groups))
    if len(present):
        sums[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return sums


def ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """total / count, NaN where nothing was counted."""
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)


def percentile_interval(samples: np.ndarray) -> Interval | None:
    """The central 95 % of resampled values; None when more than 2.5 % of them are undefined."""
    known = samples[np.isfinite(samples)]
    if len(known) < 0.975 * len(samples) or len(known) == 0:
        return None
    lo, hi = np.percentile(known, [2.5, 97.5])
    return Interval(float(lo), float(hi))


def sign_test(differences: np.ndarray) -> float | None:
    """Two-sided p of the exact McNemar test: are wins and losses of a pair of policies equally frequent?

    On scores of 0 and 1 this is McNemar's exact test; on graded scores it is the sign test. Prompts are taken as
    independent. None when no prompt tells the two apart.

    Args:
        differences: (n,) score of one minus score of the other on the same prompts; NaN = one is not scored.

    Source: McNemar 1947; exact binomial form.
    """
    n_better, n_worse = int((differences > 0).sum()), int((differences < 0).sum())
    if n_better + n_worse == 0:
        return None
    from scipy.stats import binomtest  # here: a second of start-up

    return float(binomtest(n_better, n_better + n_worse).pvalue)


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """p-values adjusted for the number of comparisons; unknown ones stay None and are not counted.

    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    known = sorted(((p, name) for name, p in p_values.items() if p is not None))
    adjusted: dict[str, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[name] = highest
    return adjusted


def n_for_80_power(disagreement: float, difference: float) -> int | None:
    """Prompts needed to show a difference with 80 % power at 5 %: 7.85·d / Δ².

    Args:
        disagreement: d, share of prompts on which the two policies' scores differ, 0..1.
        difference: Δ, difference of the mean scores.

    Returns:
        None when there is no difference to show.

    Source: (1.96 + 0.84)² = 7.85 in the normal approximation of McNemar's test, variance d.
    """
    if not disagreement > 0 or abs(difference) < 1e-12:
        return None
    return math.ceil(7.85 * disagreement / difference**2)
