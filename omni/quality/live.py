"""Quality, cost and latency of the catalog's models on a prompt, as columns with named parts."""

import math
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from omni.conditions import NOTHING_KNOWN, Conditions, ModelHealth
from omni.memory import remember_last
from omni.quality.abilities import TASKS, AbilityTable, build_abilities
from omni.quality.kinship import complete_abilities
from omni.quality.lengths import length_factors, speed_columns, visible_output_tokens
from omni.types import LATENCY_BASES, ModelCard, PromptProfile, Task

LONG_TOKENS = 16_000
"""Inputs from about here on are what long-context benchmarks test."""


QUALITY_PARTS = ("general", "task_fit", "language", "long_context", "difficulty")
TRUSTED_SPEEDS = 4.0
"""Published figures count as this many answers when they are blended with what was seen."""
CROWD = 32
"""Answers under way at a provider that double the time to its first token; an assumption."""


class Estimate(NamedTuple):
    """Expected figures of every model on some prompts, each (n_prompts, n_models)."""

    quality: np.ndarray
    """0..1."""
    quality_unvoted: np.ndarray
    """The same without "feedback"; the same array when nobody voted."""
    quality_se: np.ndarray
    quality_parts: dict[str, np.ndarray]
    """Logits by name: `QUALITY_PARTS`, and "feedback" where there is any; they sum to the logit of `quality`."""
    cost_usd: np.ndarray
    latency_s: np.ndarray
    latency_basis: np.ndarray
    """(n_models,) index into `LATENCY_BASES`."""
    output_tokens: np.ndarray


