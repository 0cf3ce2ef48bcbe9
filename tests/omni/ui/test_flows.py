"""What follows an answer, and what stands in its place: the chat's callbacks as plain functions."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from omni.budgets import Budgets, Limits
from omni.conditions import Conditions
from omni.errors import NoModelAvailable
from omni.gateway import Chunk, Provider, Question
from omni.gateway.providers import HUGGING_FACE
from omni.learning import FeedbackBoard
from omni.store import Store, open_store
from omni.types import AppliedRule, Conversation, Decision, Preferences
from omni.ui import text
from omni.ui.answering import AnswerUpdate, on_answer
from omni.ui.boundary import bind
from omni.ui.judging import on_like
from omni.ui.sending import SendUpdate, on_another, on_send, on_trim
from omni.ui.services import Services
from omni.ui.visits import Visit
from omni.ui.wishes import Wishes, slider_points
from tests.omni.ui.builders import CALLER, MODEL_IDS, FakeRouter, FakeServer, fake_services

WISHES = Wishes("balanced", *slider_points("balanced"), None, None, None)
CUT = (Chunk(text="Half"),)
"""Ends without a finish reason."""
WHOLE = (Chunk(text="Whole."), Chunk(finish_reason="stop"))


class CuttingServer(FakeServer):
    """Breaks its first answer off."""

    async def stream(self, served_name: str, question: Question, api_key: str | None = None) -> AsyncIterator[Chunk]:
        from omni.errors import BadReply

        async for chunk in super().stream(served_name, question, api_key):
            yield chunk
        if len(self.asked) == 1:
            raise BadReply("fake stopped before the answer was complete.")


def _services(*servers: FakeServer, **changes: Any) -> Services:
    services = replace(fake_services(*(servers or (FakeServer(),))), **changes)
    asyncio.run(services.gateway.board.refresh())
    return services


def _send(
    services: Services,
    prompt: str = "What is 6 x 7?",
    *,
    history: list[dict[str, Any]] | None = None,
    visit: Visit | None = None,
    wishes: Wishes = WISHES,
) -> SendUpdate:
    message = {"text": prompt, "files": []}
    call = on_send(message, history or [], visit or Visit(), "", *wishes, caller=CALLER, services=services)
    return asyncio.run(call)


def _answer(services: Services, sent: SendUpdate) -> AnswerUpdate:
    async def last() -> AnswerUpdate:
        stream = on_answer(sent.chatbot, sent.turn, sent.visit, caller=CALLER, services=services)
        return [update async for update in stream][-1]

    return asyncio.run(last())


def _texts(history: list[dict[str, Any]]) -> list[str]:
    return [str(message["content"]) for message in history]


@pytest.fixture
def store() -> Any:
    """A store in memory."""
    with open_store(":memory:") as store:
        yield store


def test_after_an_interruption_the_next_model_answers_in_a_message_of_its_own() -> None:
    """The text so far stays, the button shows, and the other model gets the question only."""
    server = CuttingServer(chunks=CUT)
    services = _services(server)
    sent = _send(services)
    broken = _answer(services, sent)
    assert broken.go_on["visible"] is True
    assert broken.another["visible"] is False
    call = on_another(broken.chatbot, sent.turn, broken.visit, cause="continue", caller=CALLER, services=services)
    again = asyncio.run(call)
    server.chunks = WHOLE
    done = _answer(services, again)
    texts = _texts(done.chatbot)
    assert [words for words in texts if words in ("Half", "Whole.")] == ["Half", "Whole."]
    assert [name for name, _ in server.asked] == list(MODEL_IDS[:2])
    assert server.asked[1][1] == server.asked[0][1]
    assert f"because the answer of {MODEL_IDS[0]} broke off" in texts[-1]
    assert done.visit.session.model_id == MODEL_IDS[1]


def test_another_model_is_asked_and_the_wish_counts(store: Store) -> None:
    """The next candidate answers, the judgement is kept and learned, and the first model comes last from now on."""
    board = FeedbackBoard()
    services = _services(store=store, feedback=board)
    sent = _send(services)
    first = _answer(services, sent)
    assert first.another["visible"] is True
    call = on_another(first.chatbot, sent.turn, first.visit, cause="another", caller=CALLER, services=services)
    again = asyncio.run(call)
    assert again.turn.model_ids == MODEL_IDS[1:]
    assert MODEL_IDS[1] in again.turn.notes[0]
    assert store.read("SELECT kind, model_id FROM feedback").values.tolist() == [["retry", MODEL_IDS[0]]]
    assert board.n_voices() == 1
    later = _send(services, "And 7 x 8?", visit=again.visit)
    assert later.turn.model_ids[-1] == MODEL_IDS[0]


def test_when_all_were_asked_that_is_said() -> None:
    """No model is asked twice for one answer."""
    services = _services()
    sent = _send(services)
    update: Any = _answer(services, sent)
    turn = sent.turn
    for _ in MODEL_IDS[1:]:
        call = on_another(update.chatbot, turn, update.visit, cause="another", caller=CALLER, services=services)
        again = asyncio.run(call)
        turn, update = again.turn, _answer(services, again)
    assert update.another["visible"] is False
    call = on_another(update.chatbot, turn, update.visit, cause="another", caller=CALLER, services=services)
    assert "All 3 models" in asyncio.run(call).note["value"]


def _like(update: AnswerUpdate, services: Services, *, row: int, liked: bool) -> Any:
    data = gr.LikeData(None, {"index": row, "value": "", "liked": liked})
    return asyncio.run(on_like(data, update.chatbot, update.visit, caller=CALLER, services=services))


def test_a_thumb_counts_once(store: Store) -> None:
    """It is kept as figures with the prompt's tasks; the same one again changes nothing, the other one does."""
    services = _services(store=store, feedback=FeedbackBoard())
    update = _answer(services, _send(services))
    liked = _like(update, services, row=1, liked=True)
    assert "counts for Alpha-70B" in liked.note
    update = update._replace(visit=liked.visit)
    assert "Thank" not in _like(update, services, row=1, liked=True).note
    assert "counts against" in _like(update, services, row=1, liked=False).note
    rows = store.read("SELECT kind, model_id FROM feedback ORDER BY given_at").values.tolist()
    assert rows == [["like", MODEL_IDS[0]], ["dislike", MODEL_IDS[0]]]


