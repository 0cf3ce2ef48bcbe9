"""A replay result in which no two figures are alike, so that a swapped field shows in every table."""

from dataclasses import replace
from itertools import count

import pandas as pd

from evals.metrics import BUDGET_PERCENTS
from evals.results import (
    CATEGORY_COLUMNS,
    ENVELOPE_COLUMNS,
    POINT_COLUMNS,
    SINGLE_COLUMNS,
    EqualCostGain,
    Interval,
    PolicySummary,
    ReplayResult,
    WorstSlice,
)
from tests.evals.replay_results import make_result

INTERVALS = ("quality", "cost_usd_per_1k", "aiq", "cost_to_match", "gap_closed", "difference")
MODEL = "org/Model-8B"


def distinct_summary(policy: str = "omni", *, start: int = 0) -> PolicySummary:
    """Shares from 0.101 up, 13 thousandths apart, and numbers from 11 up; `start` moves both."""
    share = (round(0.101 + start / 1000 + 0.013 * step, 3) for step in count())
    number = count(11 + start)
    return PolicySummary(
        policy=policy,
        setting=f"setting-{policy}",
        quality=next(share),
        cost_usd_per_1k=next(share),
        latency_s=next(share),
        aiq=next(share),
        equal_cost_gain=EqualCostGain(
            mean=next(share),
            lo=next(share),
            hi=next(share),
            at={str(percent): next(share) for percent in BUDGET_PERCENTS},
        ),
        cost_to_match=next(share),
        gap_closed=next(share),
        worst_slice=WorstSlice(
            category="law", difference=next(share), lo=next(share), hi=next(share), n_scored=next(number)
        ),
        calibration_error=next(share),
        router_arena=next(share),
        p_value=next(share),
        n_for_80_power=next(number),
        intervals={figure: Interval(next(share), next(share)) for figure in INTERVALS},
        shares={MODEL: 1.0},
        n_scored=next(number),
        n_failed=next(number),
        n_total=next(number),
        fit_s=next(share),
        routing_us=1000 * next(share),
        routing_batch_us=next(share),
        params={"k": next(number)},
        difference=next(share),
    )


def distinct_result(policy: str = "omni", *, start: int = 0) -> ReplayResult:
    """One policy with one point and one single model; every figure of every table differs from the others."""
    share = (round(0.1074 + start / 1000 + 0.017 * step, 4) for step in count())
    number = count(311 + start)
    summary = distinct_summary(policy, start=start)

    def row(columns: tuple[str, ...], **known: object) -> pd.DataFrame:
        values = {
            name: known[name] if name in known else next(number) if name.startswith("n_") else next(share)
            for name in columns
        }
        return pd.DataFrame([values], columns=list(columns))

    return replace(
        make_result(),
        recording=f"recording-{start}",
        title=f"title {start}",
        run_id=f"run-{start}",
        seed=next(number),
        n_fit=next(number),
        n_test=next(number),
        best_single=MODEL,
        points=row(POINT_COLUMNS, policy=policy, setting=summary.setting, is_headline=True, on_envelope=False),
        singles=row(
            SINGLE_COLUMNS, model=MODEL, model_id="org/Id-8B", latency_basis="recorded", price_basis="listed",
            on_envelope=True,
        ),
        envelope=row(ENVELOPE_COLUMNS, model=MODEL),
        per_category=row(CATEGORY_COLUMNS, policy=policy, category="law"),
        summaries={policy: summary},
        repeatable_gap=next(share),
    )  # fmt: skip
