"""What servers answer when they are asked for their models; the edge where that is checked.

All of them send `data[].id`. Some add more: Hugging Face's router a list of providers with prices, llama.cpp the
number of parameters, vLLM the window. What cannot be read is left out, entry by entry: the rest is still of use.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omni.catalog.live import LiveFacts
from omni.catalog.pricing import PricePair

MAX_USD_PER_MTOK = 1000.0
"""A higher price is a slip of units."""
OWNER_OF_OMNI = "omni"
"""Who owns the names that an Omni lists beside its models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider behind a served model, as Hugging Face's router lists them. Unknown is None."""

    provider: str
    is_live: bool = True
    price: PricePair | None = None
    context_tokens: int | None = None
    supports_tools: bool | None = None
    structured_output: bool | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """One model that a server lists."""

    name: str
    owned_by: str | None = None
    params_b: float | None = None
    """Billions of parameters, where the server counted them."""
    input_modalities: frozenset[str] = frozenset()
    offers: tuple[Offer, ...] = ()

    @property
    def is_live(self) -> bool:
        """False when the server says that none of those behind it can answer."""
        return not self.offers or any(offer.is_live for offer in self.offers)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class _Pricing(_Lenient):
    input: float | None = Field(default=None, ge=0, le=MAX_USD_PER_MTOK)
    output: float | None = Field(default=None, ge=0, le=MAX_USD_PER_MTOK)


class _Offer(_Lenient):
    provider: str
    status: str | None = None
    context_length: int | None = Field(default=None, gt=0)
    pricing: _Pricing | None = None
    supports_tools: bool | None = None
    supports_structured_output: bool | None = None
    first_token_latency_ms: float | None = Field(default=None, ge=0)
    throughput: float | None = Field(default=None, ge=0)


class _Architecture(_Lenient):
    input_modalities: list[str] = []


class _Meta(_Lenient):
    n_params: float | None = Field(default=None, gt=0)


class _Entry(_Lenient):
    id: str = Field(min_length=1)
    owned_by: str | None = None
    architecture: _Architecture | None = None
    meta: _Meta | None = None


def read_listing(entries: Iterable[Any]) -> tuple[ServedModel, ...]:
    """The models of a listing, in its order.

    Args:
        entries: The decoded items of `data`.
    """
    return tuple(model for entry in entries if (model := _read_entry(entry)) is not None)


def to_facts(model_id: str, served: ServedModel, *, prefix: str, as_of: date, source: str) -> tuple[LiveFacts, ...]:
    """What a server says of a catalog model, one value a provider behind it.

    Args:
        prefix: What the catalog puts before the names of these providers, for example "huggingface".
    """
    return tuple(
        LiveFacts(
            model_id=model_id,
            provider=f"{prefix}_{offer.provider}",
            as_of=as_of,
            source=source,
            is_live=offer.is_live,
            price=offer.price,
            context_tokens=offer.context_tokens,
            supports_tools=offer.supports_tools,
            structured_output=offer.structured_output,
            input_modalities=served.input_modalities,
            first_token_s=offer.first_token_s,
            tokens_per_s=offer.tokens_per_s,
        )
        for offer in served.offers
    )


def is_omni(models: Iterable[ServedModel]) -> bool:
    """Whether the listing is an Omni's own: asking it would be asking ourselves."""
    return any(model.owned_by == OWNER_OF_OMNI for model in models)


def _read_entry(entry: Any) -> ServedModel | None:
    read: _Entry | None
    try:
        read = _Entry.model_validate(entry)
    except ValidationError:
        read = _bare(entry)
    if read is None:
        return None
    listed = entry.get("providers")
    offers = [_read_offer(offer) for offer in listed] if isinstance(listed, list) else []
    return ServedModel(
        name=read.id,
        owned_by=read.owned_by,
        params_b=read.meta.n_params / 1e9 if read.meta and read.meta.n_params else None,
        input_modalities=frozenset(read.architecture.input_modalities if read.architecture else ()),
        offers=tuple(offer for offer in offers if offer is not None),
    )


def _bare(entry: Any) -> _Entry | None:
    """The name alone, for an entry whose other fields make no sense."""
    try:
        return _Entry(id=entry["id"])
    except (ValidationError, LookupError, TypeError):
        return None


def _read_offer(entry: Any) -> Offer | None:
    try:
        read = _Offer.model_validate(entry)
    except ValidationError:
        return None
    price = None
    if read.pricing and read.pricing.input and read.pricing.output:
        # a price of 0 is a promotion or missing
        price = PricePair(read.pricing.input, read.pricing.output)
    return Offer(
        provider=read.provider,
        is_live=read.status in (None, "live"),
        price=price,
        context_tokens=read.context_length,
        supports_tools=read.supports_tools,
        structured_output=read.supports_structured_output,
        first_token_s=read.first_token_latency_ms / 1000 if read.first_token_latency_ms else None,
        tokens_per_s=read.throughput or None,
    )
