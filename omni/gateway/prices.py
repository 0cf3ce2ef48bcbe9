"""What an answer cost: at the provider's own price where it states one, else at the catalog's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omni.catalog.live import LiveFacts, live_price
from omni.catalog.pricing import PricePair
from omni.gateway.messages import Target, Usage
from omni.types import ModelCard

TYPICAL_OUTPUT_TOKENS = 500
"""Of an answer that nobody has estimated."""
FREE = PricePair(0.0, 0.0)
"""On a server that was found on this machine nobody is paid for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualCost:
    """US dollars for one answer."""

    cost_usd: float
    is_estimated: bool
    """True when the tokens or the price are estimates."""


def actual_cost(card: ModelCard | None, usage: Usage | None, *, price: PricePair | None = None) -> ActualCost | None:
    """Tokens times the price.

    Args:
        price: What the provider that answered asks for; None = the model's reference price.

    Returns:
        None when the tokens or the price are unknown.
    """
    if usage is None:
        return None
    if price is not None:
        return ActualCost(cost_usd=_cost_usd(price, usage), is_estimated=usage.is_estimated)
    if card is None or card.price_in_usd_per_mtok is None or card.price_out_usd_per_mtok is None:
        return None
    reference = PricePair(card.price_in_usd_per_mtok, card.price_out_usd_per_mtok)
    is_estimated = usage.is_estimated or card.price_basis != "listed"
    return ActualCost(cost_usd=_cost_usd(reference, usage), is_estimated=is_estimated)


def provider_price(facts: Sequence[LiveFacts], served_by: str | None = None) -> PricePair | None:
    """What a provider asks for a model now.

    Args:
        facts: Its own, of this model: one a provider behind it.
        served_by: Which of those answered; None = not said, and their median counts.

    Returns:
        None when nobody states a price.
    """
    named = [fact for fact in facts if served_by is not None and fact.provider.endswith(f"_{served_by}")]
    exact = next((fact.price for fact in named if fact.price is not None), None)
    return exact or live_price(facts)


def expected_cost_usd(price: PricePair | None, input_tokens: int, output_tokens: float | None = None) -> float | None:
    """What one more answer would cost, None without a price; `output_tokens` None = a typical answer."""
    if price is None:
        return None
    output_tokens = TYPICAL_OUTPUT_TOKENS if output_tokens is None else output_tokens
    return (input_tokens * price.in_usd_per_mtok + output_tokens * price.out_usd_per_mtok) / 1e6


def blended_usd(price: PricePair) -> float:
    """One figure to order prices by: US dollars for a million tokens, three read for one written."""
    return (3 * price.in_usd_per_mtok + price.out_usd_per_mtok) / 4


PriceOf = Callable[[Target], PricePair | None]


def _cost_usd(price: PricePair, usage: Usage) -> float:
    return (usage.input_tokens * price.in_usd_per_mtok + usage.output_tokens * price.out_usd_per_mtok) / 1e6
