"""This project's router as a policy: the very router that answers, fitted on the recording or by public benchmarks."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from evals.policies.base import (
    NO_PICK,
    POLICIES,
    Choices,
    FitData,
    Policy,
    TestData,
    build_timed_dial,
    column_means,
    dial_settings,
    time_single_prompts,
)
from evals.results import PRESET
from omni.catalog import Catalog, load_catalog
from omni.catalog.pool import candidate_ids, pool_catalog
from omni.config import DATA_DIR
from omni.policy import PRESETS, dial_weights
from omni.quality.fitted import FittedQuality, PoolOutcomes, fit_quality
from omni.quality.newcomers import Levels, fill_costs, find_newcomers
from omni.quality.public import load_public
from omni.quality.router_file import FittedRouter, RouterCard, RouterSource
from omni.router import NO_MODEL, Router, fitted_router, public_router
from omni.rules import RuleBook, load_rules

SCALE_TRUST = 0.5
"""How far a newcomer's lengths follow the others': what a model thinks before it answers grows less with a prompt."""


class _Built(NamedTuple):
    router: Router
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouterPolicy:
    """Chooses through `Router` at every weight of the dial and at every preset."""

    build: Callable[[FitData], _Built]

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:
        """Builds the router from the fit side, then lets it choose for the test side."""
        started = time.perf_counter()
        built = self.build(fit)
        router = built.router
        fitted = time.perf_counter()
        timed_dial = build_timed_dial(fit) if fit.latencies_s is not None else np.zeros(0)
        settings = [
            *(dial_weights(quality_per_usd=value) for value in dial),
            *PRESETS.values(),
            *(dial_weights(quality_per_usd=0.0, quality_per_s=value) for value in timed_dial),
        ]
        column = columns_of(fit, router)
        places = router.choose(test.prompts.profiles, settings)
        batch_us = 1e6 * (time.perf_counter() - fitted) / max(1, len(test.prompts))
        picks = np.where(places == NO_MODEL, NO_PICK, column[places])
        by_usd, by_preset, by_second = np.split(picks, [len(dial), len(dial) + len(PRESETS)])
        quality = router.estimate(test.prompts.profiles).quality
        return Choices(
            settings=dial_settings(dial),
            picks=by_usd,
            preset_settings=tuple(f"{PRESET}{name}" for name in PRESETS),
            preset_picks=by_preset,
            timed_settings=dial_settings(timed_dial, "s"),
            timed_picks=by_second if len(timed_dial) else None,
            predicted=quality[:, np.argsort(column)],
            params=built.params,
            fit_s=fitted - started,
            routing_us=time_single_prompts(lambda one: router.choose(one.profiles, settings[:1]), test),
            routing_batch_us=batch_us,
        )


def fit_router(fit: FitData, *, side: str = "fit", source: str = "", catalog: Catalog | None = None) -> FittedRouter:
    """The router fitted on recorded outcomes, as `omni` is judged and as a router file serves it.

    Args:
        fit: what may be learned from.
        side: "fit", or "all" where `fit` holds every prompt of the recording.
        source: name of the recording, for the card.
        catalog: what is public of models with few outcomes or none; None = the shipped one.
    """
    ids = candidate_ids(fit.pool)
    order = np.argsort(np.array(ids, dtype=object), kind="stable")
    unknown = np.full(fit.scores.shape, np.nan)
    prices = [[model.price_in_usd_per_mtok, model.price_out_usd_per_mtok] for model in fit.pool]
    costs = unknown if fit.costs_usd is None else fit.costs_usd
    levels, tokens = None, fit.output_tokens
    if find_newcomers(fit.scores).any():
        told = _public_word(fit, catalog or _shipped_catalog())
        levels = told.levels
        longer = told.longer_than_expected(tokens)
        costs = fill_costs(costs, told.is_new, longer * told.cost_usd)
        tokens = fill_costs(tokens, told.is_new, longer * told.output_tokens)
    data = PoolOutcomes(
        model_ids=tuple(ids[place] for place in order),
        features=fit.prompts.features,
        scores=fit.scores[:, order],
        costs_usd=costs[:, order],
        output_tokens=tokens[:, order],
        latencies_s=(unknown if fit.latencies_s is None else fit.latencies_s)[:, order],
        groups=fit.groups,
        categories=fit.prompts.categories,
        prompt_ids=fit.prompt_ids,
        prices=np.array(prices, dtype=float)[order],
    )
    quality = fit_quality(data, levels=levels, seed=fit.seed)
    card = RouterCard(
        fitted_at=datetime.now(UTC).date(),
        side=side,
        feature_fingerprint=fit.feature_fingerprint,
        recordings=(RouterSource(name=source, source="", n_prompts=len(fit.prompts)),),
        also=(),
        verdict={},
        cautions=(),
    )
    return FittedRouter(quality=quality, models=fit.pool, card=card)


class _PublicWord(NamedTuple):
    """What public knowledge says of a pool of m models on its fit prompts."""

    levels: Levels
    """In the order of the router's catalog."""
    cost_usd: np.ndarray
    """(m,) mean per prompt, in the order of the pool."""
    output_tokens: np.ndarray
    """(m,) the same."""
    is_new: np.ndarray
    """(m,) bool, in the order of the pool: models with few outcomes or none."""

    def longer_than_expected(self, recorded: np.ndarray) -> float:
        """By which factor the (n, m) recorded answers are longer than expected, as far as newcomers will follow it."""
        mean = column_means(recorded)
        known = np.isfinite(mean) & np.isfinite(self.output_tokens) & (mean > 0) & ~self.is_new
        if not known.any():
            return 1.0
        return float(np.exp(SCALE_TRUST * np.median(np.log(mean[known] / self.output_tokens[known]))))


