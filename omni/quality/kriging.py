"""Abilities of models from what is known of models like them: Gaussian process regression over models (kriging).

ability(model, skill) = size, date, kind and language + family + generation + model, each a Gaussian effect with
correlated skills. Observations are mean logits of models in recordings and benchmarks; the level of each source is
unknown and drops out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omni.catalog.lineage import ModelFacts
from omni.types import Task

SKILLS = ("deduction", "code", "knowledge", "chat", "agentic", "vision")
N_SKILLS = len(SKILLS)
SKILL_OF_TASK = {
    task: {Task.MATH: 0, Task.REASONING: 0, Task.CODE: 1, Task.KNOWLEDGE: 2, Task.AGENTIC: 4, Task.VISION: 5}.get(
        task, 3
    )
    for task in Task
}
"""Mathematics and reasoning go together: benchmarks of mathematics rank models on reasoning recordings better than
benchmarks of reasoning do."""
GENERATION_YEARS = 0.15
LEVEL_VAR = 9.0
"""Variance of a source's level, logits²: about nothing is known of it."""
BENCHMARK_NOISE = 0.08
"""Variance of what benchmarks say of a model around its ability, beside that of their scores, logits²."""
LANGUAGE_COVARIATES = slice(5, 7)


def logistic(logits: np.ndarray) -> np.ndarray:
    """The chances, 0..1, that logits stand for."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """Standard deviations of the effects, logits, chosen by predictive likelihood on recordings left out."""

    slope: tuple[float, ...]
    """Expected effect of each covariate of `ModelFacts`."""
    slope_sd: tuple[float, ...]
    reasons_by_skill: tuple[float, ...]
    """Share of the effect of reasoning that each skill gets."""
    language_by_skill: tuple[float, ...]
    """Share of the effect of a language that is foreign to the model, or that it was tuned for."""
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
    """0..1: the same for the effects of the covariates."""


ABILITY = Belief(
    slope=(0.2, 0.1, 0.7, 1.0, 0.0, -0.5, 0.2, 0.5),
    slope_sd=(0.3, 0.2, 1.0, 0.4, 0.3, 0.4, 0.2, 0.4),
    reasons_by_skill=(1.0, 0.8, 0.4, 0.1, 0.4, 0.4),
    language_by_skill=(0.4, 0.2, 0.4, 1.0, 0.4, 0.4),
    family=0.15,
    generation=0.25,
    model=0.4,
    source=0.4,
    benchmark=0.4,
    skill=0.75,
    covariate_skill=0.95,
)
LENGTH = Belief(
    slope=(0.0, 0.0, 0.3, 1.5, 0.0, 0.0, 0.0, 0.0),
    slope_sd=(0.1, 0.1, 0.5, 0.7, 0.3, 0.1, 0.1, 0.1),
    reasons_by_skill=(1.0,) * N_SKILLS,
    language_by_skill=(1.0,) * N_SKILLS,
    family=0.1,
    generation=0.1,
    model=0.3,
    source=0.6,
    benchmark=0.0,
    skill=1.0,
    covariate_skill=1.0,
)
"""The same form for the logarithm of a model's answer length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Figures of some models from one source, whose level is unknown."""

    source: str
    models: Sequence[ModelFacts]
    skills: np.ndarray
    """(N_SKILLS,) shares."""
    language: str = "en"
    value: np.ndarray
    """(m,) logits."""
    variance: np.ndarray
    """(m,) of sampling, logits²."""
    is_benchmark: bool = False


class Kriged(NamedTuple):
    """What to expect of some models."""

    mean: np.ndarray
    """(m, N_SKILLS) logits; differences count, the level is that of the other sources."""
    covariance: np.ndarray
    """(N_SKILLS, N_SKILLS, m, m)."""
    slope: np.ndarray
    """(n_covariates,) effect of each covariate after the observations, logits."""


class _Rows(NamedTuple):
    """Models with the skills they are looked at through, stacked."""

    covariates: np.ndarray
    family: np.ndarray
    year: np.ndarray
    key: np.ndarray
    skills: np.ndarray


