"""Callbacks of the why panel, comparison and models, and the page as a whole."""

import asyncio
import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from omni.errors import InputError, ProviderError
from omni.gateway import Provider, Question
from omni.learning import FeedbackBoard
from omni.references import ReferenceChoice
from omni.store import open_store
from omni.types import Conversation
from omni.ui import build_page, text
from omni.ui.answering import AnswerUpdate, on_answer
from omni.ui.boundary import bind, to_visitor_error
from omni.ui.compare import CompareUpdate, VoteUpdate, on_compare, on_vote, side_choices
from omni.ui.judging import LikeUpdate
from omni.ui.models import on_filter, on_select
from omni.ui.page import ExtraTab, footer_html, on_status, status_html
from omni.ui.sending import SendUpdate
from omni.ui.services import Services
from omni.ui.theme import build_theme
from omni.ui.turns import Turn
from omni.ui.why import WhyUpdate, on_show, on_what_if, on_why_not
from tests.omni.ui.builders import CALLER, MODEL_IDS, FakeServer, a_decision, an_explanation, fake_services

DECISION = a_decision()
TURN = Turn(
    question=Question(conversation=Conversation.from_prompt("Hi")),
    decision=DECISION,
    explanation=an_explanation(DECISION),
)


def _connected(*servers: FakeServer) -> Services:
    services = fake_services(*servers)
    asyncio.run(services.gateway.board.refresh())
    return services


def _build(services: Services, extra_tabs: Sequence[ExtraTab] = ()) -> gr.Blocks:
    """A page made inside a running loop: outside one, gradio opens a loop that nobody closes."""

    async def build() -> gr.Blocks:
        return build_page(services, extra_tabs)

    return asyncio.run(build())


def _compare(services: Services, left: str, right: str, prompt: str = "Hi") -> CompareUpdate:
    async def last() -> CompareUpdate:
        stream = on_compare(prompt, left, right, "standard", caller=CALLER, services=services)
        return [update async for update in stream][-1]

    return asyncio.run(last())


def test_the_why_panel_shows_a_decision() -> None:
    """Every part is filled."""
    update = asyncio.run(on_show(TURN, services=_connected(FakeServer())))
    assert MODEL_IDS[0] in update.why
    assert update.reading["visible"] is True
    assert len(update.candidates) == len(MODEL_IDS)


def test_the_why_panel_is_empty_before_the_first_decision() -> None:
    """The panel says what it is for."""
    update = asyncio.run(on_show(Turn(), services=_connected(FakeServer())))
    assert text.WHY_EMPTY in update.why
    assert update.details["visible"] is False


def test_a_refusal_lists_no_candidates() -> None:
    """Nobody was asked, so nobody is ranked."""
    turn = replace(TURN, decision=replace(DECISION, action="refuse", message="No."))
    assert asyncio.run(on_show(turn, services=_connected(FakeServer()))).details["visible"] is False


def test_a_new_decision_clears_the_preset_of_what_if() -> None:
    """The table below it is of the new prompt."""
    assert asyncio.run(on_show(TURN, services=_connected(FakeServer()))).preset is None


def test_why_not_searches_the_decision() -> None:
    """A name gives its reason."""
    assert "ranked 2" in asyncio.run(on_why_not("beta", TURN))


def test_what_if_decides_again_without_asking_a_model() -> None:
    """Another preset's choice is shown; no server is asked."""
    server = FakeServer()
    html = asyncio.run(on_what_if("cheap", TURN, caller=CALLER, services=_connected(server)))
    assert "Gamma-3B would answer" in html
    assert server.asked == []


def test_other_policies_choices_are_shown_with_our_figures() -> None:
    """A model that is a candidate here has its figures and place, another one dashes."""
    choices = (
        ReferenceChoice(policy="Old", route="code", model_id=MODEL_IDS[1], is_candidate=True),
        ReferenceChoice(policy="New", route="default", model_id="gone/away", is_candidate=False),
    )
    services = replace(_connected(FakeServer()), references=lambda _: choices)
    html = asyncio.run(on_show(TURN, services=services)).what_if
    assert "<td>2</td>" in html
    assert "away</code></td><td>—</td>" in html


