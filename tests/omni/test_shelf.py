"""Fitted routers that visitors switch to: few, shared, refreshed."""

from datetime import date

import pytest

from omni.catalog.live import LiveFacts
from omni.catalog.pricing import PricePair
from omni.errors import InputError
from omni.router import Router
from omni.shelf import RouterShelf
from omni.types import Conversation, ModelCard
from tests.omni.fitted_routers import MODEL_IDS, a_fitted_router, recorded_prompts

SUM = Conversation.from_prompt("What is 12 plus 30? Give the number only.")


@pytest.fixture
def shelf(router: Router) -> RouterShelf:
    return RouterShelf(router.catalog, router.reader, router.rules, size=2)


def test_a_router_is_found_under_its_key_and_decides_among_its_models(shelf: RouterShelf) -> None:
    """The same router has the same key; the decision names it."""
    key = shelf.put(a_fitted_router())
    assert shelf.put(a_fitted_router()) == key
    live = shelf.find(key)
    assert live is not None
    decision = live.route(SUM)
    assert sorted(decision.scores.model_ids) == sorted(MODEL_IDS)
    assert decision.chosen.model_id == "Qwen/Qwen3-8B"
    assert decision.router.title == "Fitted on toys, 60 prompts"


def test_the_least_recently_used_goes_first(shelf: RouterShelf) -> None:
    """A router that was asked for stays longer than an older one."""
    first, second = (shelf.put(a_fitted_router(name=name)) for name in ("one", "two"))
    assert shelf.find(first) is not None
    third = shelf.put(a_fitted_router(name="three"))
    assert [shelf.find(key) is not None for key in (first, second, third)] == [True, False, True]
    assert shelf.find(None) is None


def test_texts_stay_with_their_router(shelf: RouterShelf) -> None:
    """Evidence shows them where the recording had them."""
    live = shelf.find(shelf.put(a_fitted_router(), texts=recorded_prompts()))
    assert live is not None
    evidence = live.evidence(live.route(SUM))
    assert evidence is not None
    assert evidence.nearest[0].text in recorded_prompts().values()


def test_live_prices_reach_every_router_also_later_ones(shelf: RouterShelf) -> None:
    """The learned cost moves with the price, whether the facts come before or after the router."""
    price = PricePair(10.0, 10.0)
    fact = LiveFacts(model_id=MODEL_IDS[0], provider="p", as_of=date(2026, 11, 22), source="a listing", price=price)
    early = shelf.find(shelf.put(a_fitted_router(name="early")))
    assert early is not None
    before = _cost(early.route(SUM))
    shelf.refresh([fact])
    late = shelf.find(shelf.put(a_fitted_router(name="late")))
    assert late is not None
    assert _cost(early.route(SUM)) == pytest.approx(100 * before)
    assert _cost(late.route(SUM)) == pytest.approx(100 * before)


def _cost(decision) -> float:
    cost = decision.candidates[decision.scores.model_ids.index(MODEL_IDS[0])].cost_usd
    assert cost is not None
    return cost


def test_the_models_of_all_routers_are_told(router: Router) -> None:
    """So that a server that offers one of them is recognised."""
    told: list[ModelCard] = []
    shelf = RouterShelf(router.catalog, router.reader, on_models=lambda cards: told.extend(cards))
    shelf.put(a_fitted_router())
    assert {card.model_id for card in told} == set(MODEL_IDS)


def test_features_of_another_reader_are_refused(shelf: RouterShelf) -> None:
    """The sentence says what to do."""
    with pytest.raises(InputError, match="fit it again with"):
        shelf.put(a_fitted_router(fingerprint="another"))
