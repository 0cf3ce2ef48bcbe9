"""What a policy is: it learns on the fit side, then picks a model for each test prompt at each dial setting."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from omni.catalog.pool import PoolModel
from omni.errors import InputError
from omni.types import PromptProfile

N_DIAL = 49
DIAL_SPAN = (1e-2, 6.0)
"""Least and greatest λ above 0, in score units per mean cost of the best single model. Steps of 15 %: with coarser ones
a policy's curve has its corners where the grid is, and not where the policy would be set."""
N_TIMED = 25
"""Single prompts routed to measure the routing time."""
NO_PICK = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompts:
    """What may be known of prompts before anyone answers them; n rows."""

    features: np.ndarray
    """(n, n_features) float32, as recorded."""
    categories: np.ndarray
    """(n,) str or None: the source's own label, which no router is told outside a recording."""
    tasks: np.ndarray
    """(n,) str or None: what the source asks for, as a Task value."""
    profiles: tuple[PromptProfile, ...]
    """What reading found, with the feature rows."""

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, start: int, end: int) -> "Prompts":
        """Some of the prompts, in order."""
        part = slice(start, end)
        return Prompts(
            features=self.features[part],
            categories=self.categories[part],
            tasks=self.tasks[part],
            profiles=self.profiles[part],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitData:
    """The fit side as policies see it. Columns are the pool's models by name, so that ties go to the first name."""

    models: tuple[str, ...]
    prompts: Prompts
    scores: np.ndarray
    """(n_fit, n_models), 0..1, NaN = missing."""
    costs_usd: np.ndarray | None
    """(n_fit, n_models), NaN = missing; None = no costs known, then only quality counts."""
    latencies_s: np.ndarray | None
    """(n_fit, n_models) seconds to the whole answer, NaN = missing; None = none recorded."""
    output_tokens: np.ndarray
    """(n_fit, n_models) as recorded or filled in, NaN = unknown."""
    prompt_ids: np.ndarray
    groups: np.ndarray
    """(n_fit,) int codes; rows of one group stay together in cross-validation."""
    pool: tuple[PoolModel, ...]
    """The models as the recording describes them, in the order of `models`."""
    feature_fingerprint: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TestData:
    """The test side. Outcomes are for the controls that are defined by hindsight (mixture, oracle), for no other."""

    __test__ = False  # not a pytest class

    prompts: Prompts
    scores: np.ndarray
    costs_usd: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What is expected of each model on each prompt, (n, n_models)."""

    quality: np.ndarray
    cost_usd: np.ndarray | None
    penalty: np.ndarray | None = None
    """Quality taken off for weak evidence, 0 or more; None = no such rule."""
    latency_s: np.ndarray | None = None
    """Seconds to the whole answer; None = not predicted."""


class Predictor(Protocol):
    """A fitted policy."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Hyper-parameters as chosen on the fit side."""
        ...

    def predict(self, prompts: Prompts) -> Prediction:
        """Expectations for each prompt and model."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choices:
    """A policy's picks on the test side. The first setting is the headline: full quality."""

    settings: tuple[str, ...]
    picks: np.ndarray
    """(n_settings, n_test) column of the picked model, NO_PICK where none could be picked."""
    preset_settings: tuple[str, ...] = ()
    preset_picks: np.ndarray | None = None
    """(n_presets, n_test) the same at the presets that people choose from; they are shown and not part of the dial."""
    timed_settings: tuple[str, ...] = ()
    timed_picks: np.ndarray | None = None
    """(n_timed_settings, n_test) the same where the dial weighs seconds, not USD; None = seconds are not predicted."""
    predicted: np.ndarray | None = None
    """(n_test, n_models) predicted quality."""
    params: Mapping[str, Any] = field(default_factory=dict)
    fit_s: float = 0.0
    routing_us: float | None = None
    routing_batch_us: float | None = None

    @property
    def all_settings(self) -> tuple[str, ...]:
        """The dial's, then the presets'."""
        return self.settings + self.preset_settings

    @property
    def all_picks(self) -> np.ndarray:
        """(n_settings + n_presets, n_test) in that order."""
        return self.picks if self.preset_picks is None else np.concatenate([self.picks, self.preset_picks])


class Policy(Protocol):
    """Picks models; `dial` holds the λ to try, quality per USD, 0 first."""

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:
        """Learns from `fit`, then picks for `test`."""
        ...


class Registry:
    """Policies by name, each behind a factory without arguments."""

    def __init__(self) -> None:
        self._factories: dict[str, Callable[[], Policy]] = {}
        self._places: dict[str, int] = {}

    def register(self, name: str, *, place: int) -> Callable[[Callable[[], Policy]], Callable[[], Policy]]:
        """Decorator that adds a factory under a name that is still free; `place` orders lists and tables."""

        def add(factory: Callable[[], Policy]) -> Callable[[], Policy]:
            if name in self._factories:
                raise ValueError(f"policy {name!r} is registered twice; choose another name")
            self._factories[name] = factory
            self._places[name] = place
            return factory

        return add

    def names(self) -> tuple[str, ...]:
        """Names by place, then by name."""
        return tuple(sorted(self._factories, key=lambda name: (self._places[name], name)))

    def create(self, name: str) -> Policy:
        """The policy of that name.

        Raises:
            InputError: nobody registered it; the text lists the known ones.
        """
        if name not in self._factories:
            known = ", ".join([*self.names(), "single:MODEL"])
            raise InputError(f"unknown policy {name!r}; expected one of: {known}.")
        return self._factories[name]()


POLICIES = Registry()


@dataclass(frozen=True, slots=True)
class LearnedPolicy:
    """Predicts quality and cost, picks argmax(quality - λ·cost - penalty); ties go to the first name."""

    fit: Callable[[FitData], Predictor]

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:
        """Fits, predicts the whole test side at once, and picks for each λ."""
        started = time.perf_counter()
        predictor = self.fit(fit)
        fitted = time.perf_counter()
        prediction = predictor.predict(test.prompts)
        picks = np.stack([pick(prediction, value) for value in dial])
        timed_dial = build_timed_dial(fit) if prediction.latency_s is not None else np.zeros(0)
        batch_us = 1e6 * (time.perf_counter() - fitted) / max(1, len(test.prompts))
        return Choices(
            settings=dial_settings(dial),
            picks=picks,
            timed_settings=dial_settings(timed_dial, "s"),
            timed_picks=np.stack([pick_by_time(prediction, v) for v in timed_dial]) if len(timed_dial) else None,
            predicted=prediction.quality,
            params=dict(predictor.params),
            fit_s=fitted - started,
            routing_us=time_single_prompts(lambda one: pick(predictor.predict(one), dial[0]), test),
            routing_batch_us=batch_us,
        )


def pick(prediction: Prediction, quality_per_usd: float) -> np.ndarray:
    """(n,) the column of the greatest utility; the first of equals."""
    return _pick(prediction, prediction.cost_usd, quality_per_usd)


def pick_by_time(prediction: Prediction, quality_per_s: float) -> np.ndarray:
    """(n,) the same where seconds are weighed instead of USD."""
    return _pick(prediction, prediction.latency_s, quality_per_s)


def _pick(prediction: Prediction, amount: np.ndarray | None, quality_per_unit: float) -> np.ndarray:
    utility = prediction.quality
    if amount is not None and quality_per_unit > 0:
        utility = utility - quality_per_unit * amount
    if prediction.penalty is not None:
        utility = utility - prediction.penalty
    return np.argmax(utility, axis=1)


def dial_settings(dial: np.ndarray, unit: str = "usd") -> tuple[str, ...]:
    """The weights as text, as written to the decisions: quality given up per USD, or per second."""
    return tuple(f"quality_per_{unit}={value:.6g}" for value in dial)


def _rounded(dial: np.ndarray) -> np.ndarray:
    """The weights as their text says them, so that whoever reads a setting can set the very same one."""
    return np.array([float(f"{value:.6g}") for value in dial])


def build_dial(fit: FitData) -> np.ndarray:
    """The λ to try, in quality per USD: 0, then 48 on a log scale around 1 / mean cost of the best single model.

    Only 0 when no costs are known or all are zero.
    """
    if fit.costs_usd is None:
        return np.zeros(1)
    costs = column_means(fit.costs_usd)
    scale = costs[best_column(fit)] or float(np.nanmean(costs))
    if not scale > 0:
        return np.zeros(1)
    return _rounded(np.concatenate([[0.0], np.geomspace(*DIAL_SPAN, N_DIAL - 1) / scale]))


def build_timed_dial(fit: FitData) -> np.ndarray:
    """The same in quality per second, around 1 / mean latency of the pool; only 0 where none was recorded."""
    scale = 0.0 if fit.latencies_s is None else float(np.nanmean(column_means(fit.latencies_s)))
    return _rounded(np.concatenate([[0.0], np.geomspace(*DIAL_SPAN, N_DIAL - 1) / scale])) if scale > 0 else np.zeros(1)


def best_column(fit: FitData) -> int:
    """The best single model: highest mean score on fit, then cheapest, then first name.

    Models scored on less than half as many prompts as the most scored one are not considered: their mean is of
    other prompts.
    """
    n_scored = np.isfinite(fit.scores).sum(axis=0)
    quality = np.where(n_scored * 2 >= n_scored.max(), column_means(fit.scores), -np.inf)
    costs = np.zeros(len(quality)) if fit.costs_usd is None else column_means(fit.costs_usd)
    return int(np.lexsort((np.arange(len(quality)), costs, -quality))[0])


def cheapest_column(fit: FitData) -> int | None:
    """The model with the lowest mean cost on fit, then the better one; None when no costs are known."""
    if fit.costs_usd is None:
        return None
    quality = column_means(fit.scores)
    return int(np.lexsort((np.arange(len(quality)), -quality, column_means(fit.costs_usd)))[0])


def column_means(values: np.ndarray) -> np.ndarray:
    """(n_columns,) mean of the known values; NaN for a column without any."""
    known = np.isfinite(values)
    n_known = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)


def time_single_prompts(choose_one: Callable[[Prompts], object], test: TestData) -> float | None:
    """Median microseconds of choosing for one prompt."""
    n_timed = min(N_TIMED, len(test.prompts))
    if n_timed == 0:
        return None
    times = []
    for row in range(n_timed):
        one = test.prompts.rows(row, row + 1)
        started = time.perf_counter()
        choose_one(one)
        times.append(time.perf_counter() - started)
    return 1e6 * float(np.median(times))
