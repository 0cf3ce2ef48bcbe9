"""The models of a recording as a catalog: what the shipped catalog says of them, else what their names and sizes do."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from omni.catalog.load import Catalog
from omni.types import OUTPUT_RESERVE_TOKENS, UNKNOWN_WINDOW_TOKENS, ModelCard, PriceBasis

_PRICE_FIELDS = ("price_in_usd_per_mtok", "price_out_usd_per_mtok")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolModel:
    """One model of a recording, as the recording names it. Unknown is None."""

    name: str
    model_id: str | None
    """Hub id."""
    params_total_b: float | None
    price_in_usd_per_mtok: float | None
    price_out_usd_per_mtok: float | None
    price_basis: str | None
    longest_input_tokens: int | None
    """Of the prompts that it has a score for."""


def candidate_ids(models: Sequence[PoolModel]) -> tuple[str, ...]:
    """What each model is called as a candidate: its Hub id, or its name where two share one or it has none."""
    ids = [model.model_id for model in models]
    names = {model.name for model in models}
    return tuple(
        model.model_id
        if model.model_id and ids.count(model.model_id) == 1 and (model.model_id not in names - {model.name})
        else model.name
        for model in models
    )


def pool_catalog(models: Sequence[PoolModel], catalog: Catalog) -> Catalog:
    """A catalog of exactly these models, at the recording's prices where it states them.

    Args:
        catalog: the shipped one, for what is public of the models.
    """
    cards = [
        _card(model, candidate_id, catalog.find(model.model_id or candidate_id))
        for model, candidate_id in zip(models, candidate_ids(models), strict=True)
    ]
    digest = hashlib.sha256(repr(sorted(map(repr, models))).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return replace(
        catalog,
        models=tuple(sorted(cards, key=lambda card: card.model_id)),
        version=f"{catalog.version}+pool-{digest}",
    )


def _card(model: PoolModel, candidate_id: str, known: ModelCard | None) -> ModelCard:
    card = _unlisted_card(model, candidate_id) if known is None else known
    if card.model_id != candidate_id:  # one of several ways in which the pool runs a model
        card = replace(
            card, model_id=candidate_id, display_name=model.name, variant_of=card.variant_of or card.model_id
        )
    if model.price_in_usd_per_mtok is not None and model.price_out_usd_per_mtok is not None:
        card = replace(
            card,
            price_in_usd_per_mtok=model.price_in_usd_per_mtok,
            price_out_usd_per_mtok=model.price_out_usd_per_mtok,
            price_basis=cast(PriceBasis, model.price_basis or "listed"),
            sources={**card.sources, **dict.fromkeys(_PRICE_FIELDS, "the recording")},
        )
    window = (model.longest_input_tokens or 0) + OUTPUT_RESERVE_TOKENS
    if window > (card.context_tokens or UNKNOWN_WINDOW_TOKENS):
        sources = {**card.sources, "context_tokens": "the longest recorded prompt"}
        card = replace(card, context_tokens=window, sources=sources)
    # what was recorded to answer may be asked
    return card if card.role in ("chat", "code", "vision") else replace(card, role="chat")


def _unlisted_card(model: PoolModel, candidate_id: str) -> ModelCard:
    """A model that the catalog lacks: its name and size are all that is known."""
    return ModelCard(
        model_id=candidate_id,
        owner=candidate_id.split("/")[0] if "/" in candidate_id else "",
        family=None,
        display_name=model.name,
        license=None,
        release_date=None,
        params_total_b=model.params_total_b,
        params_active_b=None,
        context_tokens=None,
        max_output_tokens=None,
        input_modalities=frozenset({"text"}),
        supports_tools=None,
        supports_reasoning=None,
        structured_output=None,
        role="chat",
        variant_of=None,
        in_huggingchat=False,
        price_in_usd_per_mtok=None,
        price_out_usd_per_mtok=None,
        price_basis=None,
        prices=(),
        scores=(),
        speeds=(),
        output_tokens_per_s=None,
        time_to_first_token_s=None,
        inherited=frozenset(),
        sources={},
    )
