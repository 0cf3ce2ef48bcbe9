"""Quality, cost and latency of the catalog's models on a prompt, as columns with named parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omni.quality.abilities import TASKS, AbilityTable, build_abilities
from omni.quality.lengths import expected_output_tokens, speed_columns
from omni.types import ModelCard, PromptProfile

LONG_TOKENS = 16_000
"""Inputs from about here on are what long-context benchmarks test."""


QUALITY_PARTS = ("general", "task_fit", "language", "long_context", "difficulty")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """Expected figures of every model on some prompts, each (n_prompts, n_models)."""

    quality: np.ndarray
    """0..1."""
    quality_se: np.ndarray
    quality_parts: tuple[np.ndarray, ...]
    """Logits, in the order of `QUALITY_PARTS`; they sum to the logit of `quality`."""
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
        self._no_change = np.zeros(len(cards))
        language_rows = self.abilities.language.T
        self._languages = dict(zip(self.abilities.languages, language_rows, strict=True))
        self._languages["en"] = self._no_change

    def estimate(self, profiles: Sequence[PromptProfile]) -> Estimate:
        """Expected quality, cost and latency of every model.

        quality = logistic(general + task_fit + language + long_context + difficulty), an item-response form with
        one discrimination for all prompts.
        """
        table = self.abilities
        shares = np.array([[profile.tasks.get(task, 0.0) for task in TASKS] for profile in profiles])
        # Sums along the last axis come out the same for one prompt as for many; a matrix product need not.
        ability = (shares[:, None, :] * table.task).sum(axis=-1)
        doubt = (shares[:, None, :] * table.task_se).sum(axis=-1)
        difficulty = np.array([[-_logit(profile.difficulty)] for profile in profiles])
        parts = (
            np.broadcast_to(table.general, ability.shape),
            ability - table.general,
            np.stack([self._languages.get(profile.language, self._no_change) for profile in profiles]),
            np.stack([table.long_context if p.input_tokens >= LONG_TOKENS else self._no_change for p in profiles]),
            np.broadcast_to(difficulty, ability.shape),
        )
        quality = 1 / (1 + np.exp(-sum(parts)))
        input_tokens = np.array([[float(profile.input_tokens)] for profile in profiles])
        output_tokens = expected_output_tokens(shares, self._reasons)
        return Estimate(
            quality=quality,
            quality_se=doubt * quality * (1 - quality),
            quality_parts=parts,
            cost_usd=(input_tokens * self._price_in + output_tokens * self._price_out) / 1e6,
            latency_s=self._first_token + output_tokens / self._speed,
            output_tokens=output_tokens,
        )


def gain_se(quality_se: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Standard error (n_prompts, n_models) of the quality difference to each prompt's reference model.

    The errors of two models are taken as independent. `reference` is (n_prompts, 1), a column per prompt.
    """
    difference = np.hypot(quality_se, np.take_along_axis(quality_se, reference, axis=1))
    np.put_along_axis(difference, reference, 0.0, axis=1)
    return difference


def _prices(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _logit(share: float) -> float:
    share = min(max(share, 0.01), 0.99)
    return float(np.log(share / (1 - share)))
