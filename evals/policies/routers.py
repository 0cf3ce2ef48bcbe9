"""This project's own router as a policy: fitted on the recording, and with nothing of the recording's outcomes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction
from omni.quality.pool import Pool, fit_pool


@dataclass(frozen=True, slots=True)
class PoolPredictor:
    """A fitted pool. How far it trusts its own predictions was settled on held-out fit prompts, inside the pool."""

    pool: Pool
    has_cost: bool
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, features: np.ndarray, categories: np.ndarray) -> Prediction:  # noqa: ARG002 - features only
        """The pool's expectations."""
        expected = self.pool.predict(features)
        return Prediction(quality=expected.quality, cost_usd=expected.cost_usd if self.has_cost else None)


def fit_omni(fit: FitData) -> PoolPredictor:
    """The router's quality model fitted on the recording's fit side."""
    costs = np.full(fit.scores.shape, np.nan) if fit.costs_usd is None else fit.costs_usd
    pool = fit_pool(fit.features, fit.scores, costs, groups=fit.groups, categories=fit.categories, seed=fit.seed)
    return PoolPredictor(pool, fit.costs_usd is not None, dict(pool.describe()))


@POLICIES.register("omni", place=80)
def create_omni() -> Policy:
    """The router of this project, fitted on the fit side."""
    return LearnedPolicy(fit_omni)
