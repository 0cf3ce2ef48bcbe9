"""What each recorded answer cost: as recorded, else tokens times price, else unknown; and on what the figures rest."""

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

CostBasis = Literal["recorded", "listed", "estimated", "mixed"]

DEFAULT_OUTPUT_TOKENS = 300.0
"""Length assumed for every answer when a recording knows prices and not one length: cost then follows price alone."""


class Costs(NamedTuple):
    """Filled matrices (n_prompts, n_models); NaN = unknown, and always where there is no score."""

    costs_usd: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    basis: CostBasis | None
    note: str


def fill_costs(figures: dict[str, np.ndarray], models: pd.DataFrame, estimated_input: np.ndarray | None) -> Costs:
    """Costs in USD per answer.

    In this order: the recorded cost_usd; tokens x price. Missing input tokens are the prompt's median over the models
    that recorded them, else the estimate from its text. Missing output tokens are the model's own mean, else the
    prompt's mean over the other models, else `DEFAULT_OUTPUT_TOKENS`; a cost that rests on one of these is counted as
    estimated.

    Args:
        figures: matrices by name, as read from outcomes.parquet.
        models: the pool with its prices, in the order of the columns.
        estimated_input: (n_prompts,) tokens estimated from the text; None when there is no text.
    """
    answered = ~np.isnan(figures["score"])
    recorded = figures["cost_usd"]
    tokens_in = _fill_input(figures["input_tokens"], estimated_input)
    tokens_out, assumed = _fill_output(figures["output_tokens"])
    price_in = models["price_in_usd_per_mtok"].to_numpy(float)
    price_out = models["price_out_usd_per_mtok"].to_numpy(float)
    priced = (tokens_in * price_in + tokens_out * price_out) / 1e6
    costs = np.where(answered, np.where(np.isnan(recorded), priced, recorded), np.nan)
    from_price = answered & np.isnan(recorded) & ~np.isnan(priced)
    price_estimated = (models["price_basis"] == "estimated").to_numpy()
    estimated = from_price & (price_estimated | np.isnan(figures["output_tokens"]))
    kinds: list[CostBasis] = []
    if (answered & ~np.isnan(recorded)).any():
        kinds.append("recorded")
    if (from_price & ~estimated).any():
        kinds.append("listed")
    if estimated.any():
        kinds.append("estimated")
    note = ""
    if assumed and from_price.any():
        note = f"Answer lengths are unknown: costs assume {DEFAULT_OUTPUT_TOKENS:.0f} output tokens an answer."
    basis: CostBasis | None = kinds[0] if len(kinds) == 1 else "mixed" if kinds else None
    return Costs(costs, np.where(answered, tokens_in, np.nan), np.where(answered, tokens_out, np.nan), basis, note)


def _fill_input(known: np.ndarray, estimated: np.ndarray | None) -> np.ndarray:
    per_prompt = np.full(len(known), np.nan) if estimated is None else np.asarray(estimated, dtype=float)
    some = ~np.isnan(known).all(axis=1)
    if some.any():
        per_prompt = per_prompt.copy()
        per_prompt[some] = np.nanmedian(known[some], axis=1)
    return np.where(np.isnan(known), per_prompt[:, None], known)


def _fill_output(known: np.ndarray) -> tuple[np.ndarray, bool]:
    """The filled output tokens, and whether nothing at all was known and the default stands everywhere."""
    if np.isnan(known).all():
        return np.full(known.shape, DEFAULT_OUTPUT_TOKENS), True
    by_model = _nanmean(known, axis=0)
    by_prompt = _nanmean(known, axis=1)
    by_prompt = np.where(np.isnan(by_prompt), np.nanmean(known), by_prompt)
    fallback = np.where(np.isnan(by_model)[None, :], by_prompt[:, None], by_model[None, :])
    return np.where(np.isnan(known), fallback, known), False


def _nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    known = ~np.isnan(values)
    n_known = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
