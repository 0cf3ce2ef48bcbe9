"""How long answers took beside how good they were: what was recorded only, nothing estimated."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from evals.arena import Arena
from evals.arms import Arms, Resampler, build_arms
from evals.judge import interval_of
from evals.policies.base import NO_PICK
from evals.results import SINGLE, WAIT_COLUMNS
from evals.tables import PolicyArms

P95 = 95


def waits_table(arena: Arena, arms: Arms, policies: Sequence[PolicyArms], resampler: Resampler) -> pd.DataFrame:
    """One row a single model, a policy at full quality, and a setting of a dial that weighs seconds.

    Means and percentiles are over the picks whose latency was recorded; rows without any are left out, so that the
    table of a recording without latencies is empty. Arms 0..n_models-1 are the single models.
    """
    if not arena.outcomes.is_latency_recorded.any():
        return pd.DataFrame(columns=list(WAIT_COLUMNS))
    lines = [line for at, model in enumerate(arena.models) for line in _lines(arena, arms, [at], SINGLE + model)]
    for policy in policies:
        if policy.name.startswith(SINGLE):
            continue
        lines += _lines(arena, arms, [policy.headline], policy.name)
        timed = policy.choices.timed_picks
        if timed is not None:
            own = build_arms(arena, [arena.pool[timed[1:]]], resampler)
            settings = policy.choices.timed_settings[1:]
            lines += _lines(arena, own, range(len(settings)), policy.name, settings)
    return pd.DataFrame(lines, columns=list(WAIT_COLUMNS))


def _lines(
    arena: Arena, arms: Arms, rows: Sequence[int], policy: str, settings: Sequence[str] | None = None
) -> Iterator[tuple[object, ...]]:
    """Settings None: full quality."""
    outcomes, prompts = arena.outcomes, np.arange(arms.picks.shape[1])
    for row, setting in zip(rows, ["0"] if settings is None else settings, strict=True):
        picks = arms.picks[row]
        is_timed = (picks != NO_PICK) & outcomes.is_latency_recorded[prompts, picks]
        seconds = outcomes.latencies_s[prompts, picks][is_timed]
        if len(seconds):
            interval = interval_of(arms.resampled_quality, row) or (np.nan, np.nan)
            waits = float(seconds.mean()), float(np.percentile(seconds, P95)), len(seconds)
            yield policy, setting, arms.quality[row], *interval, *waits, int(arms.n_scored[row]), settings is None
