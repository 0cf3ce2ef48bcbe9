"""The tables of a replay, from its arms: choices, dial points, single models, envelope, categories, failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evals.arena import Arena
from evals.arms import Arms, Resampler, latencies_of
from evals.judge import Judge, interval_of
from evals.metrics import concave_envelope, repeatable_gap
from evals.policies.base import NO_PICK, Choices
from evals.results import CATEGORY_COLUMNS, CHOICE_COLUMNS, ENVELOPE_COLUMNS, POINT_COLUMNS, SINGLE_COLUMNS, Failure
from evals.stats import percentile_interval, ratio

PER_1K = 1000.0
MIN_SLICE = 20
"""Scored test prompts a category needs, for both sides, to be judged as a slice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolicyArms:
    """A policy of the run and the rows of its settings among the arms, headline first."""

    name: str
    choices: Choices
    first_row: int

    @property
    def rows(self) -> np.ndarray:
        """Of the dial's settings."""
        return np.arange(self.first_row, self.first_row + len(self.choices.settings))

    @property
    def all_rows(self) -> np.ndarray:
        """Of the dial's settings and, behind them, the presets."""
        return np.arange(self.first_row, self.first_row + len(self.choices.all_settings))

    @property
    def headline(self) -> int:
        """Row of full quality."""
        return int(self.rows[0])


def choices_table(arena: Arena, arms: Arms, policies: Sequence[PolicyArms]) -> pd.DataFrame:
    """One row a (policy, setting, prompt); score and cost are NaN where the cell does not count."""
    if not policies:
        return pd.DataFrame(columns=list(CHOICE_COLUMNS))
    rows = np.concatenate([policy.all_rows for policy in policies])
    n_test, picks = arms.picks.shape[1], arms.picks[rows]
    settings = [setting for policy in policies for setting in policy.choices.all_settings]
    names = list(dict.fromkeys(settings))
    policy_codes = np.repeat(np.arange(len(policies)), [len(policy.all_rows) for policy in policies])
    outcomes, prompts = arena.outcomes, np.arange(n_test)
    has_pick = picks != NO_PICK
    recorded = np.where(outcomes.is_latency_recorded[prompts, picks], 0, 1)
    latency = np.where(has_pick, outcomes.latencies_s[prompts, picks], np.nan)
    columns = {
        "prompt_id": pd.Categorical.from_codes(np.tile(prompts, len(rows)), categories=arena.prompt_ids),
        "policy": _repeat(policy_codes, [policy.name for policy in policies], n_test),
        "setting": _repeat(np.array([names.index(setting) for setting in settings]), names, n_test),
        "model": pd.Categorical.from_codes(picks.ravel(), categories=list(arena.models)),
        "score": arms.scores[rows].ravel(),
        "cost_usd": arms.costs[rows].ravel(),
        "latency_s": latency.ravel(),
        "latency_basis": pd.Categorical.from_codes(
            np.where(np.isfinite(latency), recorded, -1).ravel(), categories=["recorded", "estimated"]
        ),
        "input_tokens": np.where(has_pick, outcomes.input_tokens[prompts, picks], np.nan).ravel(),
        "output_tokens": np.where(has_pick, outcomes.output_tokens[prompts, picks], np.nan).ravel(),
        "predicted_quality": np.concatenate([predicted_of_picks(arena, policy) for policy in policies]).ravel(),
    }
    return pd.DataFrame(columns)[list(CHOICE_COLUMNS)]


def predicted_of_picks(arena: Arena, policy: PolicyArms) -> np.ndarray:
    """(n_settings, n_test) quality predicted for each pick, NaN for a policy that predicts nothing."""
    predicted, picks = policy.choices.predicted, policy.choices.all_picks
    if predicted is None:
        return np.full((len(policy.all_rows), len(arena.prompt_ids)), np.nan)
    return np.where(picks != NO_PICK, predicted[np.arange(picks.shape[1]), picks], np.nan)


def points_table(arena: Arena, arms: Arms, policies: Sequence[PolicyArms]) -> pd.DataFrame:
    """One row a (policy, setting) with intervals."""
    if not policies:
        return pd.DataFrame(columns=list(POINT_COLUMNS))
    rows = np.concatenate([policy.all_rows for policy in policies])
    corners = [
        policy.rows[list(concave_envelope(arms.cost[policy.rows], arms.quality[policy.rows]).corners)]
        for policy in policies
    ]
    columns = _means(arms, rows) | {
        "policy": [policy.name for policy in policies for _ in policy.all_rows],
        "setting": [setting for policy in policies for setting in policy.choices.all_settings],
        "latency_s": [median_known(latencies_of(arena, arms.picks[row])) for row in rows],
        "is_headline": np.isin(rows, [policy.headline for policy in policies]),
        "on_envelope": np.isin(rows, np.concatenate(corners)),
    }
    return pd.DataFrame(columns)[list(POINT_COLUMNS)]


def singles_table(arena: Arena, arms: Arms, judge: Judge) -> pd.DataFrame:
    """One row a model of the recording; arms 0..n_models-1 are the single models."""
    facts, outcomes, rows = arena.recording.models, arena.outcomes, np.arange(len(arena.models))
    columns = _means(arms, rows) | {
        "model": list(arena.models),
        "model_id": facts["model_id"].to_numpy(),
        "latency_s": [median_known(outcomes.latencies_s[:, row]) for row in rows],
        "latency_basis": [_basis(outcomes.latencies_s[:, row], outcomes.is_latency_recorded[:, row]) for row in rows],
        "price_basis": facts["price_basis"].to_numpy(),
        "on_envelope": np.isin(rows, judge.references.singles[list(judge.mixture.corners)]),
    }
    return pd.DataFrame(columns)[list(SINGLE_COLUMNS)]


