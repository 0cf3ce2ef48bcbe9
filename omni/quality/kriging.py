"""Abilities of models never seen in a pool, from what is known of models like them: regression with errors (kriging).

ability(model, skill) = size, date and kind + family + generation + model, each a Gaussian effect with correlated
skills. Observations are mean logits of models in recordings and benchmark abilities of the catalog; the level of each
source is unknown and drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omni.quality.lineage import ModelFacts

N_SKILLS = 4
GENERATION_YEARS = 0.15
LEVEL_VAR = 9.0
"""Variance of a source's level, logits²: about nothing is known of it."""


def logistic(logits: np.ndarray) -> np.ndarray:
    """The chances, 0..1, that logits stand for."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Standard deviations of the effects, logits, chosen by predictive likelihood on recordings left out."""

    slope: tuple[float, ...]
    """Expected effect of each covariate."""
    slope_sd: tuple[float, ...]
    reasons_by_skill: tuple[float, ...]
    """Share of the effect of reasoning that each skill gets."""
    family: float
    generation: float
    model: float
    source: float
    """Of a model in one recording, whatever its ability."""
    benchmark: float
    """Of a model in all public benchmarks, whatever its ability."""
    skill: float
    """0..1: correlation of two skills of one model, family or generation."""
    covariate_skill: float
    """0..1: the same for the effects of size, date and kind."""


ABILITY = Belief(
    slope=(0.2, 0.1, 0.7, 0.8, 0.0),
    slope_sd=(0.3, 0.2, 1.0, 1.0, 0.3),
    reasons_by_skill=(1.0, 0.8, 0.4, 0.1),
    family=0.15,
    generation=0.2,
    model=0.3,
    source=0.35,
    benchmark=0.6,
    skill=0.85,
    covariate_skill=0.95,
)
LENGTH = Belief(
    slope=(0.0, 0.0, 0.3, 1.5, 0.0),
    slope_sd=(0.1, 0.1, 0.5, 0.7, 0.3),
    reasons_by_skill=(1.0, 1.0, 1.0, 1.0),
    family=0.2,
    generation=0.2,
    model=0.3,
    source=0.4,
    benchmark=0.0,
    skill=1.0,
    covariate_skill=1.0,
)
"""The same form for the logarithm of a model's answer length."""


class Observed(NamedTuple):
    """Figures of some models from one source, whose level is unknown."""

    models: Sequence[ModelFacts]
    skills: np.ndarray
    """(N_SKILLS,) shares."""
    value: np.ndarray
    """(m,) logits."""
    variance: np.ndarray
    """(m,) of sampling."""
    is_benchmark: bool = False


class Expected(NamedTuple):
    """What to expect of a pool's models."""

    mean: np.ndarray
    """(m, N_SKILLS) logits; differences count, the level is that of the other sources."""
    covariance: np.ndarray
    """(N_SKILLS, N_SKILLS, m, m)."""
    level: float
    """Mean level of the recordings behind it, logits; 0 without any."""

    def at(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean (m,) and covariance (m, m) for a mixture of skills."""
        return self.mean @ shares, np.einsum("a,b,abij->ij", shares, shares, self.covariance)


class _Rows(NamedTuple):
    """Models with the skills they are looked at through, stacked."""

    covariates: np.ndarray
    family: np.ndarray
    year: np.ndarray
    key: np.ndarray
    skills: np.ndarray


def krige(belief: Belief, observed: Sequence[Observed], models: Sequence[ModelFacts]) -> Expected:
    """Expected abilities of `models` given what was seen elsewhere."""
    eyes = np.eye(N_SKILLS)
    codes: dict[str, int] = {}
    wanted = _stack(belief, [(models, skill) for skill in eyes], codes)
    slope = np.array(belief.slope)
    prior, spread = wanted.covariates @ slope, _kernel(belief, wanted, wanted)
    level = 0.0
    if observed:
        seen = _stack(belief, [(block.models, block.skills) for block in observed], codes)
        source = np.repeat(np.arange(len(observed)), [len(block.models) for block in observed])
        public = np.array([block.is_benchmark for block in observed])
        gap = np.concatenate([block.value for block in observed]) - seen.covariates @ slope
        levels = np.bincount(source, gap) / np.bincount(source)
        level = float(levels[~public].mean()) if (~public).any() else 0.0
        between = _kernel(belief, seen, seen) + LEVEL_VAR * (source[:, None] == source)
        both = public[source][:, None] & public[source] & (seen.key[:, None] == seen.key)
        between += belief.benchmark**2 * both
        noise = np.concatenate([block.variance for block in observed])
        between[np.diag_indices_from(between)] += noise + np.where(public[source], 0.0225, belief.source**2)
        cross = _kernel(belief, wanted, seen)
        solved = np.linalg.solve(between, np.column_stack([gap - levels[source], cross.T]))
        prior, spread = prior + cross @ solved[:, 0], spread - cross @ solved[:, 1:]
    m = len(models)
    covariance = spread.reshape(N_SKILLS, m, N_SKILLS, m).transpose(0, 2, 1, 3)
    return Expected(prior.reshape(N_SKILLS, m).T, covariance, level)


def condition(
    mean: np.ndarray, covariance: np.ndarray, seen: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means (m,) and covariance (m, m) after seeing `seen` (NaN = none) with variances `noise`, at an unknown level."""
    known = np.isfinite(seen)
    if not known.any():
        return mean, covariance
    wide = covariance[:, known] + LEVEL_VAR
    within = covariance[np.ix_(known, known)] + LEVEL_VAR + np.diag(noise[known])
    solved = np.linalg.solve(within, np.column_stack([seen[known] - mean[known], wide.T]))
    after = covariance + LEVEL_VAR - wide @ solved[:, 1:]
    return mean + wide @ solved[:, 0], (after + after.T) / 2


def _stack(belief: Belief, blocks: Sequence[tuple[Sequence[ModelFacts], np.ndarray]], codes: dict[str, int]) -> _Rows:
    """`codes` numbers families and models, as numbers compare faster than names; new ones are added to it."""
    models = [model for block, _ in blocks for model in block]
    skills = np.concatenate([np.repeat(shares[None], len(block), axis=0) for block, shares in blocks])
    covariates = np.array([model.covariates() for model in models])
    covariates[:, 3] *= skills @ np.array(belief.reasons_by_skill)
    year = np.array([model.year or 0.0 for model in models])
    family = np.array([codes.setdefault(f"family {model.family}", len(codes)) for model in models])
    key = np.array([codes.setdefault(f"model {model.key}", len(codes)) for model in models])
    return _Rows(covariates, family, year, key, skills)


def _kernel(belief: Belief, left: _Rows, right: _Rows) -> np.ndarray:
    alike = left.skills @ right.skills.T
    # Shares sum to 1, so that a common part of weight r and an own part of weight 1 - r give these correlations.
    total = np.outer(left.skills.sum(1), right.skills.sum(1))
    own = belief.skill * total + (1 - belief.skill) * alike
    broad = belief.covariate_skill * total + (1 - belief.covariate_skill) * alike
    size = (left.covariates * np.square(belief.slope_sd)) @ right.covariates.T
    family = left.family[:, None] == right.family
    near = np.exp(-np.abs(left.year[:, None] - right.year) / GENERATION_YEARS)
    model = left.key[:, None] == right.key
    effects = belief.family**2 * family + belief.generation**2 * family * near + belief.model**2 * model
    return np.asarray(size * broad + effects * own)