def test_both_sides_answer() -> None:
    """The router on one side, a fixed model on the other, each with its figures."""
    server = FakeServer()
    update = _compare(_connected(server), "router:balanced", MODEL_IDS[1])
    assert (update.left_answer, update.right_answer) == ("Forty-two.", "Forty-two.")
    assert MODEL_IDS[0] in update.left_facts
    assert MODEL_IDS[1] in update.right_facts
    assert "20 tokens" in update.right_facts
    assert sorted(name for name, _ in server.asked) == sorted(MODEL_IDS[:2])


def test_without_a_provider_comparison_shows_expected_figures() -> None:
    """Two decisions, no answers."""
    update = _compare(fake_services(), "router:balanced", "router:cheap")
    assert text.COMPARE_NO_PROVIDER in update.left_answer
    assert MODEL_IDS[0] in update.left_facts
    assert MODEL_IDS[2] in update.right_facts
    assert "expected" in update.right_facts


def test_comparison_needs_a_prompt() -> None:
    """An empty prompt is refused."""
    with pytest.raises(InputError):
        _compare(fake_services(), "router:balanced", "router:cheap", " ")


def test_the_choices_are_the_router_and_every_model() -> None:
    """Four presets first, then the models."""
    values = [value for _, value in side_choices(fake_services())]
    assert values[0] == "router:balanced"
    assert values[4:] == sorted(MODEL_IDS)


def test_the_models_table_filters() -> None:
    """The count says how many are left."""
    update = asyncio.run(on_filter("beta", "", "", 0.0, [], services=fake_services()))
    assert list(update.table["Model"]) == [MODEL_IDS[1]]
    assert "1 of 3" in update.summary


def test_selecting_a_row_shows_its_card() -> None:
    """The first cell of the row names the model."""
    data = gr.SelectData(None, {"index": [0, 3], "value": 1, "row_value": [MODEL_IDS[1], 1]})
    assert MODEL_IDS[1] in asyncio.run(on_select(data, services=fake_services()))


def test_the_status_names_what_is_connected() -> None:
    """No server, a server with catalog models, a server with unknown names, a server that fails."""

    class DownServer(FakeServer):
        async def list_models(self) -> tuple[str, ...]:
            raise ProviderError("fake cannot be reached.")

    assert text.STATUS_NONE in status_html(fake_services())
    assert "3 catalog models ready" in status_html(_connected(FakeServer()))
    assert "none in the catalog" in status_html(_connected(FakeServer(names=("x",))))
    assert "cannot be reached" in status_html(_connected(DownServer()))


def test_unknown_served_names_are_offered() -> None:
    """They appear as a choice only when the catalog knows none."""
    update = asyncio.run(on_status(services=_connected(FakeServer(names=("b", "a")))))
    assert (update.served["choices"], update.served["value"], update.served["visible"]) == (["a", "b"], "a", True)
    known = asyncio.run(on_status(services=_connected(FakeServer())))
    assert known.served["visible"] is False


def test_the_footer_credits_sources_and_says_what_is_not_kept() -> None:
    """Versions, attributions and the storage note."""
    services = fake_services()
    note = Services(
        router=services.router,
        gateway=services.gateway,
        explain=services.explain,
        storage_note="Figures are not kept: locked by PID 7",
    )
    html = footer_html(note)
    versions = (
        "2026-11-22-abcdef01",
        "Router: Public benchmarks (fingerprint 0f1e2d3c).",
        "12 prompts &lt;of ours&gt;",
    )
    for words in (*versions, "Example Board", "CC-BY-4.0", "PID 7", "never stored"):
        assert words in html


