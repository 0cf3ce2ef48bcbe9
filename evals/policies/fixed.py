"""Controls that learn at most one number per model: one fixed model, chance, the mixture of models, and the oracle."""

from dataclasses import dataclass

import numpy as np

from evals.metrics import concave_envelope
from evals.policies.base import (
    NO_PICK,
    POLICIES,
    Choices,
    FitData,
    Policy,
    TestData,
    best_column,
    cheapest_column,
    column_means,
    dial_settings,
)
from omni.errors import InputError


@dataclass(frozen=True, slots=True)
class SingleModel:
    """Sends every prompt to one model: a named one, the best on fit, or the cheapest on fit."""

    rule: str

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:  # noqa: ARG002 - no dial here
        """The same column for every prompt."""
        column = best_column(fit) if self.rule == "best" else cheapest_column(fit)
        if column is None:
            raise InputError("the policy 'cheapest' needs costs, and this recording knows none; leave it out.")
        picks = np.full((1, len(test.scores)), column)
        return Choices(settings=("0",), picks=picks, params={"model": fit.models[column]})


@dataclass(frozen=True, slots=True)
class RandomModel:
    """Any model of the pool with equal chance, by the seed."""

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:  # noqa: ARG002 - no dial here
        """One draw per prompt."""
        rng = np.random.default_rng(fit.seed)
        return Choices(settings=("0",), picks=rng.integers(len(fit.models), size=(1, len(test.scores))))


@dataclass(frozen=True, slots=True)
class Mixture:
    """The honest control: the best mix of two fixed models at every cost, chosen in hindsight on the test side.

    Its settings are the corners of the single models' envelope, named by their model, dearest and best first; the
    mixes between them are what the figures are computed from.
    """

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:  # noqa: ARG002 - no dial here
        """One model per setting."""
        quality = column_means(test.scores)
        if test.costs_usd is None:
            corners: tuple[int, ...] = (int(np.nanargmax(quality)),) if np.isfinite(quality).any() else ()
        else:
            both = np.isfinite(test.scores) & np.isfinite(test.costs_usd)
            scores, costs = np.where(both, test.scores, np.nan), np.where(both, test.costs_usd, np.nan)
            corners = concave_envelope(column_means(costs), column_means(scores)).corners[::-1]
        if not corners:
            raise InputError("the policy 'mixture' needs scored test prompts, and there are none.")
        picks = np.repeat(np.array(corners)[:, None], len(test.scores), axis=1)
        return Choices(settings=tuple(fit.models[corner] for corner in corners), picks=picks)


@dataclass(frozen=True, slots=True)
class Oracle:
    """The best outcome per prompt, cheapest among equals; with a dial, the best score - λ·cost. No router can win."""

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:  # noqa: ARG002 - nothing to learn
        """Reads the outcomes of the test side."""
        costs = np.zeros_like(test.scores) if test.costs_usd is None else test.costs_usd
        open_cells = np.isfinite(test.scores) & np.isfinite(costs)
        scores, costs = np.where(open_cells, test.scores, -np.inf), np.where(open_cells, costs, np.inf)
        picks = []
        for value in dial:
            utility = scores if value == 0 else np.where(open_cells, scores - value * costs, -np.inf)
            is_best = utility == utility.max(axis=1, keepdims=True)
            column = np.argmin(np.where(is_best, costs, np.inf), axis=1)
            picks.append(np.where(open_cells.any(axis=1), column, NO_PICK))
        return Choices(settings=dial_settings(dial), picks=np.stack(picks))


@POLICIES.register("best_single", place=10)
def create_best_single() -> Policy:
    """The model with the best mean score on fit."""
    return SingleModel("best")


@POLICIES.register("cheapest", place=20)
def create_cheapest() -> Policy:
    """The model with the lowest mean cost on fit."""
    return SingleModel("cheapest")


@POLICIES.register("random", place=30)
def create_random() -> Policy:
    """Chance."""
    return RandomModel()


@POLICIES.register("mixture", place=40)
def create_mixture() -> Policy:
    """The envelope of the single models."""
    return Mixture()


@POLICIES.register("oracle", place=90)
def create_oracle() -> Policy:
    """Hindsight per prompt."""
    return Oracle()
