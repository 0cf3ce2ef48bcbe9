"""Expected seconds of an answer: published speeds, learned times, and what was seen of servers lately."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from omni.catalog.speeds import speed_columns
from omni.conditions import ModelHealth
from omni.memory import remember_last
from omni.types import LATENCY_BASES, ModelCard

TRUSTED_SPEEDS = 4.0
"""Published figures count as this many answers when they are blended with what was seen."""
CROWD = 32
"""Answers under way at a provider that double the time to its first token; an assumption."""
_RECORDED = LATENCY_BASES.index("recorded")


class Latency(NamedTuple):
    """What to expect of models' answers."""

    seconds: np.ndarray
    """(n_prompts, n_models) to the whole answer; NaN = unknown."""
    basis: np.ndarray
    """(n_models,) index into `LATENCY_BASES`."""


class _Columns(NamedTuple):
    """(n_models,) each."""

    first_token_s: np.ndarray
    tokens_per_s: np.ndarray
    basis: np.ndarray
    seen: np.ndarray
    """Recent answers that the two speeds stand for."""


class Speeds:
    """First token and pace of some models; immutable."""

    def __init__(self, cards: Sequence[ModelCard], others: Sequence[ModelCard] = ()) -> None:
        """Of `cards`; `others` are further models from whose published speeds missing ones are estimated."""
        own = {card.model_id for card in cards}
        everyone = [*cards, *(card for card in others if card.model_id not in own)]
        tokens_per_s, first_token_s, published = (column[: len(cards)] for column in speed_columns(everyone))
        self._published = _Columns(first_token_s, tokens_per_s, published.astype(np.intp), np.zeros(len(cards)))
        self._row = {card.model_id: row for row, card in enumerate(cards)}
        self._now = remember_last(self._blend)

    def expect(
        self, output_tokens: np.ndarray, learned_s: np.ndarray | None, health: Mapping[str, ModelHealth]
    ) -> Latency:
        """Seconds to the whole answer.

        Args:
            output_tokens: (n_prompts, n_models).
            learned_s: the same shape: seconds learned from recorded answers, NaN = unknown; what is seen of a server
                now gradually replaces them. None = none was recorded.
            health: what was seen lately, by model id.
        """
        now = self._now(health) if health else self._published
        seconds = now.first_token_s + output_tokens / now.tokens_per_s
        if learned_s is None:
            return Latency(seconds, now.basis)
        known = np.isfinite(learned_s)
        trust = now.seen / (now.seen + TRUSTED_SPEEDS)
        blended = np.where(known, (1.0 - trust) * learned_s + trust * seconds, seconds)
        return Latency(blended, np.where(known.any(axis=0), _RECORDED, now.basis))

    def _blend(self, health: Mapping[str, ModelHealth]) -> _Columns:
        first_token_s, tokens_per_s, basis, seen = (column.copy() for column in self._published)
        for model_id, figures in health.items():
            row = self._row.get(model_id)
            if row is None:
                continue
            weight = figures.weight if figures.speed_weight is None else figures.speed_weight
            seen[row] = weight
            if figures.first_token_s is not None:
                first_token_s[row] = _blended(first_token_s[row], figures.first_token_s, weight)
            if figures.tokens_per_s is not None:
                # seconds per token add up, tokens per second do not
                tokens_per_s[row] = 1 / _blended(1 / tokens_per_s[row], 1 / figures.tokens_per_s, weight)
            first_token_s[row] *= 1 + figures.in_flight / CROWD
            if figures.failed_after_s is not None:
                first_token_s[row] += (1 - figures.answered) * figures.failed_after_s
            if weight > TRUSTED_SPEEDS:
                basis[row] = _RECORDED
        return _Columns(first_token_s, tokens_per_s, basis, seen)


def _blended(published: float, seen: float, weight: float) -> float:
    if math.isnan(published):
        return seen
    return (TRUSTED_SPEEDS * published + weight * seen) / (TRUSTED_SPEEDS + weight)
