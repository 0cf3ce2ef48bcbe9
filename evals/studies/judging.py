"""Picks of a study judged like those of a replay."""

from typing import NamedTuple

import numpy as np

from evals.arena import Arena
from evals.arms import Resampler, build_arms
from evals.judge import Judge, References
from evals.policies.base import NO_PICK, best_column, cheapest_column


class JudgedPicks(NamedTuple):
    """The judge of an arena, and which of its arms are the picks."""

    judge: Judge
    rows: np.ndarray
    """Arms of the settings, in order."""


def judge_picks(arena: Arena, picks: np.ndarray, *, with_intervals: bool = True) -> JudgedPicks:
    """The picks beside all single models; the best and the cheapest are those of the fit side.

    Args:
        picks: (n_settings, n_test) columns of the pool.
        with_intervals: False saves the resampling.
    """
    n_models = len(arena.models)
    singles = np.repeat(np.arange(n_models)[:, None], picks.shape[1], axis=1)
    resampler = Resampler(groups=arena.groups, n_groups=arena.n_groups, weights=None)
    if with_intervals:
        resampler = Resampler.of(arena, arena.fit.seed)
    arms = build_arms(arena, [singles, map_picks(picks, arena.pool)], resampler)
    best, cheapest = int(arena.pool[best_column(arena.fit)]), cheapest_column(arena.fit)
    references = References(
        singles=arena.pool,
        best=best,
        cheapest=None if cheapest is None else int(arena.pool[cheapest]),
        oracle=best,
    )
    return JudgedPicks(Judge(arms=arms, references=references), np.arange(n_models, len(arms.quality)))


def map_picks(picks: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Picks as columns of a larger pool; what was not picked stays so."""
    return np.where(picks == NO_PICK, NO_PICK, columns[picks])
