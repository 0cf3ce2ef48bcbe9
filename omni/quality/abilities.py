"""Abilities per model and task from public benchmarks, in logits, with a standard error each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omni.quality.factors import Factors, fit_factors, standardise
from omni.types import BenchmarkScore, ModelCard, Task

MIN_MODELS = 8
"""A benchmark with fewer models is left out: its scale cannot be told from its models."""
LOGITS_PER_SD = 1.0
"""One standard deviation between models, in logits of a correct answer. The recordings' own scales lie around it:
0.7 to 2.0 logits by recording, see `python -m evals zero --models`."""
RESIDUAL_KAPPA = 3.0
"""Own benchmarks at which half of a model's task-specific deviation is believed."""
ELO_TO_LOGIT = np.log(10) / 400

TASK_CATEGORIES: Mapping[Task, Mapping[str, float]] = {
    Task.CODE: {"code": 1.0},
    Task.MATH: {"math": 1.0},
    Task.REASONING: {"reasoning": 1.0},
    Task.KNOWLEDGE: {"knowledge": 1.0, "factuality": 0.3},
    Task.INSTRUCTION_FOLLOWING: {"instruction_following": 1.0},
    Task.CREATIVE_WRITING: {"creative_writing": 1.0},
    Task.SUMMARIZATION: {"summarization": 0.5, "long_context": 0.5, "instruction_following": 0.5},
    Task.TRANSLATION: {"translation": 1.0, "multilingual:non-en": 0.5, "multilingual:all": 0.5},
    Task.CHAT: {"multi_turn": 1.0, "overall": 0.5},
    Task.AGENTIC: {"agentic": 1.0},
    Task.VISION: {"vision": 1.0},
}
"""The catalog categories that speak for a task, and with what weight. Summaries lean on long-context reading and on
instructions because overlap scores against one reference summary say little about chat models."""

VARIANT_ORDER = ("", "default", "reasoning", "thinking", "enabled", "high", "reasoning high", "medium", "val")
"""Where a benchmark lists several runs of one model, the first of these is used and the runs are never mixed."""

TASKS = tuple(Task)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbilityTable:
    """Abilities of the catalog's models; rows follow `model_ids`."""

    model_ids: tuple[str, ...]
    general: np.ndarray
    """(n_models,) logits: the mean over text tasks, 0 = the catalog's average."""
    task: np.ndarray
    """(n_models, n_tasks) logits, columns follow `TASKS`."""
    task_se: np.ndarray
    """(n_models, n_tasks) standard error in logits."""
    languages: tuple[str, ...]
    language: np.ndarray
    """(n_models, n_languages) logits gained or lost in that language against the model's general ability."""
    long_context: np.ndarray
    """(n_models,) the same for long inputs."""
    n_scores: np.ndarray
    """(n_models,) benchmarks behind a row; 0 = estimated from size, date and kind."""


def build_abilities(cards: Sequence[ModelCard]) -> AbilityTable:
    """Completes the benchmark matrix of `cards` and reads task abilities off it."""
    scores, categories = benchmark_matrix(cards)
    standard = standardise(scores)
    covariates = card_covariates(cards)
    factors = fit_factors(standard, covariates, trust=_trust(categories))
    weights = _weight_rows([TASK_CATEGORIES[task] for task in TASKS], categories, scores)
    task, task_se = _completed(standard, factors, weights)
    # Vision scores exist for few models and say nothing about text.
    general = task[:, [TASKS.index(t) for t in TASKS if t is not Task.VISION]].mean(axis=1)
    languages = tuple(sorted({c.split(":")[1] for c in categories if c.startswith("multilingual:") and len(c) == 15}))
    tongues = _weight_rows([{f"multilingual:{code}": 1.0} for code in languages], categories, scores)
    spoken, _ = _completed(standard, factors, tongues)
    long_context, _ = _completed(standard, factors, _weight_rows([{"long_context": 1.0}], categories, scores))
    return AbilityTable(
        model_ids=tuple(card.model_id for card in cards),
        general=general * LOGITS_PER_SD,
        task=task * LOGITS_PER_SD,
        task_se=task_se * LOGITS_PER_SD,
        languages=languages,
        language=0.5 * (spoken - general[:, None]) * LOGITS_PER_SD,
        long_context=0.5 * (long_context[:, 0] - general) * LOGITS_PER_SD,
        n_scores=(~np.isnan(scores)).sum(axis=1),
    )