def _public_word(fit: FitData, catalog: Catalog) -> _PublicWord:
    quality = load_public(pool_catalog(fit.pool, catalog).models, without=fit.prompts.features)
    order = np.argsort(np.argsort(np.array(candidate_ids(fit.pool), dtype=object), kind="stable"))
    expected = quality.expect(fit.prompts.profiles)
    return _PublicWord(
        levels=quality.level_belief(fit.prompts.profiles),
        cost_usd=expected.cost_usd.mean(axis=0)[order],
        output_tokens=expected.output_tokens.mean(axis=0)[order],
        is_new=find_newcomers(fit.scores),
    )


@POLICIES.register("omni", place=80)
def create_omni() -> Policy:
    """The router that answers, fitted on the fit side."""
    return RouterPolicy(_build_fitted)


@POLICIES.register("omni_public", place=85)
def create_omni_public() -> Policy:
    """The router that answers, by public benchmarks and without one outcome of the recording."""
    return RouterPolicy(_build_public)


def served_router(fit: FitData) -> Router:
    """The router fitted on `fit`, for prompts that come as profiles."""
    return fitted_router(fit_router(fit), _shipped_catalog(), None, _shipped_rules())


def _build_fitted(fit: FitData) -> _Built:
    router = served_router(fit)
    assert isinstance(router.quality, FittedQuality)
    return _Built(router, router.quality.describe())


def unseen_router(fit: FitData) -> Router:
    """The public router over the pool, knowing no outcome of recordings that share prompts with `fit`."""
    catalog = _shipped_catalog()
    pool = pool_catalog(fit.pool, catalog)
    return public_router(pool, None, _shipped_rules(), without=fit.prompts.features, other_cards=catalog.models)


def _build_public(fit: FitData) -> _Built:
    router, catalog = unseen_router(fit), _shipped_catalog()
    known = sum(catalog.find(model.model_id or model.name) is not None for model in fit.pool)
    return _Built(router, {"n_in_catalog": known, "catalog": catalog.version, "quality": router.quality.version})


def columns_of(fit: FitData, router: Router) -> np.ndarray:
    """(n_models,) by place in the router's catalog the column of `fit`."""
    ids = candidate_ids(fit.pool)
    return np.array([ids.index(model_id) for model_id in router.facts.model_ids])


@cache
def _shipped_catalog() -> Catalog:
    return load_catalog()


@cache
def _shipped_rules() -> RuleBook:
    return load_rules(DATA_DIR / "policy.yml")
