"""What a catalog card's own benchmark scores say of a model, on scales fitted once over the whole catalog."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from omni.quality.kriging import N_SKILLS
from omni.types import BenchmarkScore, ModelCard

VARIANT_ORDER = ("", "default", "reasoning", "thinking", "enabled", "high", "reasoning high", "medium", "val")
"""Where a benchmark lists several runs of one model, the first of these is used and the runs are never mixed."""
ELO_TO_LOGIT = np.log(10) / 400
LONG_CONTEXT = "long_context"
EXTRA_SCORES = 2.0
"""Scores in one language, or on long inputs, at which a model's deviation there is believed by half."""
EXTRA_TRUST = 0.5
"""Largest share of such a deviation that is believed."""


class Scale(NamedTuple):
    """How a benchmark's scores turn into abilities: score in logits = intercept + slope · ability."""

    suite: str
    """Benchmarks of one suite repeat each other and count as the root of their number."""
    skill: int
    """Row of `SKILLS` that it speaks for."""
    extra: str
    """Language code, or "long_context", that it tells apart; empty = neither."""
    unit: str
    """rating, percent, lower (less is better) or plain."""
    intercept: float
    slope: float
    variance: float
    """Of the ability that one score says, logits²."""


class CardEvidence(NamedTuple):
    """What the scores of one card say."""

    value: np.ndarray
    """(N_SKILLS,) ability in logits, NaN = no score."""
    variance: np.ndarray
    """(N_SKILLS,) logits²."""
    extras: dict[str, list[tuple[int, float]]]
    """By language or "long_context": the skill and the ability that each score says."""
    n_scores: int


def read_card(card: ModelCard, scales: Mapping[str, Scale]) -> CardEvidence:
    """The abilities that a card's scores on benchmarks of known scale say."""
    chosen: dict[str, BenchmarkScore] = {}
    for score in card.scores:
        held = chosen.get(score.benchmark)
        if score.benchmark in scales and (held is None or variant_rank(score.variant) < variant_rank(held.variant)):
            chosen[score.benchmark] = score
    total, weight = np.zeros(N_SKILLS), np.zeros(N_SKILLS)
    suites: dict[tuple[int, str], list[float]] = {}
    extras: dict[str, list[tuple[int, float]]] = {}
    for name, score in chosen.items():
        scale = scales[name]
        ability = (to_logits(score.score, scale.unit) - scale.intercept) / scale.slope
        total[scale.skill] += ability / scale.variance
        weight[scale.skill] += 1 / scale.variance
        suites.setdefault((scale.skill, scale.suite), []).append(1 / scale.variance)
        if scale.extra:
            extras.setdefault(scale.extra, []).append((scale.skill, ability))
    precision = np.zeros(N_SKILLS)
    for (skill, _), weights in suites.items():
        precision[skill] += sum(weights) / len(weights) ** 0.5
    known = weight > 0
    value = np.where(known, total / np.where(known, weight, 1.0), np.nan)
    return CardEvidence(value, np.where(known, 1 / np.where(known, precision, 1.0), np.nan), extras, len(chosen))


def deviation(evidence: CardEvidence, ability: np.ndarray, extra: str) -> float:
    """Logits by which a model lies above its (N_SKILLS,) abilities in a language or on long inputs, as far as believed.

    0 without scores there.
    """
    told = evidence.extras.get(extra, ())
    if not told:
        return 0.0
    apart = sum(value - float(ability[skill]) for skill, value in told) / len(told)
    return EXTRA_TRUST * len(told) / (len(told) + EXTRA_SCORES) * apart


def variant_rank(variant: str) -> tuple[int, str]:
    """Sorts the runs of one benchmark: the most usual first."""
    return VARIANT_ORDER.index(variant) if variant in VARIANT_ORDER else len(VARIANT_ORDER), variant


def to_logits(score: float, unit: str) -> float:
    """A score on a scale where more is better and steps are alike."""
    if unit == "lower":
        return -score
    if unit == "rating":
        return score * ELO_TO_LOGIT
    if unit != "percent":
        return score
    share = min(max(score / 100, 0.01), 0.99)
    return float(np.log(share / (1 - share)))
