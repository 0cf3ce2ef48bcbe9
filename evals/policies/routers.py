"""This project's own router as a policy: fitted on the recording, and with nothing of the recording's outcomes."""

from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction, Prompts
from omni.catalog import Catalog, load_catalog
from omni.quality.abilities import AbilityTable, build_abilities
from omni.quality.lineage import ModelFacts, describe_models
from omni.quality.newcomers import Levels, fill_costs, find_newcomers
from omni.quality.transfer import Transfer, shipped_transfer
from omni.quality.unlabelled import Knowledge, UnlabelledPool, build_unlabelled, gather

if TYPE_CHECKING:
    from omni.quality.pool import Pool


@dataclass(frozen=True, slots=True)
class PoolPredictor:
    """A fitted pool. How far it trusts its own predictions was settled on held-out fit prompts, inside the pool."""

    pool: "Pool"
    has_cost: bool
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, prompts: Prompts) -> Prediction:
        """The pool's expectations."""
        expected, head = self.pool.predict(prompts.features), self.pool.latency
        seconds = expected.latency_s
        return Prediction(
            quality=expected.quality,
            cost_usd=_dearest_for_unknown(expected.cost_usd) if self.has_cost else None,
            penalty=np.broadcast_to(expected.doubt, expected.quality.shape) if expected.doubt.any() else None,
            latency_s=None if head is None or seconds is None else head.usable(seconds),
        )


def fit_omni(fit: FitData, known: UnlabelledPool | None = None) -> PoolPredictor:
    """The router's quality model fitted on the recording's fit side.

    Models hardly scored there are placed beside the others by what is known of all from elsewhere (None = everything
    shipped, less the recordings that share prompts with this one).
    """
    costs = np.full(fit.scores.shape, np.nan) if fit.costs_usd is None else fit.costs_usd
    from omni.quality.pool import fit_pool  # here: with its learners it takes a second to import

    levels = None
    if find_newcomers(fit.scores).any():
        known = known or serve_unlabelled(fit, look_elsewhere(fit))
        levels, costs = Levels(known.level, known.level_covariance), expect_costs(fit, known)
    pool = fit_pool(
        fit.prompts.features,
        fit.scores,
        costs,
        groups=fit.groups,
        categories=fit.prompts.categories,
        levels=levels,
        latencies_s=fit.latencies_s,
        seed=fit.seed,
    )
    return PoolPredictor(pool, fit.costs_usd is not None, dict(pool.describe()))


def expect_costs(fit: FitData, known: UnlabelledPool) -> np.ndarray:
    """(n_fit, m) the recorded USD, and what prices and usual lengths say where a newcomer has none."""
    if fit.costs_usd is None:
        return np.full(fit.scores.shape, np.nan)
    prompts = fit.prompts.features, fit.prompts.input_tokens
    expected = known.with_costs(*prompts, fit.costs_usd).predict(*prompts).cost_usd
    return fill_costs(fit.costs_usd, find_newcomers(fit.scores), expected.mean(axis=0))


@POLICIES.register("omni", place=80)
def create_omni() -> Policy:
    """The router of this project, fitted on the fit side."""
    return LearnedPolicy(fit_omni)


@dataclass(frozen=True, slots=True)
class UnlabelledPredictor:
    """Quality from benchmarks and other recordings, cost from prices and usual lengths."""

    pool: UnlabelledPool
    has_cost: bool
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, prompts: Prompts) -> Prediction:
        """The expectations; the penalty leaves what to choose by, which takes off for models hardly known."""
        expected = self.pool.predict(prompts.features, prompts.input_tokens)
        cost = _dearest_for_unknown(expected.cost_usd) if self.has_cost else None
        return Prediction(quality=expected.quality, cost_usd=cost, penalty=expected.quality - expected.worth)


class Elsewhere(NamedTuple):
    """What is known of a pool without its outcomes."""

    transfer: Transfer
    knowledge: Knowledge
    models: list[ModelFacts]
    """In the order of the pool."""