def test_what_is_no_answer_cannot_be_judged() -> None:
    """A notice's thumbs, and those of a chat that was kept from an earlier visit."""
    services = fake_services()
    sent = _send(services)
    data = gr.LikeData(None, {"index": 1, "value": "", "liked": True})
    assert text.NOT_JUDGED in asyncio.run(on_like(data, sent.chatbot, Visit(), caller=CALLER, services=services)).note


def test_private_data_goes_out_as_placeholders_and_comes_back() -> None:
    """Even where a placeholder arrives in two pieces."""
    pieces = ("Dear [EMA", "IL_1], done.")
    server = FakeServer(chunks=(*(Chunk(text=piece) for piece in pieces), Chunk(finish_reason="stop")))
    services = _services(server)
    sent = _send(services, "Write to jo@example.org", wishes=WISHES._replace(privacy="anonymise"))
    done = _answer(services, sent)
    asked = server.asked[0][1].conversation.last_user_text
    assert "jo@example.org" not in asked
    assert "[EMAIL_1]" in asked
    assert "Dear jo@example.org, done." in _texts(done.chatbot)
    assert text.RESTORED in _texts(done.chatbot)[-1]


def test_a_used_up_budget_is_said_politely_and_nobody_is_asked() -> None:
    """The sentence stands in the chat, and the next prompt can be written."""
    server = FakeServer()
    budgets = Budgets(Limits(max_usd_per_visitor=0.001))
    services = _services(server, budgets=budgets)
    done = _answer(services, _send(services))
    assert "your budget for today" in _texts(done.chatbot)[-1]
    assert done.prompt["interactive"] is True
    assert server.asked == []


def test_a_full_queue_is_said_politely() -> None:
    """While all places are taken nobody is asked."""
    server = FakeServer()
    budgets = Budgets(Limits(max_running=1))
    services = _services(server, budgets=budgets)
    with budgets.hold("someone else", 0.0):
        done = _answer(services, _send(services))
    assert "places are taken" in _texts(done.chatbot)[-1]
    assert server.asked == []


def test_what_an_answer_cost_is_counted() -> None:
    """In the visitor's budget, and in the total under the second answer."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0))
    services = _services(budgets=budgets)
    first = _answer(services, _send(services))
    left = budgets.left(CALLER.visitor).visitor_usd
    assert left is not None
    assert left < 1.0
    second = _answer(services, _send(services, "And 7 x 8?", history=first.chatbot, visit=first.visit))
    assert "so far" not in _texts(first.chatbot)[-1]
    assert "for 2 answers" in _texts(second.chatbot)[-1]


class RulingRouter(FakeRouter):
    """Wants no answer, or a guard's word first."""

    def __init__(self, action: Any) -> None:
        super().__init__()
        self.action = action

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        decision = super().route(conversation, preferences, conditions=conditions)
        rules = (AppliedRule(name="no", sentence="A rule says no."),)
        return replace(decision, action=self.action, message="Please ask <somebody> else.", rules=rules)


def test_a_refusal_is_kind_and_asks_nobody() -> None:
    """The message and the rule are shown, escaped."""
    server = FakeServer()
    services = _services(server, router=RulingRouter("refuse"))
    sent = _send(services)
    shown = _texts(_answer(services, sent).chatbot)[-1]
    assert "Please ask &lt;somebody&gt; else." in shown
    assert "A rule says no." in shown
    assert server.asked == []


