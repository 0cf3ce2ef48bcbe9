"""What a replay hands over: values and tables that charts, the store and the command line read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import pandas as pd

CHOICE_COLUMNS = ("prompt_id", "policy", "setting", "model", "score", "cost_usd", "latency_s", "latency_basis",
                  "input_tokens", "output_tokens", "predicted_quality")  # fmt: skip
POINT_COLUMNS = ("policy", "setting", "quality", "lo", "hi", "cost_usd_per_1k", "cost_lo", "cost_hi", "latency_s",
                 "n_scored", "n_failed", "is_headline", "on_envelope")  # fmt: skip
SINGLE_COLUMNS = ("model", "model_id", "quality", "lo", "hi", "cost_usd_per_1k", "latency_s", "latency_basis",
                  "price_basis", "on_envelope", "n_scored", "n_failed")  # fmt: skip
WAIT_COLUMNS = ("policy", "setting", "quality", "lo", "hi", "mean_s", "p95_s", "n_timed", "n_scored", "is_headline")
ENVELOPE_COLUMNS = ("model", "cost_usd_per_1k", "quality")
CATEGORY_COLUMNS = ("policy", "category", "quality", "n_scored", "difference", "lo", "hi")
FAILURE_COLUMNS = ("policy", "setting", "prompt_id", "reason")
PRESET = "preset="
"""What a setting begins with that is one of the presets people choose from."""
SINGLE = "single:"
"""What the name of a policy that is one model begins with."""


class Interval(NamedTuple):
    """A two-sided 95 % interval."""

    lo: float
    hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualCostGain:
    """Policy minus the mixture of single models at the same mean cost, in score units (0..1)."""

    mean: float | None
    """Over the budgets in `at` that are defined; None when none is."""
    lo: float | None
    hi: float | None
    at: Mapping[str, float | None]
    """Budget in % of the best single model's cost ("10" … "100") to gain; None below the cheapest point."""

    @property
    def interval(self) -> Interval | None:
        """Both ends, of the mean."""
        return None if self.lo is None or self.hi is None else Interval(self.lo, self.hi)

    @property
    def n_budgets(self) -> int:
        """Over how many budgets the mean was taken; 0 without a mean."""
        return sum(gain is not None for gain in self.at.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstSlice:
    """The category where the policy stands worst against the best single model, at full quality."""

    category: str
    difference: float
    """Policy minus best single, -1..1."""
    lo: float | None
    hi: float | None
    n_scored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySummary:
    """One policy's figures on the test side. The headline setting is full quality (dial at 0)."""

    policy: str
    setting: str
    """The headline setting."""
    quality: float | None
    """Mean score 0..1 over scored prompts; None when nothing was scored."""
    cost_usd_per_1k: float | None
    """USD per 1,000 prompts over the same prompts; None when costs are unknown."""
    latency_s: float | None
    """Median over the picks whose latency is known."""
    aiq: float | None
    """Mean height of the policy's envelope from the cheapest to the best single model's cost, 0..1."""
    equal_cost_gain: EqualCostGain
    cost_to_match: float | None
    """Cheapest setting not below the best single model, as a share of its cost."""
    gap_closed: float | None
    """(policy - best single) / (oracle - best single); None when the oracle gains nothing."""
    worst_slice: WorstSlice | None
    calibration_error: float | None
    """Expected calibration error of the predicted quality of the picks, 0..1; None without predictions."""
    router_arena: float | None
    """RouterArena's S at the headline setting, 0..1."""
    p_value: float | None
    """Exact McNemar / sign test against the best single model, Holm-adjusted over the policies of the run."""
    n_for_80_power: int | None
    """Prompts that would show the observed difference to the best single model with 80 % power."""
    intervals: Mapping[str, Interval | None]
    """95 % intervals by figure: quality, cost_usd_per_1k, aiq, cost_to_match, gap_closed, difference."""
    shares: Mapping[str, float]
    """Model to share of test prompts sent there at the headline setting; sums to 1 over the prompts that had a pick."""
    n_scored: int
    n_failed: int
    n_total: int
    fit_s: float
    """Seconds to fit, hyper-parameters included."""
    routing_us: float | None
    """Median microseconds to route one prompt, measured one at a time; None for policies without a prediction."""
    routing_batch_us: float | None
    """Microseconds per prompt when the whole test side is routed at once."""
    params: Mapping[str, Any]
    """Hyper-parameters chosen on the fit side."""
    difference: float | None = None
    """Mean score less the best single model's, on the prompts where both count; None when unknown, or in runs that an
    earlier version kept."""

    def to_json(self) -> dict[str, Any]:
        """The figures under the names of `python -m evals replay --json`."""
        gain = self.equal_cost_gain
        return {
            "quality": self.quality,
            "cost_usd_per_1k": self.cost_usd_per_1k,
            "aiq": self.aiq,
            "equal_cost_gain": asdict(gain) | {"n_budgets": gain.n_budgets},
            "cost_to_match": self.cost_to_match,
            "gap_closed": self.gap_closed,
            "worst_slice": None if self.worst_slice is None else asdict(self.worst_slice),
            "n_scored": self.n_scored,
            "n_failed": self.n_failed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A test prompt whose pick could not be counted, or (prompt_id None) a policy that could not be fitted."""

    policy: str
    setting: str | None
    prompt_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """One replay of one recording. Tables have the columns named at the top of this file; unknown is NaN or None."""

    recording: str
    title: str
    spec: Mapping[str, Any]
    """Policies with their parameters, dial values, budgets, resamples: enough to run it again."""
    seed: int
    versions: Mapping[str, str]
    """Packages, code, catalog and feature fingerprint."""
    n_fit: int
    n_test: int
    cost_basis: str | None
    """recorded, listed, estimated or mixed; None = no costs, so no cost figures."""
    latency_basis: str | None
    """recorded, estimated or mixed; None = no latency known."""
    best_single: str
    """The model with the best mean score on the fit side."""
    choices: pd.DataFrame
    """One row a (prompt, policy, setting); a run loaded from the store holds the stored settings only."""
    points: pd.DataFrame
    """One row a (policy, setting): the dial's points in the cost-quality plane, test side."""
    singles: pd.DataFrame
    """One row a model, test side."""
    envelope: pd.DataFrame
    """Corners of the mixture (the concave envelope of the single models), by cost. Empty when costs are unknown."""
    per_category: pd.DataFrame
    """One row a (policy, category) at the headline setting; difference is to the best single model."""
    waits: pd.DataFrame
    """One row a single model, a policy at full quality and a setting of a dial by seconds: mean and 95th percentile of
    the recorded latencies of its picks, test side. Empty where the recording has none."""
    summaries: Mapping[str, PolicySummary]
    failures: tuple[Failure, ...]
    """At the headline settings; other settings are counted in `points.n_failed`."""
    started_at: str
    """ISO 8601, UTC."""
    finished_at: str
    repeatable_gap: float | None = None
    """Share of the oracle's gap that repeats on a fresh draw of the models' answers, at most 1; below 0 = choosing by
    one draw is worse than the best single model. None when answers were drawn once, or there is no gap."""
    run_id: str | None = None
    """Set when loaded from, or saved to, the store."""

    @property
    def nothing_to_trade(self) -> bool:
        """The best single model is also the cheapest of the pool on the test side; False when costs are unknown."""
        pool = self.singles[self.singles["model"].isin(self.spec.get("pool") or self.singles["model"])]
        best = pool.loc[pool["model"] == self.best_single, "cost_usd_per_1k"]
        return bool((best <= pool["cost_usd_per_1k"].min()).any())

    def presets_of(self, policy: str) -> dict[str, dict[str, float | None]]:
        """What a policy gives and costs at each preset that people choose from; empty for one without presets."""
        own = self.points["setting"].astype(str).str.startswith(PRESET) & (self.points["policy"] == policy)
        figures = ("quality", "cost_usd_per_1k", "latency_s", "n_scored")
        return {
            str(row["setting"]).removeprefix(PRESET): {
                name: None if pd.isna(row[name]) else float(row[name]) for name in figures
            }
            for _, row in self.points[own].iterrows()
        }

    def picks(self) -> pd.DataFrame:
        """The rows of `choices` at each policy's headline setting: its pick for every test prompt at full quality."""
        headline = {name: item.setting for name, item in self.summaries.items()}
        is_headline = self.choices["policy"].astype(str).map(headline) == self.choices["setting"].astype(str)
        return self.choices[is_headline].reset_index(drop=True)

    def to_json(self) -> dict[str, Any]:
        """The contract of `python -m evals replay --json`; None = unknown."""
        return {
            "recording": self.recording,
            "n_fit": self.n_fit,
            "n_test": self.n_test,
            "policies": {
                name: summary.to_json() | {"presets": self.presets_of(name)} for name, summary in self.summaries.items()
            },
            "intervals": {
                name: {figure: None if pair is None else list(pair) for figure, pair in summary.intervals.items()}
                for name, summary in self.summaries.items()
            },
            "best_single": self.best_single,
            "nothing_to_trade": self.nothing_to_trade,
            "repeatable_gap": self.repeatable_gap,
            "cost_basis": self.cost_basis,
            "latency_basis": self.latency_basis,
            "seed": self.seed,
            "versions": dict(self.versions),
        }