def envelope_table(arena: Arena, judge: Judge) -> pd.DataFrame:
    """Corners of the mixture by cost; empty without costs."""
    envelope = judge.mixture
    models = [arena.models[int(judge.references.singles[corner])] for corner in envelope.corners]
    columns = {"model": models, "cost_usd_per_1k": envelope.costs * PER_1K, "quality": envelope.qualities}
    return pd.DataFrame(columns)[list(ENVELOPE_COLUMNS)]


def category_table(
    arena: Arena, arms: Arms, policies: Sequence[PolicyArms], best: int, resampler: Resampler
) -> pd.DataFrame:
    """One row a (policy, category) at the headline settings; differences to the best single on prompts both have."""
    rows = np.array([best, *(policy.headline for policy in policies)])
    lines = []
    for category in sorted({name for name in arena.categories if name is not None}, key=str):
        columns = np.flatnonzero(arena.categories == category)
        scores = arms.scores[np.ix_(rows, columns)]
        n_scored = np.isfinite(scores).sum(axis=1)
        means = np.where(n_scored > 0, np.nansum(scores, axis=1) / np.maximum(n_scored, 1), np.nan)
        apart = scores[1:] - scores[0]
        n_both = np.isfinite(apart).sum(axis=1)
        differences = np.where(n_both > 0, np.nansum(apart, axis=1) / np.maximum(n_both, 1), np.nan)
        resampled = resampler.means(apart, columns) if len(columns) >= MIN_SLICE else None
        for at, policy in enumerate(policies):
            interval = None
            if resampled is not None and n_both[at] >= MIN_SLICE:
                interval = percentile_interval(resampled[:, at])
            lo, hi = interval or (np.nan, np.nan)
            lines.append((policy.name, category, means[at + 1], n_scored[at + 1], differences[at], lo, hi))
    return pd.DataFrame(lines, columns=list(CATEGORY_COLUMNS))


def failures_of(arena: Arena, arms: Arms, policy: PolicyArms) -> list[Failure]:
    """Why picks of the headline setting do not count, one record a prompt."""
    picks = arms.picks[policy.headline]
    setting, failures = policy.choices.settings[0], []
    for position in np.flatnonzero(np.isnan(arms.scores[policy.headline])):
        model = picks[position]
        if model == NO_PICK:
            reason = "no model has a recorded outcome for this prompt"
        else:
            missing = "score" if np.isnan(arena.outcomes.scores[position, model]) else "cost"
            reason = f"no recorded {missing} of {arena.models[model]}"
        prompt_id = str(arena.prompt_ids[position])
        failures.append(Failure(policy=policy.name, setting=setting, prompt_id=prompt_id, reason=reason))
    return failures


def shares_of(arena: Arena, picks: np.ndarray) -> Mapping[str, float]:
    """Model to share of the prompts that had a pick, largest first."""
    counts = np.bincount(picks[picks != NO_PICK], minlength=len(arena.models))
    order = np.argsort(-counts, kind="stable")
    return {arena.models[column]: float(counts[column] / counts.sum()) for column in order if counts[column]}


def median_known(values: np.ndarray) -> float:
    """Median of the known values, NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def latency_basis_of(arena: Arena) -> str | None:
    """recorded, estimated or mixed over the test side; None when nothing is known."""
    return _basis(arena.outcomes.latencies_s, arena.outcomes.is_latency_recorded)


def repeatable_gap_of(arena: Arena, best: int) -> float | None:
    """Share of the oracle's gap on the test side that repeats on a fresh draw; None when answers were drawn once.

    Args:
        best: column of the best single model among all models of the recording.
    """
    draws = arena.recording.draw_scores
    if draws is None:
        return None
    costs = arena.outcomes.costs_usd[:, arena.pool]
    mean_costs = ratio(np.nansum(costs, axis=0), np.isfinite(costs).sum(axis=0))
    at_best = int(np.flatnonzero(arena.pool == best)[0])
    return repeatable_gap(draws[:, arena.recording.is_test][:, :, arena.pool], at_best, mean_costs)


def _basis(latencies_s: np.ndarray, is_recorded: np.ndarray) -> str | None:
    kinds = is_recorded[np.isfinite(latencies_s)]
    if not len(kinds):
        return None
    return "recorded" if kinds.all() else "mixed" if kinds.any() else "estimated"


def _means(arms: Arms, rows: np.ndarray) -> dict[str, Any]:
    """Means of some arms with their intervals, as columns."""
    lo, hi = _intervals(arms.resampled_quality, rows)
    cost_lo, cost_hi = _intervals(arms.resampled_cost, rows)
    return {
        "quality": arms.quality[rows],
        "lo": lo,
        "hi": hi,
        "cost_usd_per_1k": arms.cost[rows] * PER_1K,
        "cost_lo": cost_lo * PER_1K,
        "cost_hi": cost_hi * PER_1K,
        "n_scored": arms.n_scored[rows],
        "n_failed": arms.picks.shape[1] - arms.n_scored[rows],
    }


def _intervals(resampled: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """(2, n) both ends, NaN without an interval."""
    return np.array([interval_of(resampled, int(row)) or (np.nan, np.nan) for row in rows], dtype=float).T


def _repeat(codes: np.ndarray, categories: Sequence[str], n_test: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.repeat(codes, n_test), categories=list(categories))