def test_where_a_guard_objects_nobody_else_is_asked() -> None:
    """The guard gets the prompt, the visitor the policy's sentence."""
    guard = "org/Guard-1B"
    server = FakeServer(names=(*MODEL_IDS, guard), chunks=(Chunk(text="unsafe"), Chunk(finish_reason="stop")))
    services = fake_services(server)
    cards = services.catalog.models
    catalog = replace(services.catalog, models=(*cards, replace(cards[0], model_id=guard, role="guard")))
    from omni.gateway import Gateway

    gateway = Gateway((server,), [card.model_id for card in catalog.models], frame_s=0.0)
    router = RulingRouter("ask_guard")
    router.catalog = catalog
    services = replace(services, gateway=gateway, router=router)
    asyncio.run(gateway.board.refresh())
    shown = _texts(_answer(services, _send(services)).chatbot)[-1]
    assert "Please ask" in shown
    assert [name for name, _ in server.asked] == [guard]


class SmallRouter(FakeRouter):
    """Its models take one prompt."""

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        if sum(message.role == "user" for message in conversation.messages) > 1:
            raise NoModelAvailable("No model is left: 3 windows too small.")
        return super().route(conversation, preferences, conditions=conditions)


def test_a_conversation_that_fits_no_window_is_trimmed_only_when_the_visitor_agrees() -> None:
    """It asks first; then the oldest turns stay on the page and are no longer sent."""
    server = FakeServer()
    services = _services(server, router=SmallRouter())
    first = _answer(services, _send(services, "One?"))
    asked = _send(services, "Two?", history=first.chatbot, visit=first.visit)
    assert asked.trim["visible"] is True
    assert "Leave out the oldest messages?" in _texts(asked.chatbot)[-1]
    call = on_trim(asked.chatbot, asked.visit, "", *WISHES, caller=CALLER, services=services)
    trimmed = asyncio.run(call)
    _answer(services, trimmed)
    assert "One?" in _texts(trimmed.chatbot)
    assert [m.text for m in server.asked[-1][1].conversation.messages] == ["Two?"]


def test_without_a_model_on_this_machine_local_only_says_what_to_do() -> None:
    """The visitor's choice holds; nothing is sent elsewhere."""

    class NobodyRouter(FakeRouter):
        def route(self, *_: Any, **__: Any) -> Decision:
            raise NoModelAvailable("No model is left: 3 not on this machine.")

    server = FakeServer(provider=Provider(name="far", base_url="http://models.example/v1"))
    services = _services(server, router=NobodyRouter())
    sent = _send(services, wishes=WISHES._replace(privacy="local"))
    assert text.NO_LOCAL in _texts(sent.chatbot)[-1]
    assert WISHES._replace(privacy="local").to_preferences().local_only


def _as_visitor(address: str, token: str | None) -> tuple[Any, Any, Any]:
    request = SimpleNamespace(client=SimpleNamespace(host=address), headers={})
    if token is None:
        return request, None, None
    profile = SimpleNamespace(username=f"user of {address}")
    return request, profile, gr.OAuthToken(token=token, scope="inference-api", expires_at=9_999_999_999)


def test_two_visitors_at_once_each_spend_their_own_token() -> None:
    """Each answer is asked with the token of the request that began it; no state, message or text form has either."""
    hub = Provider(name=HUGGING_FACE, base_url="http://models.example/v1", needs_credential=True)
    server = FakeServer(provider=hub)
    services = _services(server, in_space=True, has_login=True)
    send, answer = bind(on_send, services=services), bind(on_answer, services=services)

    async def visit(address: str, token: str) -> tuple[SendUpdate, Any]:
        told = _as_visitor(address, token)
        sent = await send(*told, {"text": f"Hi from {address}", "files": []}, [], Visit(), "", *WISHES)
        done = [update async for update in answer(*told, sent.chatbot, sent.turn, sent.visit)][-1]
        return sent, done

    async def both() -> list[Any]:
        return await asyncio.gather(visit("10.0.0.1", "hf_first"), visit("10.0.0.2", "hf_second"))

    results = asyncio.run(both())
    used = {q.conversation.last_user_text: key for (_, q), key in zip(server.asked, server.keys, strict=True)}
    assert used == {"Hi from 10.0.0.1": "hf_first", "Hi from 10.0.0.2": "hf_second"}
    assert "hf_first" not in repr(results)
    assert "hf_second" not in repr(results)


def test_a_visitor_without_a_login_is_asked_to_log_in() -> None:
    """The owner's account is not spent, and nobody is asked."""
    hub = Provider(name=HUGGING_FACE, base_url="http://models.example/v1", needs_credential=True)
    server = FakeServer(provider=hub)
    services = _services(server, in_space=True, has_login=True)
    send = bind(on_send, services=services)
    sent = asyncio.run(send(*_as_visitor("10.0.0.1", None), {"text": "Hi", "files": []}, [], Visit(), "", *WISHES))
    assert text.LOG_IN in _texts(sent.chatbot)[-1]
    assert sent.turn.is_over
