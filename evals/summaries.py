"""One policy's figures, put together from its arms and the judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evals.arena import Arena
from evals.arms import latencies_of
from evals.judge import Judge, interval_of
from evals.metrics import calibration_error, known_or_none, router_arena_score
from evals.results import PolicySummary, WorstSlice
from evals.stats import holm, n_for_80_power, sign_test
from evals.tables import MIN_SLICE, PER_1K, PolicyArms, median_known, predicted_of_picks, shares_of


def summarise(
    arena: Arena, judge: Judge, policies: Sequence[PolicyArms], per_category: pd.DataFrame
) -> dict[str, PolicySummary]:
    """The figures of every policy; p-values are adjusted over the policies that predict."""
    summaries = {policy.name: summarise_policy(arena, judge, policy, per_category) for policy in policies}
    learned = [policy.name for policy in policies if policy.choices.predicted is not None]
    adjusted = holm({name: summaries[name].p_value for name in learned})
    return {name: replace(summary, p_value=adjusted.get(name)) for name, summary in summaries.items()}


def summarise_policy(arena: Arena, judge: Judge, policy: PolicyArms, per_category: pd.DataFrame) -> PolicySummary:
    """One policy's figures; its p-value is not adjusted yet."""
    arms, row, best = judge.arms, policy.headline, judge.references.best
    quality, cost = known_or_none(arms.quality[row]), known_or_none(arms.cost[row] * PER_1K)
    aiq, match, gap = judge.aiq(policy.rows), judge.cost_to_match(policy.rows), judge.gap_closed(row)
    difference = judge.difference(row)
    differences = arms.scores[row] - arms.scores[best]
    compared = differences[np.isfinite(differences)]
    return PolicySummary(
        policy=policy.name,
        setting=policy.choices.settings[0],
        quality=quality,
        cost_usd_per_1k=cost,
        latency_s=known_or_none(median_known(latencies_of(arena, arms.picks[row]))),
        aiq=aiq.value,
        equal_cost_gain=judge.equal_cost_gain(policy.rows),
        cost_to_match=match.value,
        gap_closed=gap.value,
        worst_slice=worst_slice(per_category, policy.name),
        calibration_error=calibration_error(predicted_of_picks(arena, policy)[0], arms.scores[row]),
        router_arena=router_arena_score(quality, cost),
        p_value=sign_test(differences),
        n_for_80_power=n_for_80_power(float(np.mean(compared != 0)), float(np.mean(compared)))
        if len(compared)
        else None,
        intervals={
            "quality": interval_of(arms.resampled_quality, row),
            "cost_usd_per_1k": interval_of(arms.resampled_cost, row, factor=PER_1K),
            "aiq": aiq.interval,
            "cost_to_match": match.interval,
            "gap_closed": gap.interval,
            "difference": difference.interval,
        },
        shares=shares_of(arena, arms.picks[row]),
        n_scored=int(arms.n_scored[row]),
        n_failed=int(arms.picks.shape[1] - arms.n_scored[row]),
        n_total=arms.picks.shape[1],
        fit_s=policy.choices.fit_s,
        routing_us=policy.choices.routing_us,
        routing_batch_us=policy.choices.routing_batch_us,
        params=_plain(policy.choices.params),
        difference=difference.value,
    )


def worst_slice(per_category: pd.DataFrame, policy: str) -> WorstSlice | None:
    """The category with the lowest difference among those with enough prompts; None with fewer than two categories."""
    mine = per_category[per_category["policy"] == policy]
    judged = mine[(mine["n_scored"] >= MIN_SLICE) & mine["difference"].notna()]
    if len(mine) < 2 or judged.empty:
        return None
    worst = judged.sort_values(["difference", "category"]).iloc[0]
    return WorstSlice(
        category=str(worst["category"]),
        difference=float(worst["difference"]),
        lo=known_or_none(worst["lo"]),
        hi=known_or_none(worst["hi"]),
        n_scored=int(worst["n_scored"]),
    )


def _plain(params: Mapping[str, object]) -> dict[str, object]:
    """The parameters with NumPy scalars as Python's, so that they can be written as JSON."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in params.items()}