def krige(belief: Belief, observed: Sequence[Observed], models: Sequence[ModelFacts]) -> Kriged:
    """Expected abilities of `models` in English given what was seen elsewhere."""
    codes: dict[str, int] = {}
    wanted = _stack(belief, [(models, skill, "en") for skill in np.eye(N_SKILLS)], codes)
    slope = np.array(belief.slope)
    prior, spread = wanted.covariates @ slope, _kernel(belief, wanted, wanted)
    if observed:
        seen = _stack(belief, [(block.models, block.skills, block.language) for block in observed], codes)
        source = np.repeat(np.arange(len(observed)), [len(block.models) for block in observed])
        public = np.array([block.is_benchmark for block in observed])
        gap = np.concatenate([block.value for block in observed]) - seen.covariates @ slope
        level = np.bincount(source, gap) / np.bincount(source)
        between = _kernel(belief, seen, seen) + LEVEL_VAR * (source[:, None] == source)
        both = public[source][:, None] & public[source] & (seen.key[:, None] == seen.key)
        between += belief.benchmark**2 * both
        noise = np.concatenate([block.variance for block in observed])
        between[np.diag_indices_from(between)] += noise + np.where(public[source], BENCHMARK_NOISE, belief.source**2)
        cross = _kernel(belief, wanted, seen)
        solved = np.linalg.solve(between, np.column_stack([gap - level[source], cross.T]))
        prior, spread = prior + cross @ solved[:, 0], spread - cross @ solved[:, 1:]
        slope = slope + np.square(belief.slope_sd) * (seen.covariates.T @ solved[:, 0])
    m = len(models)
    covariance = spread.reshape(N_SKILLS, m, N_SKILLS, m).transpose(0, 2, 1, 3)
    return Kriged(prior.reshape(N_SKILLS, m).T, covariance, slope)


def block_level(belief: Belief, block: Observed) -> float:
    """Mean of a source less what the size, date and kind of its models say, logits."""
    rows = _stack(belief, [(block.models, block.skills, block.language)], {})
    return float((block.value - rows.covariates @ np.array(belief.slope)).mean())


def _stack(
    belief: Belief, blocks: Sequence[tuple[Sequence[ModelFacts], np.ndarray, str]], codes: dict[str, int]
) -> _Rows:
    """`codes` numbers families and models, as numbers compare faster than names; new ones are added to it."""
    models = [model for block, _, _ in blocks for model in block]
    skills = np.concatenate([np.repeat(shares[None], len(block), axis=0) for block, shares, _ in blocks])
    covariates = np.array([model.covariates(language) for block, _, language in blocks for model in block])
    covariates[:, 3] *= skills @ np.array(belief.reasons_by_skill)
    covariates[:, LANGUAGE_COVARIATES] *= (skills @ np.array(belief.language_by_skill))[:, None]
    made_for = [[SKILL_OF_TASK[Task(task)] for task in model.specialities] for model in models]
    special = [sum(own[skill] for skill in of) for own, of in zip(skills, made_for, strict=True)]
    covariates = np.column_stack([covariates, special])
    year = np.array([model.year or 0.0 for model in models])
    family = np.array([codes.setdefault(f"family {model.family}", len(codes)) for model in models])
    key = np.array([codes.setdefault(f"model {model.key}", len(codes)) for model in models])
    return _Rows(covariates, family, year, key, skills)


def _kernel(belief: Belief, left: _Rows, right: _Rows) -> np.ndarray:
    # Shares sum to 1, so that a common part of weight r and an own part of weight 1 - r give these correlations.
    alike = left.skills @ right.skills.T
    covariance = (left.covariates * np.square(belief.slope_sd)) @ right.covariates.T
    covariance *= belief.covariate_skill + (1 - belief.covariate_skill) * alike
    # most pairs are of different families and share no more than that
    rows, columns = np.nonzero(left.family[:, None] == right.family)
    near = np.exp(-np.abs(left.year[rows] - right.year[columns]) / GENERATION_YEARS)
    effects = belief.family**2 + belief.generation**2 * near
    effects += belief.model**2 * (left.key[rows] == right.key[columns])
    covariance[rows, columns] += effects * (belief.skill + (1 - belief.skill) * alike[rows, columns])
    return covariance
