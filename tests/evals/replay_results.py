"""A synthetic replay result for tests of pictures, views and the benchmark tab: ten models, eight policies."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evals.metrics import BUDGET_PERCENTS, concave_envelope
from evals.results import (
    CATEGORY_COLUMNS,
    CHOICE_COLUMNS,
    ENVELOPE_COLUMNS,
    POINT_COLUMNS,
    SINGLE_COLUMNS,
    WAIT_COLUMNS,
    EqualCostGain,
    Interval,
    PolicySummary,
    ReplayResult,
    WorstSlice,
)

N_TEST = 400
MODELS = tuple(f"org/Model-{size}B-Instruct" for size in (1, 2, 4, 8, 14, 32, 70, 72, 123, 405))
DIALLED = {"omni": 0.03, "ridge": 0.012, "knn": 0.004, "kmeans": -0.006}
CATEGORIES = ("math", "law", "history and society", "code")


def make_result(*, gain: float = 0.021, with_costs: bool = True, name: str = "toy") -> ReplayResult:
    """A result in which omni gains `gain` over the mixture; without costs every cost figure is unknown."""
    costs = np.geomspace(0.02, 4.0, len(MODELS))
    qualities = 0.42 + 0.4 * np.linspace(0, 1, len(MODELS)) ** 0.7 + 0.03 * np.cos(np.arange(len(MODELS)) * 2)
    singles = pd.DataFrame(
        {
            "model": MODELS, "model_id": MODELS, "quality": qualities, "lo": qualities - 0.04, "hi": qualities + 0.04,
            "cost_usd_per_1k": costs, "latency_s": np.geomspace(0.5, 20, len(MODELS)), "latency_basis": "estimated",
            "price_basis": ["listed", "estimated"] * 5, "on_envelope": False, "n_scored": N_TEST, "n_failed": 0,
        }
    )  # fmt: skip
    envelope = concave_envelope(costs, qualities)
    corners = list(envelope.corners)
    singles.loc[corners, "on_envelope"] = True
    best = int(np.argmax(qualities))
    points = pd.DataFrame(_points(costs, qualities, best), columns=list(POINT_COLUMNS))
    result = ReplayResult(
        recording=name,
        title="A toy recording",
        spec={"policies": ["best_single", "mixture", *DIALLED, "random", "oracle"]},
        seed=0,
        versions={"code": "test"},
        n_fit=900,
        n_test=N_TEST,
        cost_basis="mixed",
        latency_basis="estimated",
        best_single=MODELS[best],
        choices=_choices(best),
        points=points,
        singles=singles[list(SINGLE_COLUMNS)],
        envelope=pd.DataFrame(
            list(zip(singles["model"][corners], costs[corners], qualities[corners], strict=True)),
            columns=list(ENVELOPE_COLUMNS),
        ),
        per_category=_per_category(),
        waits=pd.DataFrame(columns=list(WAIT_COLUMNS)),
        summaries={row.policy: _summary(row, gain) for row in points[points["is_headline"]].itertuples(index=False)},
        failures=(),
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:04:09+00:00",
    )
    return result if with_costs else _without_costs(result)


def _points(costs: np.ndarray, qualities: np.ndarray, best: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []

    def add(policy: str, setting: str, quality: float, cost: float, *, headline: bool, on: bool = True) -> None:
        latency = 3 + cost
        rows.append((policy, setting, quality, quality - 0.03, quality + 0.03, cost, cost * 0.9, cost * 1.1, latency,
                     N_TEST, 0, headline, on))  # fmt: skip

    add("best_single", "0", float(qualities[best]), float(costs[best]), headline=True)
    add("mixture", "0", float(qualities[best]), float(costs[best]), headline=True)
    for policy, lift in DIALLED.items():
        for at, cost in enumerate(np.geomspace(0.03, 3.0, 9)[::-1]):
            height = float(np.interp(np.log(cost), np.log(costs), qualities)) + lift + 0.01
            add(policy, f"{at}", height - 0.01 * (at % 3 == 1), float(cost), headline=at == 0, on=at % 3 != 1)
    add("random", "0", float(qualities.mean()), float(costs.mean()), headline=True)
    add("oracle", "0", float(qualities.max()) + 0.09, 0.6, headline=True)
    return rows


def _choices(best: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frames = []
    for policy in ("best_single", *DIALLED, "random", "oracle"):
        spread = rng.integers(0, len(MODELS), N_TEST) if policy != "best_single" else np.full(N_TEST, best)
        score = np.ones(N_TEST) if policy == "oracle" else (rng.random(N_TEST) < 0.7).astype(float)
        frames.append(
            pd.DataFrame(
                {
                    "prompt_id": [f"p{at}" for at in range(N_TEST)], "policy": policy, "setting": "0",
                    "model": [MODELS[at] for at in spread], "score": score, "cost_usd": 0.001, "latency_s": 2.0,
                    "latency_basis": "estimated", "input_tokens": 100.0, "output_tokens": 200.0,
                    "predicted_quality": rng.beta(5, 2, N_TEST) if policy in DIALLED else np.nan,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)[list(CHOICE_COLUMNS)]


def _per_category() -> pd.DataFrame:
    rows = [
        (policy, category, 0.7, 100, step - 0.02 + 0.015 * at, step - 0.05 + 0.015 * at, step + 0.01 + 0.015 * at)
        for policy, step in DIALLED.items()
        for at, category in enumerate(CATEGORIES)
    ]
    return pd.DataFrame(rows, columns=list(CATEGORY_COLUMNS))


def _summary(row: Any, omni_gain: float) -> PolicySummary:
    lift = omni_gain if row.policy == "omni" else DIALLED.get(row.policy)
    known = lift is not None
    shares = {MODELS[at]: 0.1 for at in range(10)} if row.policy in {*DIALLED, "oracle", "random"} else {MODELS[8]: 1.0}
    return PolicySummary(
        policy=row.policy,
        setting=row.setting,
        quality=row.quality,
        cost_usd_per_1k=row.cost_usd_per_1k,
        latency_s=row.latency_s,
        aiq=0.7,
        equal_cost_gain=EqualCostGain(
            mean=lift,
            lo=lift - 0.012 if lift is not None else None,
            hi=lift + 0.012 if lift is not None else None,
            at={str(p): lift * (0.5 + p / 100) if lift is not None and p > 10 else None for p in BUDGET_PERCENTS},
        ),
        cost_to_match=0.4 if known else None,
        gap_closed=0.2 if known else None,
        worst_slice=WorstSlice(category="law", difference=-0.01, lo=-0.03, hi=0.01, n_scored=100) if known else None,
        calibration_error=0.05 if known else None,
        router_arena=0.7,
        p_value=0.2 if known else None,
        n_for_80_power=5200 if known else None,
        intervals={"quality": Interval(row.lo, row.hi), "difference": Interval(-0.01, 0.03) if known else None},
        shares=shares,
        n_scored=N_TEST,
        n_failed=0,
        n_total=N_TEST,
        fit_s=0.1,
        routing_us=120.0 if known else None,
        routing_batch_us=10.0 if known else None,
        params={},
    )


def _without_costs(result: ReplayResult) -> ReplayResult:
    none = EqualCostGain(mean=None, lo=None, hi=None, at={})
    return replace(
        result,
        cost_basis=None,
        points=result.points.assign(cost_usd_per_1k=np.nan, cost_lo=np.nan, cost_hi=np.nan),
        singles=result.singles.assign(cost_usd_per_1k=np.nan, on_envelope=False),
        envelope=result.envelope.iloc[:0],
        summaries={
            name: replace(item, cost_usd_per_1k=None, equal_cost_gain=none, cost_to_match=None, aiq=None)
            for name, item in result.summaries.items()
        },
    )
