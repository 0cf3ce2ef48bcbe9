"""How fast models answer: as published, and estimated from size and date where nothing is."""

from collections.abc import Iterable, Sequence

import numpy as np

from omni.types import ModelCard

FIRST_TOKEN_FALLBACK_S = 1.0
ENOUGH_SPEEDS = 30
"""Published speeds from which date and kind are told apart from size."""
SPEED_RIDGE = 0.1


def speed_columns(cards: Sequence[ModelCard]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Output tokens per second, seconds to the first token (each (n_models,)) and a mask of the published ones.

    What is not published is a straight line in logarithms through what is: speed by active size and release date, the
    first token by total size, date and whether the model reasons first; an unknown size or date counts as the usual
    one. Left out one by one, published speeds are met within a factor of 1.65 (standard deviation of the logarithm
    0.50, of the speeds themselves 0.57; n = 137), first tokens within 2.19 (0.78 of 0.82). With fewer than
    `ENOUGH_SPEEDS` published, speeds of unknown size stay NaN and first tokens are their median.
    """
    speed = _column(card.output_tokens_per_s for card in cards)
    first = _column(card.time_to_first_token_s for card in cards)
    published = ~np.isnan(speed)
    active = np.log(_column(card.params_active_b or card.params_total_b for card in cards))
    total = np.log(_column(card.params_total_b or card.params_active_b for card in cards))
    year = _column(None if card.release_date is None else card.release_date.toordinal() / 365.25 for card in cards)
    reasons = np.array([float(bool(card.supports_reasoning)) for card in cards])
    if published.sum() >= ENOUGH_SPEEDS:
        return _filled(speed, [active, year]), _filled(first, [total, year, reasons]), published
    known = published & ~np.isnan(active)
    if known.sum() >= 3:
        slope, intercept = np.polyfit(active[known], np.log(speed[known]), 1)
        speed = np.where(published, speed, np.exp(intercept + slope * active))
    typical = float(np.nanmedian(first)) if (~np.isnan(first)).any() else FIRST_TOKEN_FALLBACK_S
    return speed, np.where(np.isnan(first), typical, first), published


def _filled(seconds: np.ndarray, causes: Sequence[np.ndarray]) -> np.ndarray:
    """The column with its gaps filled by least squares in logarithms; an unknown cause counts as the usual one."""
    usual = [np.nanmedian(cause) if (~np.isnan(cause)).any() else 0.0 for cause in causes]
    design = np.column_stack(
        [np.where(np.isnan(cause), at, cause) - at for cause, at in zip(causes, usual, strict=True)]
    )
    design = np.column_stack([np.ones(len(design)), design])
    known = seconds > 0
    gram = design[known].T @ design[known] + SPEED_RIDGE * np.eye(design.shape[1])
    line = np.linalg.solve(gram, design[known].T @ np.log(seconds[known]))
    return np.where(np.isnan(seconds), np.exp(design @ line), seconds)


def _column(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
