"""What a listing says, and the catalog with those figures."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from omni.catalog import Catalog
from omni.catalog.live import LiveFacts, refreshed_catalog
from omni.catalog.pricing import PricePair
from omni.gateway import HUGGING_FACE, Answer, AnswerStatus, Gateway, OpenAIServer, Provider, Target, Usage
from omni.gateway.listing import is_omni, read_listing
from omni.types import Price
from tests.omni.cards import model_card
from tests.upstream import Upstream

TODAY = date(2026, 11, 22)
ENTRY: dict[str, Any] = {
    "id": "zai-org/GLM-4.6",
    "object": "model",
    "created": 1759000000,
    "owned_by": "zai-org",
    "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
    "providers": [
        {
            "provider": "novita",
            "status": "live",
            "context_length": 204800,
            "pricing": {"input": 0.6, "output": 2.2},
            "supports_tools": True,
            "supports_structured_output": False,
            "first_token_latency_ms": 820,
            "throughput": 61.5,
            "is_model_author": False,
        },
        {"provider": "zai-org", "status": "live", "pricing": {"input": 0.4, "output": 1.8}, "supports_tools": True},
        {"provider": "together", "status": "error", "pricing": {"input": 9.0, "output": 9.0}},
    ],
}
"""As Hugging Face's router lists a model."""


def a_catalog() -> Catalog:
    shipped = Price(
        provider="huggingface_novita",
        in_usd_per_mtok=5.0,
        out_usd_per_mtok=6.0,
        context_tokens=None,
        as_of=date(2026, 7, 2),
        source="shipped",
    )
    other = replace(shipped, provider="openrouter", in_usd_per_mtok=0.5)
    card = model_card("zai-org/GLM-4.6", prices=(shipped, other), structured_output=None)
    return Catalog(models=(model_card("a/other"), card), version="2026-11-22-abcdef01")


def facts_of(upstream: Upstream, *entries: Any) -> Gateway:
    """A gateway to a router that lists these."""
    upstream.models = entries or (ENTRY,)
    catalog = a_catalog()
    provider = Provider(name=HUGGING_FACE, base_url=upstream.base_url)
    ids = [card.model_id for card in catalog.models]
    gateway = Gateway([OpenAIServer(provider=provider)], ids, cards=catalog.models)
    asyncio.run(gateway.board.refresh())
    return gateway


def a_fact(**changes: Any) -> LiveFacts:
    fact = LiveFacts(model_id="zai-org/GLM-4.6", provider="huggingface_novita", as_of=TODAY, source="router")
    return replace(fact, **changes)


def test_each_provider_behind_the_router_is_read(upstream: Upstream) -> None:
    """Price, window, abilities and speeds, in the catalog's units and under its names."""
    novita, author, together = facts_of(upstream).board.facts
    assert (novita.provider, novita.price) == ("huggingface_novita", PricePair(0.6, 2.2))
    assert (novita.first_token_s, novita.tokens_per_s, novita.context_tokens) == (0.82, 61.5, 204800)
    assert (novita.supports_tools, novita.structured_output, novita.input_modalities) == (True, False, {"text"})
    assert (author.context_tokens, author.first_token_s, author.structured_output) == (None, None, None)
    assert (novita.is_live, together.is_live) == (True, False)


def test_a_live_figure_takes_the_place_of_the_shipped_one(upstream: Upstream) -> None:
    """Reference figures are medians over those who serve now, each with its source and day; scores stay."""
    catalog = a_catalog()
    card = refreshed_catalog(catalog, facts_of(upstream).board.facts).get("zai-org/GLM-4.6")
    assert (card.price_in_usd_per_mtok, card.price_out_usd_per_mtok) == (pytest.approx(0.5), pytest.approx(2.0))
    assert (card.context_tokens, card.structured_output, card.price_basis) == (204800, False, "listed")
    assert (card.output_tokens_per_s, card.time_to_first_token_s) == (61.5, 0.82)
    assert {price.provider: price.in_usd_per_mtok for price in card.prices} == {
        "openrouter": 0.5,
        "huggingface_novita": 0.6,
        "huggingface_zai-org": 0.4,
    }
    assert "/v1/models, 2 providers" in card.sources["price_in_usd_per_mtok"]
    assert card.scores == catalog.get("zai-org/GLM-4.6").scores


