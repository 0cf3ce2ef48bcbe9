"""Policies at their settings ("arms") turned into sums: mean quality and cost on the test side, and resampled ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.arena import Arena
from evals.policies.base import NO_PICK
from evals.stats import MIN_GROUPS, group_sums, ratio, resample_weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """What each arm got. Rows are arms; costs are USD per prompt; NaN = unknown or not counted."""

    picks: np.ndarray
    """(n_arms, n_test) column of the arena's models, NO_PICK for none."""
    scores: np.ndarray
    """(n_arms, n_test), NaN where the cell does not count."""
    costs: np.ndarray
    quality: np.ndarray
    """(n_arms,) mean over counted prompts."""
    cost: np.ndarray
    n_scored: np.ndarray
    resampled_quality: np.ndarray | None
    """(n_resamples, n_arms); None with too few groups for an interval."""
    resampled_cost: np.ndarray | None
    resampler: "Resampler"

    def differences(self, row: int, other: int) -> np.ndarray:
        """(1, n_test) score of one arm less another's, NaN where either does not count: gaps must not choose sides."""
        return (self.scores[row] - self.scores[other])[None, :]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampler:
    """One draw of group weights, shared by every comparison of a run."""

    groups: np.ndarray
    n_groups: int
    weights: np.ndarray | None
    """(n_resamples, n_groups)."""

    @classmethod
    def of(cls, arena: Arena, seed: int) -> "Resampler":
        """Draws for the test side's groups; no draws when they are too few."""
        enough = arena.n_groups >= MIN_GROUPS
        weights = resample_weights(arena.n_groups, seed=seed) if enough else None
        return cls(groups=arena.groups, n_groups=arena.n_groups, weights=weights)

    def means(self, values: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray | None:
        """(n_resamples, n_rows) resampled means of (n_rows, n) values over their known cells.

        Args:
            values: NaN = not counted.
            columns: positions of the prompts that `values` covers; None = all.
        """
        if self.weights is None:
            return None
        groups = self.groups if columns is None else self.groups[columns]
        present, codes = np.unique(groups, return_inverse=True)
        weights = self.weights if len(present) == self.n_groups else self.weights[:, present]
        known = np.isfinite(values)
        total = weights @ group_sums(np.where(known, values, 0.0), codes, len(present)).T
        if known.all():
            sizes = np.bincount(codes, minlength=len(present)).astype(float)
            return ratio(total, (weights @ sizes)[:, None])
        return ratio(total, weights @ group_sums(known.astype(float), codes, len(present)).T)


def build_arms(arena: Arena, picks: Sequence[np.ndarray], resampler: Resampler) -> Arms:
    """Looks up the recorded outcome of each pick.

    Args:
        picks: arrays (n_settings, n_test) of columns of `arena.models`; their rows become the arms in order.
    """
    rows = np.concatenate(list(picks))
    prompts, has_pick = np.arange(rows.shape[1]), rows != NO_PICK
    outcomes = arena.outcomes
    counted = has_pick & outcomes.is_counted[prompts, rows]
    scores = np.where(counted, outcomes.scores[prompts, rows], np.nan)
    costs = np.where(counted, outcomes.costs_usd[prompts, rows], np.nan)
    n_scored = counted.sum(axis=1)
    is_priced = (np.isfinite(costs) == counted).all(axis=1) & (n_scored > 0)
    resampled_cost = resampler.means(costs)
    if resampled_cost is not None:
        resampled_cost[:, ~is_priced] = np.nan
    return Arms(
        picks=rows,
        scores=scores,
        costs=costs,
        quality=ratio(np.nansum(scores, axis=1), n_scored),
        cost=np.where(is_priced, ratio(np.nansum(costs, axis=1), n_scored), np.nan),
        n_scored=n_scored,
        resampled_quality=resampler.means(scores),
        resampled_cost=resampled_cost,
        resampler=resampler,
    )


def latencies_of(arena: Arena, picks: np.ndarray) -> np.ndarray:
    """(n_test,) latency of one arm's picks in seconds, NaN = unknown."""
    found = arena.outcomes.latencies_s[np.arange(len(picks)), picks]
    return np.where(picks != NO_PICK, found, np.nan)
