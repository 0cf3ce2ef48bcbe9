"""Expected output tokens and seconds of an answer."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from omni.types import ModelCard, Task

OUTPUT_TOKENS: Mapping[Task, float] = {
    Task.CODE: 600,
    Task.MATH: 500,
    Task.REASONING: 450,
    Task.KNOWLEDGE: 350,
    Task.INSTRUCTION_FOLLOWING: 300,
    Task.CREATIVE_WRITING: 700,
    Task.SUMMARIZATION: 200,
    Task.TRANSLATION: 200,
    Task.CHAT: 250,
    Task.AGENTIC: 200,
    Task.VISION: 300,
}
"""Assumed length of a visible answer. The recordings' medians lie at 40 (tool calls) to 950 tokens (political essays),
their tasks are narrower than a visitor's: so these are round figures, the same for every model."""

REASONING_FACTOR = 2.5
"""Assumed: tokens that a reasoning model bills for one visible token."""

FIRST_TOKEN_FALLBACK_S = 1.0


_BY_TASK = np.array([OUTPUT_TOKENS[task] for task in Task], dtype=float)


def visible_output_tokens(shares: np.ndarray) -> np.ndarray:
    """Tokens (n_prompts, 1) of an answer that a person sees.

    Args:
        shares: (n_prompts, n_tasks) task mixtures, columns in the order of `Task`.
    """
    return (shares * _BY_TASK).sum(axis=1, keepdims=True)


def length_factors(reasons: np.ndarray) -> np.ndarray:
    """Tokens that each model bills for one visible token, (n_models,).

    Args:
        reasons: (n_models,) bool, reasoning models.
    """
    return np.where(reasons, REASONING_FACTOR, 1.0)


def speed_columns(cards: Sequence[ModelCard]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output tokens per second, seconds to the first token (each (n_models,)) and a mask of the published ones.

    A speed nobody published is estimated from the active size by a straight line in logarithms through the published
    ones; a first-token time is their median. A model of unknown size keeps NaN.
    """
    speed = _column(card.output_tokens_per_s for card in cards)
    first = _column(card.time_to_first_token_s for card in cards)
    size = np.log(_column(card.params_active_b or card.params_total_b for card in cards))
    published = ~np.isnan(speed)
    known = published & ~np.isnan(size)
    if known.sum() >= 3:
        slope, intercept = np.polyfit(size[known], np.log(speed[known]), 1)
        speed = np.where(published, speed, np.exp(intercept + slope * size))
    typical = float(np.nanmedian(first)) if (~np.isnan(first)).any() else FIRST_TOKEN_FALLBACK_S
    return speed, np.where(np.isnan(first), typical, first), published


def _column(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