def look_elsewhere(fit: FitData) -> Elsewhere:
    """Catalog, boards and recordings, less the recordings that share prompts with this one."""
    facts = _shipped_facts() if fit.catalog is None else _facts_of(fit.catalog)
    transfer = shipped_transfer().without(fit.prompts.features)
    knowledge = gather(transfer, facts.catalog.models, facts.table)
    return Elsewhere(transfer, knowledge, describe_pool(fit, facts.catalog))


def describe_pool(fit: FitData, catalog: Catalog) -> list[ModelFacts]:
    """The recording's models by the ids, names and sizes that it states, and by the catalog."""
    ids = [name if isinstance(name, str) else None for name in fit.facts["model_id"]]
    sizes = [None if np.isnan(size) else float(size) for size in fit.facts["params_total_b"].to_numpy(float)]
    return describe_models(fit.models, ids, sizes, {card.model_id: card for card in catalog.models})


def serve_unlabelled(fit: FitData, elsewhere: Elsewhere) -> UnlabelledPool:
    """The pool by its models' ids, names and sizes; `fit.scores` and the values of `fit.costs_usd` are not read."""
    prices = fit.facts[["price_in_usd_per_mtok", "price_out_usd_per_mtok"]].to_numpy(float)
    return build_unlabelled(*elsewhere, prices, (fit.prompts.features, fit.prompts.input_tokens))


def fit_omni_zero(fit: FitData) -> UnlabelledPredictor:
    """The pool without outcomes; recordings that share prompts with this one are left out of what is known."""
    elsewhere = look_elsewhere(fit)
    catalog = fit.catalog or _shipped_facts().catalog
    ids = {card.model_id for card in catalog.models}
    params = {
        "n_in_catalog": sum(name in ids for name in fit.facts["model_id"]),
        "catalog": catalog.version,
        "transfer": elsewhere.transfer.fingerprint,
        "recordings": [source.name for source in elsewhere.transfer.sources],
    }
    return UnlabelledPredictor(serve_unlabelled(fit, elsewhere), fit.costs_usd is not None, params)


def fit_omni_few(fit: FitData, labelled: np.ndarray) -> UnlabelledPredictor:
    """The same after the outcomes of the fit prompts `labelled` (row numbers), and of no others."""
    zero = fit_omni_zero(fit)
    prompts = fit.prompts
    pool = zero.pool.with_outcomes(
        prompts.features[labelled],
        prompts.input_tokens[labelled],
        fit.scores[labelled],
        None if fit.costs_usd is None else fit.costs_usd[labelled],
    )
    return UnlabelledPredictor(pool, zero.has_cost, {**zero.params, "n_labelled": len(labelled)})


def few_labels(labelled: np.ndarray) -> Policy:
    """The policy that sees the outcomes of these fit prompts only."""
    return LearnedPolicy(partial(fit_omni_few, labelled=labelled))


class _Facts(NamedTuple):
    catalog: Catalog
    table: AbilityTable


@cache
def _shipped_facts() -> _Facts:
    """Read once a process: a recording of models unknown to the catalog still rests on what it says of others."""
    return _facts_of(load_catalog())


def _facts_of(catalog: Catalog) -> _Facts:
    return _Facts(catalog, build_abilities(catalog.models))


def _dearest_for_unknown(cost: np.ndarray) -> np.ndarray:
    """Unknown costs as the prompt's dearest known one, so that unknown is never cheap; 0 when all are unknown."""
    known = np.isfinite(cost)
    dearest = np.where(known, cost, 0.0).max(axis=1, keepdims=True)
    return np.where(known, cost, dearest)


@POLICIES.register("omni_zero", place=85)
def create_omni_zero() -> Policy:
    """The router of this project without a single outcome of the recording."""
    return LearnedPolicy(fit_omni_zero)