def benchmark_matrix(cards: Sequence[ModelCard]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The scores (n_models, n_benchmarks) on a logit-like scale where higher is better, and each column's category."""
    cells: dict[str, dict[int, BenchmarkScore]] = defaultdict(dict)
    for row, card in enumerate(cards):
        for score in card.scores:
            held = cells[score.benchmark].get(row)
            if held is None or _variant_rank(score) < _variant_rank(held):
                cells[score.benchmark][row] = score
    kept = sorted(name for name, column in cells.items() if len(column) >= MIN_MODELS)
    scores = np.full((len(cards), len(kept)), np.nan)
    for index, name in enumerate(kept):
        rows = list(cells[name])
        scores[rows, index] = _to_logits([cells[name][row] for row in rows])
    usable = np.nanstd(scores, axis=0) > 0
    categories = [next(iter(cells[name].values())).category for name in kept]
    return scores[:, usable], tuple(c for c, use in zip(categories, usable, strict=True) if use)


def card_covariates(cards: Sequence[ModelCard]) -> np.ndarray:
    """(n_models, 7): one, size, active size, date, each with 0 for unknown, and flags for unknowns and reasoning."""
    return np.stack(
        [
            model_covariates(
                params_total_b=card.params_total_b,
                params_active_b=card.params_active_b,
                release_year=None if card.release_date is None else card.release_date.toordinal() / 365.25,
                reasons=card.supports_reasoning,
            )
            for card in cards
        ]
    )


def model_covariates(
    *,
    params_total_b: float | None,
    params_active_b: float | None = None,
    release_year: float | None = None,
    reasons: bool | None = None,
) -> np.ndarray:
    """(7,) what size, date and kind say of a model; None = unknown."""
    size = 0.0 if params_total_b is None else np.log(params_total_b / 30)
    active = size if params_active_b is None else np.log(params_active_b / 30)
    year = 0.0 if release_year is None else release_year - 2025
    return np.array([1.0, size, active, year, params_total_b is None, release_year is None, bool(reasons)], dtype=float)


def _trust(categories: Sequence[str]) -> np.ndarray:
    """(n_benchmarks,) the root of 1 / the number of benchmarks of the same kind, all languages being one kind."""
    kinds = [category.split(":")[0] for category in categories]
    return np.array([kinds.count(kind) ** -0.5 for kind in kinds])


def _variant_rank(score: BenchmarkScore) -> tuple[int, str]:
    order = VARIANT_ORDER.index(score.variant) if score.variant in VARIANT_ORDER else len(VARIANT_ORDER)
    return order, score.variant


def _to_logits(column: Sequence[BenchmarkScore]) -> np.ndarray:
    values = np.array([score.score for score in column])
    first = column[0]
    if not first.higher_is_better:
        return -values
    if first.unit.startswith("arena rating") or first.unit.startswith("Elo"):
        return values * ELO_TO_LOGIT
    if values.min() >= 0 and 1 < values.max() <= 100:
        share = np.clip(values / 100, 0.01, 0.99)
        return np.log(share / (1 - share))
    return values


def _weight_rows(groups: Sequence[Mapping[str, float]], categories: Sequence[str], scores: np.ndarray) -> np.ndarray:
    """(n_groups, n_benchmarks) weights, rows summing to 1: by category, within it by the root of coverage.

    A group that no benchmark speaks for gets a row of zeros: its ability is then the average one.
    """
    coverage = np.sqrt((~np.isnan(scores)).sum(axis=0))
    weights = np.zeros((len(groups), len(categories)))
    for row, shares in zip(weights, groups, strict=True):
        for category, share in shares.items():
            own = np.array([c == category for c in categories], dtype=float) * coverage
            row += share * own / max(own.sum(), 1e-9)
        row /= max(row.sum(), 1e-9)
    return weights


def _completed(standard: np.ndarray, factors: Factors, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means (n_models, n_groups) over completed benchmarks, and their standard errors."""
    directions = weights @ factors.loadings
    low_rank = factors.mean @ directions.T
    seen = ~np.isnan(standard)
    residual = np.where(seen, standard - factors.mean @ factors.loadings.T, 0.0)
    own_weight = seen @ weights.T
    n_own = seen.astype(float) @ (weights > 0).T
    own = residual @ weights.T / np.maximum(own_weight, 1e-9)
    trust = n_own / (n_own + RESIDUAL_KAPPA)
    spread = np.einsum("gi,mij,gj->mg", directions, factors.covariance, directions)
    specific = (weights**2 @ factors.noise)[None, :] + 0.1 * (1 - trust)
    return low_rank + trust * own, np.sqrt(spread + specific)
