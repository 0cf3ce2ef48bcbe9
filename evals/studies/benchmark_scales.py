"""Scales of the catalog's benchmarks: which score a model of which ability reaches, by a factor model with gaps."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evals.studies.benchmark_factors import Factors, fit_factors, standardise
from omni.quality.benchmarks import LONG_CONTEXT, Scale, to_logits, variant_rank
from omni.types import BenchmarkScore, ModelCard

MIN_MODELS = 8
"""A benchmark with fewer models is left out: its scale cannot be told from its models."""
MIN_SLOPE = 0.2
"""Standard deviations of a score for one logit of ability, below which a benchmark says nothing of its skill."""
RESIDUAL_KAPPA = 3.0
"""Own benchmarks at which half of a model's skill-specific deviation is believed."""

SKILL_CATEGORIES: Sequence[Mapping[str, float]] = (
    {"math": 1.0},
    {"code": 1.0},
    {"knowledge": 1.0, "factuality": 0.3},
    {"instruction_following": 1.0, "creative_writing": 1.0, "multi_turn": 1.0, "overall": 0.5, "summarization": 0.5,
     "translation": 0.5},
    {"agentic": 1.0},
    {"vision": 1.0},
)  # fmt: skip
"""The catalog categories that speak for each skill, and with what weight."""
_SKILL_OF_CATEGORY = {
    "math": 0, "reasoning": 0, "code": 1, "knowledge": 2, "factuality": 2, "instruction_following": 3,
    "creative_writing": 3, "summarization": 3, "translation": 3, "multi_turn": 3, "overall": 3, "hard_prompts": 3,
    "long_context": 3, "agentic": 4, "vision": 5,
}  # fmt: skip


class Matrix(NamedTuple):
    """The catalog's benchmark scores."""

    scores: np.ndarray
    """(n_models, n_benchmarks) on a logit-like scale where more is better, NaN = not measured."""
    names: tuple[str, ...]
    categories: tuple[str, ...]
    units: tuple[str, ...]


def fit_scales(cards: Sequence[ModelCard]) -> dict[str, Scale]:
    """A scale for each benchmark that tells models apart in its skill, by name."""
    matrix = benchmark_matrix(cards)
    ability = fit_abilities(cards, matrix)
    scales = {}
    for column, (name, category, unit) in enumerate(zip(matrix.names, matrix.categories, matrix.units, strict=True)):
        extra = category.split(":")[1] if category.startswith("multilingual:") else ""
        skill = 3 if extra else _SKILL_OF_CATEGORY.get(category)
        if skill is None:
            continue
        seen = np.isfinite(matrix.scores[:, column])
        x, y = ability[seen, skill], matrix.scores[seen, column]
        slope = float(np.cov(x, y, bias=True)[0, 1] / x.var())
        if slope * x.std() < MIN_SLOPE * y.std():
            continue
        left = y - y.mean() - slope * (x - x.mean())
        scales[name] = Scale(
            suite=name.split("_")[0],
            skill=skill,
            extra=LONG_CONTEXT if category == LONG_CONTEXT else extra if len(extra) == 2 and extra != "en" else "",
            unit=unit,
            intercept=round(float(y.mean() - slope * x.mean()), 4),
            slope=round(slope, 4),
            variance=round(float((left**2).sum() + 0.05) / (len(y) - 2) / slope**2, 4),
        )
    return scales


def fit_abilities(cards: Sequence[ModelCard], matrix: Matrix) -> np.ndarray:
    """(n_models, N_SKILLS) ability in logits, 0 = the catalog's average, one standard deviation = one logit."""
    standard = standardise(matrix.scores)
    factors = fit_factors(standard, card_covariates(cards), trust=_trust(matrix.categories))
    weights = _weight_rows(SKILL_CATEGORIES, matrix.categories, matrix.scores)
    return _completed(standard, factors, weights)


def benchmark_matrix(cards: Sequence[ModelCard]) -> Matrix:
    """All benchmarks with enough models whose scores differ."""
    cells: dict[str, dict[int, BenchmarkScore]] = defaultdict(dict)
    for row, card in enumerate(cards):
        for score in card.scores:
            held = cells[score.benchmark].get(row)
            if held is None or variant_rank(score.variant) < variant_rank(held.variant):
                cells[score.benchmark][row] = score
    kept = sorted(name for name, column in cells.items() if len(column) >= MIN_MODELS)
    units = [unit_of(list(cells[name].values())) for name in kept]
    scores = np.full((len(cards), len(kept)), np.nan)
    for index, (name, unit) in enumerate(zip(kept, units, strict=True)):
        for row, score in cells[name].items():
            scores[row, index] = to_logits(score.score, unit)
    usable = np.flatnonzero(np.nanstd(scores, axis=0) > 0)
    categories = [next(iter(cells[name].values())).category for name in kept]
    return Matrix(
        scores[:, usable],
        tuple(kept[column] for column in usable),
        tuple(categories[column] for column in usable),
        tuple(units[column] for column in usable),
    )


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


def unit_of(column: Sequence[BenchmarkScore]) -> str:
    """What the scores of one benchmark are counted in, as `Scale.unit`."""
    values = [score.score for score in column]
    if not column[0].higher_is_better:
        return "lower"
    if column[0].unit.startswith(("arena rating", "Elo")):
        return "rating"
    return "percent" if min(values) >= 0 and 1 < max(values) <= 100 else "plain"


def _trust(categories: Sequence[str]) -> np.ndarray:
    """(n_benchmarks,) the root of 1 / the number of benchmarks of the same kind, all languages being one kind."""
    kinds = [category.split(":")[0] for category in categories]
    return np.array([kinds.count(kind) ** -0.5 for kind in kinds])


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


def _completed(standard: np.ndarray, factors: Factors, weights: np.ndarray) -> np.ndarray:
    """Weighted means (n_models, n_groups) over completed benchmarks."""
    directions = weights @ factors.loadings
    low_rank = factors.mean @ directions.T
    seen = ~np.isnan(standard)
    residual = np.where(seen, standard - factors.mean @ factors.loadings.T, 0.0)
    own_weight = seen @ weights.T
    n_own = seen.astype(float) @ (weights > 0).T
    own = residual @ weights.T / np.maximum(own_weight, 1e-9)
    trust = n_own / (n_own + RESIDUAL_KAPPA)
    return np.asarray(low_rank + trust * own)