def test_errors_are_words() -> None:
    """Gradio shows an error's text as HTML."""
    error = to_visitor_error(InputError("no <img src='http://x'> here"))
    assert error.message == "no &lt;img src=&#x27;http://x&#x27;&gt; here"


def test_unexpected_errors_become_one_plain_sentence() -> None:
    """The visitor does not read a traceback or a value."""

    async def handler() -> None:
        raise RuntimeError("secret")

    with pytest.raises(gr.Error, match="logged") as caught:
        asyncio.run(bind(handler)())
    assert "secret" not in str(caught.value)


def test_the_page_builds_and_every_output_is_wired() -> None:
    """Each bound handler returns as many values as it has outputs."""
    opened: list[str] = []
    page = _build(fake_services(), [("Extra", lambda _: opened.append("Extra"))])
    assert opened == ["Extra"]
    widths: dict[str, int] = {"on_show": len(WhyUpdate._fields), "on_compare": len(CompareUpdate._fields)}
    widths |= {"on_vote": len(VoteUpdate._fields), "on_like": len(LikeUpdate._fields), "on_open": 4}
    names: dict[str, Any] = {}
    for listener in page.fns.values():
        names.setdefault(listener.name, len(listener.outputs))
    assert {name: names[name] for name in widths} == widths
    assert {names[name] for name in ("on_send", "on_retry", "on_trim", "on_another")} == {len(SendUpdate._fields)}
    assert names["on_answer"] == names["on_stop"] == len(AnswerUpdate._fields)


def test_no_listener_is_a_public_endpoint() -> None:
    """The page's events are not offered as an API."""
    page = _build(fake_services())
    assert {listener.api_visibility for listener in page.fns.values()} == {"private"}


def test_the_theme_loads_nothing_from_outside() -> None:
    """Fonts come with gradio."""
    assert build_theme()._stylesheets == []


def test_a_vote_counts_for_both_models_once(tmp_path: Path) -> None:
    """Kept with the other model and the lengths; a second press does nothing."""
    board = FeedbackBoard()
    with open_store(tmp_path / "votes.duckdb") as store:
        services = replace(_connected(FakeServer()), store=store, feedback=board)
        update = _compare(services, "router:balanced", MODEL_IDS[1])
        assert update.votes["visible"] is True
        voted = asyncio.run(on_vote(update.pair, value=1.0, caller=CALLER, services=services))
        assert text.THANKS_VOTE in voted.note
        assert voted.pair is None
        asyncio.run(on_vote(voted.pair, value=0.0, caller=CALLER, services=services))
        rows = store.read("SELECT kind, model_id, other_model_id, value FROM feedback").values.tolist()
    assert rows == [["vote", MODEL_IDS[0], MODEL_IDS[1], 1.0]]
    assert board.n_voices() == 2


def test_one_model_on_both_sides_is_nothing_to_vote_on() -> None:
    """The buttons stay hidden."""
    assert _compare(_connected(FakeServer()), MODEL_IDS[1], MODEL_IDS[1]).votes["visible"] is False


def test_a_comparison_keeps_to_the_visitors_choice_of_privacy() -> None:
    """A model elsewhere is not asked when prompts may only go to models on this machine."""
    server = FakeServer(provider=Provider(name="far", base_url="http://models.example/v1"))

    services = _connected(server)

    async def ask() -> None:
        async for _ in on_compare("Hi", *MODEL_IDS[:2], "local", caller=CALLER, services=services):
            pass

    with pytest.raises(InputError, match="not on this machine"):
        asyncio.run(ask())
    assert server.asked == []


def test_a_login_is_told_only_where_visitors_may_log_in() -> None:
    """Elsewhere the page has no button, and no handler asks gradio for a token."""
    services = fake_services()
    for has_login, told in ((True, ["request", "profile", "token"]), (False, ["request"])):
        handler = bind(on_answer, services=replace(services, has_login=has_login))
        assert list(inspect.signature(handler).parameters) == [*told, "history", "turn", "visit"]
    assert not _build(services).expects_oauth
