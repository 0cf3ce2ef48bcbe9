"""Which router a visitor's chat is on."""

import asyncio
import copy
from dataclasses import replace
from typing import Any

import pytest

from omni.explain import explain
from omni.gateway import Question
from omni.live_router import LiveRouter
from omni.router import Router
from omni.shelf import RouterShelf
from omni.types import Conversation, Preferences
from omni.ui import text
from omni.ui.compare import decide_side
from omni.ui.routers import chip_html, on_back, on_router, on_use
from omni.ui.sending import on_send
from omni.ui.services import Services
from omni.ui.turns import Turn
from omni.ui.views import candidate_table
from omni.ui.visits import Visit
from omni.ui.why import on_show, on_what_if
from omni.ui.wishes import Wishes, slider_points
from tests.omni.fitted_routers import MODEL_IDS, a_fitted_router, recorded_prompts
from tests.omni.ui.builders import CALLER, FakeServer, fake_services

TITLE = "Fitted on toys, 60 prompts"


def _services(router: Router, *servers: FakeServer, size: int = 8) -> Services:
    """Services over the shipped router and an empty shelf."""
    fakes = fake_services(*servers)
    services = replace(
        fakes,
        router=LiveRouter(router),
        explain=explain,
        shelf=RouterShelf(router.catalog, router.reader, router.rules, size=size, on_models=fakes.gateway.also_know),
    )
    asyncio.run(services.gateway.board.refresh())
    return services


def _send(services: Services, key: str | None, prompt: str = "What is 12 plus 30? Give the number only.") -> Any:
    points = slider_points("balanced")
    wishes = Wishes("balanced", points.cost, points.speed, None, "", "", router_key=key)
    message = {"text": prompt, "files": []}
    return asyncio.run(on_send(message, [], Visit(), None, *wishes, caller=CALLER, services=services))


def _put(services: Services, **options: Any) -> str:
    assert services.shelf is not None
    return services.shelf.put(a_fitted_router(), **options)


def test_the_chip_names_the_default_and_the_visitors_router(router: Router) -> None:
    """Only the visitor's own has a way back; fingerprint and date are in the tooltip."""
    services = _services(router)
    key = _put(services)
    first = asyncio.run(on_router(None, services=services))
    assert "Router: Public benchmarks" in first.chip
    assert first.back["visible"] is False
    used = asyncio.run(on_use(key, services=services))
    assert f"Router: {TITLE}" in used.chip
    assert f"{a_fitted_router().quality.version} 2026-11-28" in used.chip
    assert (used.key, used.back["visible"], used.tabs["selected"]) == (key, True, "chat")
    back = asyncio.run(on_back(services=services))
    assert (back.key, back.back["visible"]) == (None, False)


def test_without_a_key_nothing_changes(router: Router) -> None:
    """A fit that was stopped or failed leaves the chat as it was."""
    update = asyncio.run(on_use(None, services=_services(router)))
    assert all("__type__" in value and len(value) == 1 for value in update)


def test_a_router_that_is_no_longer_kept_becomes_the_default(router: Router) -> None:
    """The chip says so, and decisions go on."""
    services = _services(router, size=1)
    key = _put(services)
    assert services.shelf is not None
    services.shelf.put(a_fitted_router(name="newer"))
    assert asyncio.run(on_router(key, services=services)).key is None
    turn = _send(services, key).turn
    assert turn.decision.router.source == "public"
    assert turn.notes == (text.ROUTER_GONE,)


def test_what_if_of_a_lost_router_says_so(router: Router) -> None:
    """It does not compare with what another router would choose."""
    services = _services(router, size=1)
    turn = _send(services, _put(services)).turn
    assert services.shelf is not None
    services.shelf.put(a_fitted_router(name="newer"))
    assert text.ROUTER_GONE in asyncio.run(on_what_if("quality", turn, caller=CALLER, services=services))


def test_a_comparison_uses_the_visitors_router(router: Router) -> None:
    """Both for the router's side and for the figures expected of a named model."""
    services = _services(router)
    key = _put(services)
    question = Question(conversation=Conversation.from_prompt("What is 12 plus 30? Give the number only."))
    for choice in ("router:balanced", MODEL_IDS[1]):
        side = asyncio.run(decide_side(choice, question, "standard", CALLER, services, key))
        assert side.turn.decision is not None
        assert side.turn.decision.router.title == TITLE


def test_a_visitor_decides_by_the_router_of_their_key_alone(router: Router) -> None:
    """Without a server too; the state that is kept is a short string and deep-copies."""
    services = _services(router)
    key = _put(services, texts=recorded_prompts())
    turn: Turn = copy.deepcopy(_send(services, key).turn)
    assert turn.decision is not None
    assert turn.decision.router.title == TITLE
    assert turn.router_key == key
    assert _send(services, None).turn.decision.router.source == "public"


def test_why_shows_what_was_recorded(router: Router) -> None:
    """The sentence, the parts of both models, and the nearest prompts with their text, escaped."""
    services = _services(router)
    texts = dict.fromkeys(recorded_prompts(), "Is 1 < 2 & so on?")
    turn = _send(services, _put(services, texts=texts)).turn
    why = asyncio.run(on_show(turn, services=services)).why
    assert "On the 60 most similar prompts Qwen3-8B scored " in why
    assert text.PARTS_TITLE in why
    assert text.NEAREST_TITLE in why
    assert "Is 1 &lt; 2 &amp; so on?" in why
    assert "<td>sums</td>" in why


def test_what_if_asks_the_same_router(router: Router) -> None:
    """Another preset of the fitted router, not of the default."""
    services = _services(router)
    turn = _send(services, _put(services)).turn
    html = asyncio.run(on_what_if("quality", turn, caller=CALLER, services=services))
    assert any(model_id.rpartition("/")[2] in html for model_id in MODEL_IDS)
    assert "The same model would answer" in html or "would answer:" in html


@pytest.mark.parametrize(
    ("names", "offered"), [(("Qwen/Qwen3-8B", "unlisted/Own-9B"), 2), (("zai-org/GLM-4.6", "x/y"), 1)]
)
def test_models_that_no_server_offers_are_marked(router: Router, names: tuple[str, ...], offered: int) -> None:
    """Counted beside the chip, and below the candidates; a model that only the pool has is recognised by its name."""
    catalog_ids = [card.model_id for card in router.catalog.models]
    server = FakeServer(names=names)
    services = _services(router, server)
    services.gateway.board._catalog_ids = frozenset(catalog_ids)
    asyncio.run(services.gateway.board.refresh())
    key = _put(services)
    assert f"{offered} of 3 models offered" in chip_html(key, services)
    live = services.find_router(key)
    decision = live.route(
        _send(services, key).turn.question.conversation, Preferences(), conditions=services.gateway.conditions()
    )
    table = candidate_table(decision)
    assert len(table) == 3
    assert sum(name.endswith(text.NOT_OFFERED) for name in table["Model"]) == 3 - offered


def test_where_no_model_is_offered_the_chat_says_what_to_do(router: Router) -> None:
    """One sentence that names the router."""
    services = _services(router, FakeServer(names=("openai/gpt-oss-120b",)))
    services.gateway.board._catalog_ids = frozenset(card.model_id for card in router.catalog.models)
    asyncio.run(services.gateway.board.refresh())
    shown = _send(services, _put(services)).chatbot[-1]["content"]
    assert text.NONE_OFFERED.format(title=TITLE) in shown
