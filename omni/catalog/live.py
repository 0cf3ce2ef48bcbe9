"""What providers say of models right now, and the catalog with those figures in place of the shipped ones."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import median
from typing import Any

from omni.catalog.load import Catalog
from omni.catalog.pricing import PricePair, median_price
from omni.types import ModelCard, Price, Speed


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """What one provider says of one model of the catalog. Unknown is None."""

    model_id: str
    provider: str
    """Who answers, for example "huggingface_novita": Novita, by way of Hugging Face's router."""
    as_of: date
    source: str
    """The address that said so, without a key."""
    is_live: bool = True
    """False when the provider says that it cannot serve the model at present."""
    price: PricePair | None = None
    context_tokens: int | None = None
    supports_tools: bool | None = None
    structured_output: bool | None = None
    input_modalities: frozenset[str] = frozenset()
    first_token_s: float | None = None
    tokens_per_s: float | None = None


def refreshed_catalog(catalog: Catalog, facts: Sequence[LiveFacts]) -> Catalog:
    """The catalog with prices, windows, abilities and speeds as of now.

    A model's reference price and speed become the medians over the providers that serve it now; models that nobody
    spoke of, and fields that nobody stated, keep the shipped figures. Scores are never touched.

    Args:
        catalog: The shipped one: facts are laid over it, not over an earlier refresh.
        facts: Of any models; those that the catalog does not know are left out.
    """
    by_model: dict[str, list[LiveFacts]] = defaultdict(list)
    for fact in facts:
        if fact.is_live:
            by_model[fact.model_id].append(fact)
    cards = tuple(_refreshed(card, by_model.get(card.model_id, ())) for card in catalog.models)
    if cards == catalog.models:
        return catalog
    changed = [card for card, shipped in zip(cards, catalog.models, strict=True) if card is not shipped]
    digest = hashlib.sha256("\n".join(map(_fingerprint, changed)).encode()).hexdigest()[:8]
    newest = max(fact.as_of for fact in facts)
    return replace(catalog, models=cards, version=f"{catalog.version}+{newest.isoformat()}-{digest}")


def live_price(facts: Iterable[LiveFacts]) -> PricePair | None:
    """The median price over the providers that serve a model now, None when none of them states one."""
    listed: dict[str, list[PricePair]] = defaultdict(list)
    for fact in facts:
        if fact.is_live and fact.price is not None:
            listed[fact.provider].append(fact.price)
    return median_price(listed)


def _refreshed(card: ModelCard, facts: Sequence[LiveFacts]) -> ModelCard:
    if not facts:
        return card
    changes: dict[str, Any] = {}
    if (price := live_price(facts)) is not None:
        changes["price_in_usd_per_mtok"], changes["price_out_usd_per_mtok"] = price
    changes |= _speed_fields(facts)
    stated = {
        "context_tokens": max((fact.context_tokens for fact in facts if fact.context_tokens), default=None),
        "supports_tools": _any_known(fact.supports_tools for fact in facts),
        "structured_output": _any_known(fact.structured_output for fact in facts),
        "input_modalities": frozenset().union(*(fact.input_modalities for fact in facts)) or None,
    }
    changes |= {name: value for name, value in stated.items() if value is not None}
    n_providers = len({fact.provider for fact in facts})
    source = f"{facts[0].source}, {n_providers} provider{'s' * (n_providers > 1)} ({facts[0].as_of})"
    return replace(
        card,
        **changes,
        prices=_merged_prices(card, facts),
        speeds=_merged_speeds(card, facts),
        price_basis="listed" if price is not None else card.price_basis,
        inherited=card.inherited - changes.keys(),
        sources={**card.sources, **dict.fromkeys(changes, source)},
    )


def _fingerprint(card: ModelCard) -> str:
    # a set's own order differs between processes
    return repr(replace(card, input_modalities=frozenset(), inherited=frozenset(), scores=())) + repr(
        (sorted(card.input_modalities), sorted(card.inherited))
    )


def _speed_fields(facts: Sequence[LiveFacts]) -> dict[str, float]:
    rates = [fact.tokens_per_s for fact in facts if fact.tokens_per_s is not None]
    firsts = [fact.first_token_s for fact in facts if fact.first_token_s is not None]
    fields = {}
    if rates:
        fields["output_tokens_per_s"] = median(rates)
    if firsts:
        fields["time_to_first_token_s"] = median(firsts)
    return fields


def _merged_prices(card: ModelCard, facts: Sequence[LiveFacts]) -> tuple[Price, ...]:
    live = [
        Price(
            provider=fact.provider,
            in_usd_per_mtok=fact.price.in_usd_per_mtok,
            out_usd_per_mtok=fact.price.out_usd_per_mtok,
            context_tokens=fact.context_tokens,
            as_of=fact.as_of,
            source=fact.source,
        )
        for fact in facts
        if fact.price is not None
    ]
    replaced = {price.provider for price in live}
    return (*(price for price in card.prices if price.provider not in replaced), *live)


def _merged_speeds(card: ModelCard, facts: Sequence[LiveFacts]) -> tuple[Speed, ...]:
    live = [
        Speed(
            provider=fact.provider,
            output_tokens_per_s=fact.tokens_per_s,
            time_to_first_token_s=fact.first_token_s,
            as_of=fact.as_of,
            source=fact.source,
        )
        for fact in facts
        if fact.tokens_per_s is not None or fact.first_token_s is not None
    ]
    replaced = {speed.provider for speed in live}
    return (*(speed for speed in card.speeds if speed.provider not in replaced), *live)


def _any_known(values: Iterable[bool | None]) -> bool | None:
    known = [value for value in values if value is not None]
    return any(known) if known else None
