"""This project's own router as a policy: fitted on the recording, and with nothing of the recording's outcomes."""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction, Prompts
from omni.catalog import Catalog, load_catalog
from omni.quality.abilities import TASKS, AbilityTable, build_abilities
from omni.quality.lengths import OUTPUT_TOKENS, REASONING_FACTOR
from omni.types import Task

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
        expected = self.pool.predict(prompts.features)
        return Prediction(quality=expected.quality, cost_usd=expected.cost_usd if self.has_cost else None)


def fit_omni(fit: FitData) -> PoolPredictor:
    """The router's quality model fitted on the recording's fit side."""
    costs = np.full(fit.scores.shape, np.nan) if fit.costs_usd is None else fit.costs_usd
    from omni.quality.pool import fit_pool  # here: with its learners it takes a second to import

    pool = fit_pool(
        fit.prompts.features, fit.scores, costs, groups=fit.groups, categories=fit.prompts.categories, seed=fit.seed
    )
    return PoolPredictor(pool, fit.costs_usd is not None, dict(pool.describe()))


@POLICIES.register("omni", place=80)
def create_omni() -> Policy:
    """The router of this project, fitted on the fit side."""
    return LearnedPolicy(fit_omni)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorPredictor:
    """Quality from public benchmarks, cost from prices and usual lengths; nothing of the recording's outcomes.

    The task is the one the recording's source states. Difficulty is left out: the shipped difficulty head was
    trained on recordings, so that it would bring outcomes in.
    """

    ability: np.ndarray
    """(n_models, n_tasks) logits."""
    price_in_usd_per_mtok: np.ndarray
    price_out_usd_per_mtok: np.ndarray
    length_factor: np.ndarray
    """(n_models,) billed tokens per visible token of an answer."""
    has_cost: bool
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, prompts: Prompts) -> Prediction:
        """The prior's expectations; an unstated task is an even mixture of all."""
        shares = np.array([_task_shares(name) for name in prompts.tasks])
        quality = 1.0 / (1.0 + np.exp(-(shares @ self.ability.T)))
        if not self.has_cost:
            return Prediction(quality=quality, cost_usd=None)
        answer = shares @ np.array([OUTPUT_TOKENS[task] for task in TASKS])
        known = np.isfinite(prompts.input_tokens)
        question = np.where(known, prompts.input_tokens, answer)
        cost = question[:, None] * self.price_in_usd_per_mtok
        cost = (cost + (answer[:, None] * self.length_factor) * self.price_out_usd_per_mtok) / 1e6
        return Prediction(quality=quality, cost_usd=_dearest_for_unknown(cost))


def fit_omni_zero(fit: FitData) -> PriorPredictor:
    """Abilities of the pool's models by their ids and sizes; `fit.scores` and `fit.costs_usd` are not read."""
    catalog, table = _shipped_facts() if fit.catalog is None else (fit.catalog, build_abilities(fit.catalog.models))
    cards = {card.model_id: card for card in catalog.models}
    model_ids = [name if isinstance(name, str) else None for name in fit.facts["model_id"]]
    sizes = [None if np.isnan(size) else float(size) for size in fit.facts["params_total_b"].to_numpy(float)]
    from omni.quality.priors import pool_priors  # here: as in fit_omni

    prior = pool_priors(model_ids, sizes, table)
    reasons = np.array([name in cards and bool(cards[name].supports_reasoning) for name in model_ids])
    prices = fit.facts[["price_in_usd_per_mtok", "price_out_usd_per_mtok"]].to_numpy(float)
    return PriorPredictor(
        ability=prior.ability,
        price_in_usd_per_mtok=prices[:, 0],
        price_out_usd_per_mtok=prices[:, 1],
        length_factor=np.where(reasons, REASONING_FACTOR, 1.0),
        has_cost=fit.costs_usd is not None,
        params={"n_in_catalog": sum(name in cards for name in model_ids), "catalog": catalog.version},
    )


@cache
def _shipped_facts() -> tuple[Catalog, AbilityTable]:
    """Read once a process: a recording of models unknown to the catalog needs only what size says of ability."""
    catalog = load_catalog()
    return catalog, build_abilities(catalog.models)


def _task_shares(name: str | None) -> np.ndarray:
    """(n_tasks,) all on one task; even when the name is none of ours."""
    if name in set(Task):
        return np.array([float(task == name) for task in TASKS])
    return np.full(len(TASKS), 1.0 / len(TASKS))


def _dearest_for_unknown(cost: np.ndarray) -> np.ndarray:
    """Unknown costs as the prompt's dearest known one, so that unknown is never cheap; 0 when all are unknown."""
    known = np.isfinite(cost)
    dearest = np.where(known, cost, 0.0).max(axis=1, keepdims=True)
    return np.where(known, cost, dearest)


@POLICIES.register("omni_zero", place=85)
def create_omni_zero() -> Policy:
    """The router of this project without a single outcome of the recording."""
    return LearnedPolicy(fit_omni_zero)
