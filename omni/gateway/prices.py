"""What an answer cost, at the catalog price that decisions are made with."""

from dataclasses import dataclass

from omni.gateway.messages import Usage
from omni.types import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualCost:
    """US dollars for one answer."""

    cost_usd: float
    is_estimated: bool
    """True when the tokens or the price are estimates."""


def actual_cost(card: ModelCard | None, usage: Usage | None) -> ActualCost | None:
    """Tokens times the model's reference price.

    Returns:
        None when the tokens or the price are unknown.
    """
    if card is None or usage is None:
        return None
    price_in, price_out = card.price_in_usd_per_mtok, card.price_out_usd_per_mtok
    if price_in is None or price_out is None:
        return None
    cost = (usage.input_tokens * price_in + usage.output_tokens * price_out) / 1e6
    return ActualCost(cost_usd=cost, is_estimated=usage.is_estimated or card.price_basis != "listed")
