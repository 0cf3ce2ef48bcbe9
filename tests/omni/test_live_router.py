"""Live figures change the next decision, and their going away brings the shipped ones back."""

from datetime import date

from omni.catalog.live import LiveFacts
from omni.catalog.pricing import PricePair
from omni.live_router import LiveRouter
from omni.router import Router
from omni.types import Conversation

PROMPT = Conversation.from_prompt("Sort a list of pairs by the second value in Rust.")


def _dear(model_id: str) -> LiveFacts:
    price = PricePair(500.0, 900.0)
    return LiveFacts(model_id=model_id, provider="p", as_of=date(2026, 11, 22), source="a listing", price=price)


def test_a_dearer_price_costs_a_model_the_choice(router: Router) -> None:
    """The price of this morning counts, under a catalog version of its own."""
    live = LiveRouter(router)
    before = live.route(PROMPT)
    live.refresh([_dear(before.chosen.model_id)])
    after = live.route(PROMPT)
    assert after.chosen.model_id != before.chosen.model_id
    assert after.catalog_version.startswith(f"{before.catalog_version}+2026-11-22-")
    assert live.catalog.get(before.chosen.model_id).price_in_usd_per_mtok == 500.0


def test_without_live_figures_the_shipped_ones_serve(router: Router) -> None:
    """A listing that is gone leaves nothing behind."""
    live = LiveRouter(router)
    live.refresh([_dear(router.route(PROMPT).chosen.model_id)])
    live.refresh([])
    assert live.catalog is router.catalog
    assert live.route(PROMPT).decision_id == router.route(PROMPT).decision_id