class LiveQuality:
    """Predicts for a catalog from public facts alone."""

    def __init__(self, cards: Sequence[ModelCard], abilities: AbilityTable | None = None) -> None:
        """`abilities` of these models where they are known already; working them out takes most of the time."""
        self.abilities = abilities or complete_abilities(cards, build_abilities(cards))
        self._price_in = _prices([card.price_in_usd_per_mtok for card in cards])
        self._price_out = _prices([card.price_out_usd_per_mtok for card in cards])
        self.cost_listed = np.array([card.price_basis == "listed" for card in cards])
        self._speed, self._first_token, published = speed_columns(cards)
        self._latency_basis = published.astype(np.intp)
        self._row = {card.model_id: row for row, card in enumerate(cards)}
        self._residuals = remember_last(self._tabulate_residuals)
        self._speeds = remember_last(self._blend_speeds)
        self._length_factor = length_factors(np.array([bool(card.supports_reasoning) for card in cards]))
        # ability and doubt side by side: one product gives both
        self._task = np.ascontiguousarray(np.hstack([self.abilities.task.T, self.abilities.task_se.T]))
        # a row a language, and last one without change for those nobody measured
        rows = [*self.abilities.language.T, np.zeros(len(cards))]
        self._language = np.array(rows)
        self._language_row = {language: row for row, language in enumerate(self.abilities.languages)}
        self._language_row["en"] = len(rows) - 1

    def estimate(self, profiles: Sequence[PromptProfile], conditions: Conditions = NOTHING_KNOWN) -> Estimate:
        """Expected quality, cost and latency of every model.

        quality = logistic(general + task_fit + language + long_context + difficulty + feedback), an item-response form
        with one discrimination for all prompts. What was seen of a model's speed is blended with what is published.
        """
        table = self.abilities
        n_models = len(table.general)
        unmeasured = len(self._language) - 1
        shares = np.array([list(map(profile.tasks.get, TASKS, repeat(0.0))) for profile in profiles])
        # einsum adds in the same order for one prompt as for many; a matrix product need not
        both = np.einsum("pt,tm->pm", shares, self._task)
        names = (*QUALITY_PARTS, "feedback") if conditions.residuals else QUALITY_PARTS
        block = np.zeros((len(names), len(profiles), n_models))
        parts = dict(zip(names, block, strict=True))
        parts["general"] += table.general
        np.subtract(both[:, :n_models], table.general, out=parts["task_fit"])
        rows = [self._language_row.get(profile.language, unmeasured) for profile in profiles]
        self._language.take(rows, axis=0, out=parts["language"], mode="clip")
        for row, profile in enumerate(profiles):
            parts["difficulty"][row] = -_logit(profile.difficulty)
            if profile.input_tokens >= LONG_TOKENS:
                parts["long_context"][row] = table.long_context
        quality = unvoted = _logistic(np.add.reduce(block))
        if conditions.residuals:
            np.einsum("pt,tm->pm", shares, self._residuals(conditions.residuals), out=parts["feedback"])
            quality = _logistic(np.add.reduce(block))
        input_tokens = np.array([[float(profile.input_tokens)] for profile in profiles])
        output_tokens = visible_output_tokens(shares) * self._length_factor
        first_token_s, speed, basis = self._speeds(conditions.health)
        return Estimate(
            quality=quality,
            quality_unvoted=unvoted,
            quality_se=both[:, n_models:] * unvoted * (1 - unvoted),
            quality_parts=parts,
            cost_usd=(input_tokens * self._price_in + output_tokens * self._price_out) / 1e6,
            latency_s=first_token_s + output_tokens / speed,
            latency_basis=basis,
            output_tokens=output_tokens,
        )

    def _tabulate_residuals(self, residuals: Mapping[Task, Mapping[str, float]]) -> np.ndarray:
        table = np.zeros((len(TASKS), len(self._row)))
        for task, of_models in residuals.items():
            for model_id, logits in of_models.items():
                if model_id in self._row:
                    table[TASKS.index(task), self._row[model_id]] = logits
        return table

    def _blend_speeds(self, health: Mapping[str, ModelHealth]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Seconds to the first token, tokens per second, and the basis of both, each (n_models,)."""
        if not health:
            return self._first_token, self._speed, self._latency_basis
        first_token_s, speed, basis = self._first_token.copy(), self._speed.copy(), self._latency_basis.copy()
        for model_id, seen in health.items():
            row = self._row.get(model_id)
            if row is None:
                continue
            weight = seen.weight if seen.speed_weight is None else seen.speed_weight
            if seen.first_token_s is not None:
                first_token_s[row] = _blend(first_token_s[row], seen.first_token_s, weight)
            if seen.tokens_per_s is not None:
                # seconds per token add up, tokens per second do not
                speed[row] = 1 / _blend(1 / speed[row], 1 / seen.tokens_per_s, weight)
            first_token_s[row] *= 1 + seen.in_flight / CROWD
            if seen.failed_after_s is not None:
                first_token_s[row] += (1 - seen.answered) * seen.failed_after_s
            if weight > TRUSTED_SPEEDS:
                basis[row] = LATENCY_BASES.index("recorded")
        return first_token_s, speed, basis


def _blend(published: float, seen: float, weight: float) -> float:
    if math.isnan(published):
        return seen
    return (TRUSTED_SPEEDS * published + weight * seen) / (TRUSTED_SPEEDS + weight)


def gain_se(quality_se: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Standard error (n_prompts, n_models) of the quality difference to each prompt's reference model.

    The errors of two models are taken as independent. `places` is (n_prompts,): where the references stand when the
    prompts' rows follow one another.
    """
    # errors lie between 0 and 1: np.hypot's care for overflow would cost eight times as much
    variance = quality_se * quality_se
    difference = np.sqrt(variance + variance.take(places)[:, None])
    difference.put(places, 0.0)
    return difference


def _prices(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _logistic(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-logits)), in the place of the logits."""
    np.negative(logits, out=logits)
    np.exp(logits, out=logits)
    logits += 1
    return np.reciprocal(logits, out=logits)


def _logit(share: float) -> float:
    share = min(max(share, 0.01), 0.99)
    return math.log(share / (1 - share))