def test_what_nobody_spoke_of_stays_as_shipped() -> None:
    """Other models, fields that nobody stated, and the whole catalog without facts."""
    catalog = a_catalog()
    refreshed = refreshed_catalog(catalog, [a_fact(price=PricePair(1.0, 2.0))])
    assert refreshed.get("a/other") is catalog.get("a/other")
    assert refreshed.get("zai-org/GLM-4.6").output_tokens_per_s == 80.0
    assert refreshed_catalog(catalog, []) is catalog
    assert refreshed_catalog(catalog, [a_fact(model_id="un/known", price=PricePair(1.0, 2.0))]) is catalog


def test_the_version_says_which_facts_are_in() -> None:
    """The same facts give the same version, other facts another: a decision can be repeated."""
    catalog = a_catalog()
    one, same, other = (
        refreshed_catalog(catalog, [a_fact(price=PricePair(price, 2.0))]).version for price in (1.0, 1.0, 1.5)
    )
    assert one == same != other
    assert one.startswith("2026-11-22-abcdef01+2026-11-22-")


def test_a_model_that_nobody_can_serve_now_is_not_offered(upstream: Upstream) -> None:
    """All providers behind the router report an error: the listing is there, the model is not."""
    broken = {**ENTRY, "providers": [{"provider": "novita", "status": "error"}]}
    assert facts_of(upstream, broken).board.served_ids() is None


@pytest.mark.parametrize(
    "entry",
    [
        {**ENTRY, "providers": "many"},
        {**ENTRY, "providers": [{"provider": "x", "pricing": {"input": "cheap"}}]},
        {**ENTRY, "providers": [{"provider": "x", "pricing": {"input": -1, "output": 2}}]},
        {**ENTRY, "architecture": 7, "owned_by": ["?"]},
    ],
    ids=["providers", "price", "negative price", "architecture"],
)
def test_what_cannot_be_read_is_left_out(entry: dict[str, Any]) -> None:
    """The name is still of use."""
    (model,) = read_listing([entry])
    assert model.name == "zai-org/GLM-4.6"
    assert [offer for offer in model.offers if offer.provider == "x"] == []


@pytest.mark.parametrize("entry", [None, "name", 3, {}, {"id": ""}, {"id": 7}, {"id": "\ud83d"}])
def test_entries_without_a_name_are_passed_over(entry: Any) -> None:
    """The others count."""
    assert [model.name for model in read_listing([entry, {"id": "a"}])] == ["a"]


def test_a_price_of_nothing_is_unknown() -> None:
    """A promotion, or a figure that is missing: not a price of 0."""
    (model,) = read_listing([{"id": "a", "providers": [{"provider": "x", "pricing": {"input": 0, "output": 0}}]}])
    assert model.offers[0].price is None


def test_an_omni_is_known_by_its_list() -> None:
    """Its own names are signed."""
    assert is_omni(read_listing([{"id": "omni:fast", "owned_by": "omni"}, {"id": "a"}]))
    assert not is_omni(read_listing([{"id": "a", "owned_by": "library"}]))


def test_an_answer_costs_what_its_provider_asks(upstream: Upstream) -> None:
    """The one that answered where it is said, else the median of those who serve, else the card's price."""
    gateway = facts_of(upstream)
    card = a_catalog().get("zai-org/GLM-4.6")
    target = Target(model_id="zai-org/GLM-4.6", provider=HUGGING_FACE, served_name="zai-org/GLM-4.6")
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    answer = Answer(status=AnswerStatus.DONE, target=target, usage=usage, served_by="novita")

    def cost_usd(changed: Answer) -> float | None:
        cost = gateway.cost(changed, card)
        return None if cost is None else cost.cost_usd

    assert cost_usd(answer) == pytest.approx(0.6)
    assert cost_usd(replace(answer, served_by=None)) == pytest.approx(0.5)
    elsewhere = replace(answer, target=replace(target, provider="groq"))
    assert cost_usd(elsewhere) == pytest.approx(card.price_in_usd_per_mtok)
    assert cost_usd(replace(answer, usage=None)) is None


def test_figures_of_an_earlier_list_serve_while_a_newer_one_fails(upstream: Upstream) -> None:
    """The error is said, and nothing is lost."""
    gateway = facts_of(upstream)
    before = gateway.board.facts
    upstream.list_status = 500
    asyncio.run(gateway.board.refresh())
    (listing,) = gateway.board.listings
    assert "internal error" in (listing.error or "")
    assert (gateway.board.facts, gateway.board.served_ids()) == (before, {"zai-org/GLM-4.6"})
