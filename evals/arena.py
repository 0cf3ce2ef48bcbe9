"""A recording laid out for a replay: the pool, what policies may learn from, and the outcomes of the test side."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evals.policies.base import FitData, Prompts, TestData
from omni.catalog import Catalog
from omni.catalog.pool import PoolModel
from omni.errors import RecordingError
from omni.recording import Recording

MIN_PRICED = 0.5
"""Share of a model's scored fit cells that must have a cost, when any model has one, for it to be routed to."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What each model did on the test side: (n_test, n_models), every model of the recording, NaN = unknown."""

    scores: np.ndarray
    costs_usd: np.ndarray
    latencies_s: np.ndarray
    is_latency_recorded: np.ndarray
    """bool; elsewhere the latency is estimated from the model's published speed."""
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    is_counted: np.ndarray
    """bool: the score is known, and the cost too where the model has costs: cost and quality share a denominator."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arena:
    """Everything a replay needs, checked. Models are in order of their names."""

    recording: Recording
    models: tuple[str, ...]
    pool: np.ndarray
    """Columns of `models` that policies route between."""
    left_out: Mapping[str, str]
    """Model to the reason why it is not in the pool."""
    fit: FitData
    test: TestData
    outcomes: Outcomes
    prompt_ids: np.ndarray
    categories: np.ndarray
    groups: np.ndarray
    """(n_test,) codes 0..n_groups-1."""
    n_groups: int
    has_costs: bool
    catalog: Catalog | None


def build_arena(recording: Recording, *, seed: int, catalog: Catalog | None = None) -> Arena:
    """Splits a recording into what may be learned from and what is judged on.

    When costs are known for some models only, those without stay out of the pool (and keep their quality as single
    models); so do models without a score on the fit side.

    Raises:
        RecordingError: no prompts on a side, or no model that could be routed to.
    """
    names = sorted(recording.models.index)
    recording = recording.subset(models=names)
    is_fit, is_test = recording.is_fit, recording.is_test
    _check_sides(recording, is_fit, is_test)
    pool, left_out, has_costs = _choose_pool(recording, is_fit)
    test_groups = _codes(_codes(recording.prompts["group_id"].to_numpy())[is_test])
    fit = _fit_data(recording, is_fit, pool, has_costs, seed)
    test = TestData(
        prompts=_prompts(recording, is_test),
        scores=recording.scores[np.ix_(is_test, pool)],
        costs_usd=_any_known(recording.costs_usd[np.ix_(is_test, pool)]) if has_costs else None,
    )
    return Arena(
        recording=recording,
        models=tuple(names),
        pool=pool,
        left_out=left_out,
        fit=fit,
        test=test,
        outcomes=_outcomes(recording, is_test, catalog),
        prompt_ids=recording.prompts["prompt_id"].astype(str).to_numpy(dtype=object)[is_test],
        categories=test.prompts.categories,
        groups=test_groups,
        n_groups=int(test_groups.max()) + 1,
        has_costs=has_costs,
        catalog=catalog,
    )


def build_fit_data(recording: Recording, *, use_all: bool = False, seed: int = 0) -> FitData:
    """What a router may learn from: the fit side, or with `use_all` every prompt.

    Raises:
        RecordingError: no prompts on a side, or no model that could be routed to.
    """
    recording = recording.subset(models=sorted(recording.models.index))
    is_fit = recording.is_fit | use_all
    _check_sides(recording, recording.is_fit, recording.is_test)
    pool, _, has_costs = _choose_pool(recording, is_fit)
    return _fit_data(recording, is_fit, pool, has_costs, seed)


def _fit_data(recording: Recording, rows: np.ndarray, pool: np.ndarray, has_costs: bool, seed: int) -> FitData:
    cells = np.ix_(rows, pool)
    names = recording.models.index
    return FitData(
        models=tuple(names[column] for column in pool),
        prompts=_prompts(recording, rows),
        scores=recording.scores[cells],
        costs_usd=recording.costs_usd[cells] if has_costs else None,
        latencies_s=_any_known(recording.latencies_s[cells]),
        output_tokens=recording.output_tokens[cells],
        prompt_ids=recording.prompts["prompt_id"].astype(str).to_numpy(dtype=object)[rows],
        groups=_codes(_codes(recording.prompts["group_id"].to_numpy())[rows]),
        pool=tuple(_pool_model(recording, int(column)) for column in pool),
        feature_fingerprint=recording.feature_fingerprint,
        seed=seed,
    )


def _pool_model(recording: Recording, column: int) -> PoolModel:
    row = recording.models.iloc[column]
    scored = np.isfinite(recording.scores[:, column])
    lengths = [profile.input_tokens for profile, known in zip(recording.profiles, scored, strict=True) if known]

    def known_or_none(name: str) -> float | None:
        return None if pd.isna(row[name]) else float(row[name])

    return PoolModel(
        name=str(recording.models.index[column]),
        model_id=row["model_id"] if isinstance(row["model_id"], str) else None,
        params_total_b=known_or_none("params_total_b"),
        price_in_usd_per_mtok=known_or_none("price_in_usd_per_mtok"),
        price_out_usd_per_mtok=known_or_none("price_out_usd_per_mtok"),
        price_basis=row["price_basis"] if isinstance(row["price_basis"], str) else None,
        longest_input_tokens=max(lengths, default=None),
    )


def knows_costs(recording: Recording) -> bool:
    """Whether policies can learn what a model costs: half of its fit side at least is priced.

    Raises:
        RecordingError: no model that could be routed to.
    """
    return _choose_pool(recording, recording.is_fit)[2]


def _check_sides(recording: Recording, is_fit: np.ndarray, is_test: np.ndarray) -> None:
    for side, rows in (("fit", is_fit), ("test", is_test)):
        if not np.isfinite(recording.scores[rows]).any():
            raise RecordingError(
                f"recording {recording.name}: no scored prompt on the {side} side; expected some on both. "
                "Add prompts, or set the column split of prompts.parquet."
            )


def _choose_pool(recording: Recording, is_fit: np.ndarray) -> tuple[np.ndarray, dict[str, str], bool]:
    scored = np.isfinite(recording.scores[is_fit])
    priced = scored & np.isfinite(recording.costs_usd[is_fit])
    n_scored, n_priced = scored.sum(axis=0), priced.sum(axis=0)
    has_cost = (n_priced > 0) & (n_priced >= MIN_PRICED * n_scored)
    left_out = {}
    for column, name in enumerate(recording.models.index):
        if n_scored[column] == 0:
            left_out[name] = "no score on the fit side"
        elif has_cost.any() and not has_cost[column]:
            left_out[name] = "no known cost, while others have one"
    pool = np.array([column for column, name in enumerate(recording.models.index) if name not in left_out], dtype=int)
    if not len(pool):
        raise RecordingError(f"recording {recording.name}: no model has a score on the fit side; add outcomes.")
    return pool, left_out, bool(has_cost.any())


def _prompts(recording: Recording, rows: np.ndarray) -> Prompts:
    return Prompts(
        features=recording.features[rows],
        categories=_labels(recording.prompts["category"])[rows],
        tasks=_labels(recording.prompts["task"])[rows],
        profiles=tuple(profile for profile, wanted in zip(recording.profiles, rows, strict=True) if wanted),
    )


def _any_known(values: np.ndarray) -> np.ndarray | None:
    return values if np.isfinite(values).any() else None


def _labels(column: pd.Series) -> np.ndarray:
    """Text or None."""
    labels: np.ndarray = column.astype(object).to_numpy(dtype=object, copy=True)
    labels[column.isna().to_numpy()] = None
    return labels


def _outcomes(recording: Recording, is_test: np.ndarray, catalog: Catalog | None) -> Outcomes:
    scores, costs = recording.scores[is_test], recording.costs_usd[is_test]
    is_priced = np.isfinite(costs).any(axis=0)
    recorded = recording.latencies_s[is_test]
    latencies = recorded
    if np.isnan(recorded).any():
        estimated = estimate_latencies(recording, recording.output_tokens[is_test], catalog)
        latencies = np.where(np.isnan(recorded), estimated, recorded)
    return Outcomes(
        scores=scores,
        costs_usd=costs,
        latencies_s=latencies,
        is_latency_recorded=np.isfinite(recorded),
        input_tokens=recording.input_tokens[is_test],
        output_tokens=recording.output_tokens[is_test],
        is_counted=np.isfinite(scores) & (np.isfinite(costs) | ~is_priced),
    )


def estimate_latencies(recording: Recording, output_tokens: np.ndarray, catalog: Catalog | None) -> np.ndarray:
    """(n, n_models) seconds: published time to first token + output tokens / published tokens per second.

    NaN where the model is not in the catalog, nobody published both figures, or the length is unknown.
    """
    latencies = np.full(output_tokens.shape, np.nan)
    cards = {} if catalog is None else {card.model_id: card for card in catalog.models}
    for column, model_id in enumerate(recording.models["model_id"]):
        card = cards.get(model_id) if isinstance(model_id, str) else None
        if card is not None and card.output_tokens_per_s and card.time_to_first_token_s is not None:
            latencies[:, column] = card.time_to_first_token_s + output_tokens[:, column] / card.output_tokens_per_s
    return latencies


def _codes(labels: np.ndarray) -> np.ndarray:
    """Codes 0.. in order of first appearance."""
    _, first, inverse = np.unique(labels.astype(str), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=int)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
