"""How well models are known that a pool has no outcomes of: errors and intervals, each recording judged by the others.

`python -m evals zero --models` prints the error of a model's level (logits, against the mean of its pool) and how often
intervals hold it, by what is known of the model, and how benchmarks and recordings are tied.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evals.arena import build_arena
from evals.policies.base import FitData
from evals.policies.routers import describe_pool
from omni.catalog import Catalog, load_catalog
from omni.quality.abilities import AbilityTable, build_abilities
from omni.quality.boards import board_observations
from omni.quality.transfer import Transfer, shipped_transfer
from omni.quality.unlabelled import UnlabelledPool, benchmark_observations, build_unlabelled, gather
from omni.recording import load_recording

Z_50, Z_90 = 0.6745, 1.6449
KINDS = ("benchmarks", "other recordings", "name and size", "left out everywhere")
MIN_SHARED = 3
"""Models with benchmarks that a recording must have to say how the two scales are tied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Predicted levels against those seen on the fit sides of recordings left out."""

    kind: str
    """What the model is known by; the last kind drops every trace of it and is measured on all models."""
    n: int
    rmse: float
    """Logits."""
    mean_se: float
    """Stated standard error, logits."""
    held_50: float
    """Share of levels inside the stated 50 % interval."""
    held_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Regression of mean logits in recordings on benchmark abilities, each recording at its own level."""

    slope: float
    slope_se: float
    residual_sd: float
    n: int
    n_recordings: int
    n_models: int
    slopes: dict[str, float]
    """Of each recording alone."""


def measure_coverage() -> list[Coverage]:
    """One row a kind; kinds without a model are left out."""
    catalog, transfer = load_catalog(), shipped_transfer()
    table = build_abilities(catalog.models)
    cards = {card.model_id: card for card in catalog.models}
    public = [*benchmark_observations(catalog.models, table), *board_observations(cards)]
    known = {model.key for block in public for model in block.models}
    errors: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for source in transfer.sources:
        fit = build_arena(load_recording(source.name), seed=0, catalog=catalog).fit
        others = transfer.without(fit.prompts.features)
        elsewhere = {model_id or name for other in others.sources for name, model_id, _ in other.models}
        pools = {False: _pool(fit, others, catalog, table), True: _pool(fit, others, catalog, table, stripped=True)}
        for stripped, pool in pools.items():
            for model, error in zip(pool.models, _errors(pool, fit), strict=True):
                kind = KINDS[3 if stripped else 0 if model.key in known else 1 if model.key in elsewhere else 2]
                errors[kind].append(error)
    return [_coverage(kind, found) for kind, found in errors.items() if found]


def measure_tie() -> Tie:
    """How many logits in a recording one logit of benchmark ability is worth."""
    catalog, transfer = load_catalog(), shipped_transfer()
    blocks = benchmark_observations(catalog.models, build_abilities(catalog.models))
    rows = {model.key: row for row, model in enumerate(blocks[0].models)}
    ability = np.stack([block.value for block in blocks], axis=1)
    xs, ys, slopes, shared = [], [], {}, set()
    for source in transfer.sources:
        at = [(index, model_id) for index, (_, model_id, _) in enumerate(source.models) if model_id in rows]
        if len(at) < MIN_SHARED:
            continue
        shared |= {model_id for _, model_id in at}
        x = ability[[rows[str(model_id)] for _, model_id in at]] @ source.skills
        y = source.value[[index for index, _ in at]]
        xs.append(x - x.mean())
        ys.append(y - y.mean())
        slopes[source.name] = float(xs[-1] @ ys[-1] / (xs[-1] @ xs[-1]))
    x, y = np.concatenate(xs), np.concatenate(ys)
    slope = float(x @ y / (x @ x))
    residual_sd = float(np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - len(xs) - 1)))
    return Tie(
        slope=slope,
        slope_se=residual_sd / float(np.sqrt(x @ x)),
        residual_sd=residual_sd,
        n=len(x),
        n_recordings=len(xs),
        n_models=len(shared),
        slopes=slopes,
    )


def to_lines(coverage: Sequence[Coverage], tie: Tie) -> Iterable[str]:
    """Both as text."""
    yield f"{'models known by':22} {'n':>4} {'error':>6} {'stated':>7} {'in 50 %':>8} {'in 90 %':>8}"
    for row in coverage:
        held = f"{row.held_50:>8.0%} {row.held_90:>8.0%}"
        yield f"{row.kind:22} {row.n:>4} {row.rmse:>6.2f} {row.mean_se:>7.2f} {held}"
    yield (
        f"one logit of benchmark ability is {tie.slope:.2f} (standard error {tie.slope_se:.2f}) in recordings, "
        f"residual {tie.residual_sd:.2f}; {tie.n} pairs, {tie.n_models} models, {tie.n_recordings} recordings: "
        + ", ".join(f"{name} {slope:.2f}" for name, slope in tie.slopes.items())
    )


def _pool(
    fit: FitData, others: Transfer, catalog: Catalog, table: AbilityTable, *, stripped: bool = False
) -> UnlabelledPool:
    """The pool by the other recordings; stripped, neither they nor benchmarks nor boards say a word of its models."""
    models = describe_pool(fit, catalog)
    knowledge = gather(others, catalog.models, table)
    if stripped:
        knowledge = knowledge.without({model.key for model in models})
    prompts = fit.prompts.features, fit.prompts.input_tokens
    prices = np.ones((len(models), 2))
    return build_unlabelled(others, knowledge, models, prices, prompts)


def _errors(pool: UnlabelledPool, fit: FitData) -> list[tuple[float, float, float]]:
    """Per model: error against the pool's mean, stated standard error, and the same with sampling noise."""
    n_seen = np.isfinite(fit.scores).sum(axis=0)
    mean = (np.nansum(fit.scores, axis=0) + 0.5) / (n_seen + 1.0)
    level = np.log(mean / (1.0 - mean))
    error = (level - level.mean()) - (pool.level - pool.level.mean())
    total = np.sqrt(pool.level_se**2 + 1.0 / (np.maximum(n_seen, 1) * mean * (1.0 - mean)))
    return list(zip(error.tolist(), pool.level_se.tolist(), total.tolist(), strict=True))


def _coverage(kind: str, found: Sequence[tuple[float, float, float]]) -> Coverage:
    error, stated, total = np.array(found).T
    off = np.abs(error) / total
    return Coverage(
        kind=kind,
        n=len(error),
        rmse=float(np.sqrt((error**2).mean())),
        mean_se=float(stated.mean()),
        held_50=float((off < Z_50).mean()),
        held_90=float((off < Z_90).mean()),
    )
