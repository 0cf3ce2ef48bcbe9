"""Quality, cost and latency of the catalog's models on a prompt, as columns with named parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omni.quality.abilities import TASKS, AbilityTable, build_abilities
from omni.quality.lengths import expected_output_tokens, speed_columns
from omni.types import ModelCard, PromptProfile

LONG_TOKENS = 16_000
"""Inputs from about here on are what long-context benchmarks test."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Expected figures of every model on one prompt, columns of length n_models."""

    quality: np.ndarray
    """0..1."""
    quality_se: np.ndarray
    quality_parts: dict[str, np.ndarray]
    """Logits; they sum to the logit of `quality`."""
    cost_usd: np.ndarray
    latency_s: np.ndarray
    output_tokens: np.ndarray


class LiveQuality:
    """Predicts for a catalog from public facts alone."""

    def __init__(self, cards: Sequence[ModelCard]) -> None:
        self.abilities: AbilityTable = build_abilities(cards)
        self._price_in = _prices([card.price_in_usd_per_mtok for card in cards])
        self._price_out = _prices([card.price_out_usd_per_mtok for card in cards])
        self.cost_listed = np.array([card.price_basis == "listed" for card in cards])
        self._speed, self._first_token, self.latency_published = speed_columns(cards)
        self._reasons = np.array([bool(card.supports_reasoning) for card in cards])
        self._language_rows = {code: index for index, code in enumerate(self.abilities.languages)}

    def estimate(self, profile: PromptProfile) -> Estimate:
        """Expected quality, cost and latency of every model.

        quality = logistic(general + task_fit + language + long_context + difficulty), an item-response form with
        one discrimination for all prompts.
        """
        table = self.abilities
        shares = np.array([profile.tasks.get(task, 0.0) for task in TASKS])
        ability = table.task @ shares
        parts = {
            "general": table.general,
            "task_fit": ability - table.general,
            "difficulty": np.full(len(ability), -_logit(profile.difficulty)),
        }
        row = self._language_rows.get(profile.language)
        if row is not None and profile.language != "en":
            parts["language"] = table.language[:, row]
        if profile.input_tokens >= LONG_TOKENS:
            parts["long_context"] = table.long_context
        quality = 1 / (1 + np.exp(-sum(parts.values())))
        output_tokens = expected_output_tokens(profile, self._reasons)
        return Estimate(
            quality=quality,
            quality_se=(table.task_se @ shares) * quality * (1 - quality),
            quality_parts=parts,
            cost_usd=(profile.input_tokens * self._price_in + output_tokens * self._price_out) / 1e6,
            latency_s=self._first_token + output_tokens / self._speed,
            output_tokens=output_tokens,
        )


def gain_se(quality_se: np.ndarray, reference: int) -> np.ndarray:
    """Standard error of each model's quality difference to the reference, taking the two errors as independent."""
    difference = np.hypot(quality_se, quality_se[reference])
    difference[reference] = 0.0
    return difference


def _prices(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _logit(share: float) -> float:
    share = min(max(share, 0.01), 0.99)
    return float(np.log(share / (1 - share)))
