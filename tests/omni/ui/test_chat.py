"""The chat's callbacks as plain functions."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import pytest

from omni.errors import InputError, NoModelAvailable, StoreError
from omni.gateway import Chunk, Question
from omni.types import Decision
from omni.ui import text
from omni.ui.answering import AnswerUpdate, on_answer, on_clear, on_stop
from omni.ui.history import page_message
from omni.ui.options import on_preset
from omni.ui.sending import SendUpdate, on_retry, on_send
from omni.ui.services import Services
from omni.ui.turns import Turn
from omni.ui.visits import Visit
from omni.ui.wishes import Wishes, slider_points
from tests.omni.ui.builders import CALLER, MODEL_IDS, FakeRouter, FakeServer, fake_services

WISHES = Wishes("balanced", *slider_points("balanced"), None, None, None)


def _connected(*servers: FakeServer) -> Services:
    services = fake_services(*(servers or (FakeServer(),)))
    asyncio.run(services.gateway.board.refresh())
    return services


def _send(services: Services, prompt: str = "What is 6 x 7?", wishes: Wishes = WISHES, served: str = "") -> SendUpdate:
    message = {"text": prompt, "files": []}
    return asyncio.run(on_send(message, [], Visit(), served, *wishes, caller=CALLER, services=services))


def _answer(services: Services, sent: SendUpdate) -> list[AnswerUpdate]:
    async def collect() -> list[AnswerUpdate]:
        stream = on_answer(sent.chatbot, sent.turn, sent.visit, caller=CALLER, services=services)
        return [update async for update in stream]

    return asyncio.run(collect())


def _texts(history: list[dict[str, Any]]) -> list[str]:
    return [str(message["content"]) for message in history]


def test_without_a_provider_the_decision_and_two_lines_are_shown() -> None:
    """The choice stands in the chat with both ways to connect a server."""
    sent = _send(fake_services())
    assert sent.turn.decision is not None
    notice = _texts(sent.chatbot)[-1]
    assert MODEL_IDS[0] in notice
    assert "HF_TOKEN" in notice
    assert "OMNI_BASE_URL" in notice


def test_an_empty_prompt_is_refused() -> None:
    """Nothing is decided without a prompt."""
    with pytest.raises(InputError, match="empty"):
        _send(fake_services(), "  ")


def test_no_model_left_is_said_in_the_chat() -> None:
    """The visitor's limits may leave nobody; the chat says so and takes the next prompt."""

    class NobodyRouter(FakeRouter):
        def route(self, *_: Any, **__: Any) -> Decision:
            raise NoModelAvailable("No model can answer this.")

    services = fake_services()
    services = replace(services, router=NobodyRouter())
    sent = _send(services)
    assert "No model can answer this." in _texts(sent.chatbot)[-1]
    assert sent.turn == Turn()


def test_the_answer_streams_with_its_receipt() -> None:
    """Thinking, text, and below it model, provider, expected and actual figures."""
    services = _connected()
    last = _answer(services, _send(services))[-1]
    thought, answer, receipt = last.chatbot[1:]
    assert thought["metadata"]["title"] == text.THINKING
    assert answer["content"] == "Forty-two."
    for words in (MODEL_IDS[0], "via fake", "expected", "actual", "20 tokens", "best expected quality"):
        assert words in receipt["content"]


def test_the_prompt_box_is_closed_while_an_answer_streams() -> None:
    """Closed by sending, open again with the last update only."""
    services = _connected()
    sent = _send(services)
    assert sent.prompt["interactive"] is False
    updates = _answer(services, sent)
    assert "interactive" not in updates[0].prompt
    assert updates[-1].prompt["interactive"] is True


def test_the_options_reach_the_router() -> None:
    """Preset and lists become preferences."""
    services = fake_services()
    sent = _send(services, wishes=WISHES._replace(preset="cheap", allow="org/*", max_cost_cents=1.0))
    assert sent.turn.decision is not None
    preferences = sent.turn.decision.preferences
    assert (preferences.preset, preferences.allow, preferences.max_cost_usd) == ("cheap", ("org/*",), 0.01)


def test_unknown_served_names_can_be_asked_directly() -> None:
    """A server with models that the catalog does not know answers under the name the visitor picked."""
    server = FakeServer(names=("my-model",))
    services = _connected(server)
    last = _answer(services, _send(services, served="my-model"))[-1]
    assert server.asked[0][0] == "my-model"
    assert text.DIRECT in last.chatbot[-1]["content"]


def test_stop_keeps_the_text_and_says_so() -> None:
    """What had come stays, the receipt says that it was stopped."""
    services = _connected()
    sent = _send(services)
    history = [
        *sent.chatbot,
        {"role": "assistant", "content": "Forty"},
        page_message("receipt", "<div></div>", log=f"1 {MODEL_IDS[0]}"),
    ]
    stopped = asyncio.run(on_stop(history, sent.turn, sent.visit, services=services))
    assert _texts(stopped.chatbot)[-2] == "Forty"
    assert text.STOPPED in _texts(stopped.chatbot)[-1]
    assert stopped.prompt["interactive"] is True
    assert stopped.visit.session.model_id == MODEL_IDS[0]
    assert stopped.visit.n_unpriced == 1


def test_retry_asks_the_same_prompt_again() -> None:
    """The answer goes, the prompt stays."""
    services = _connected()
    history = _answer(services, _send(services))[-1].chatbot
    data = gr.RetryData(None, {"index": 0, "value": ""})
    again = asyncio.run(on_retry(data, history, Visit(), "", *WISHES, caller=CALLER, services=services))
    assert _texts(again.chatbot) == ["What is 6 x 7?"]


def test_clear_starts_over() -> None:
    """No message and no decision are left."""
    cleared = asyncio.run(on_clear(Visit()))
    assert (cleared.chatbot, cleared.turn) == ([], Turn())


def test_a_preset_moves_the_sliders() -> None:
    """The sliders show the weights of the preset."""
    assert asyncio.run(on_preset("cheap")) == slider_points("cheap")


@dataclass
class _FailingStore:
    saved: list[str] = field(default_factory=list)

    def save_decision(self, decision: Decision) -> None:
        self.saved.append(decision.decision_id)
        raise StoreError("disk full")

    def save_answer(self, answer: Any) -> None:
        self.saved.append(answer.model_id)
        raise StoreError("disk full")


def test_a_store_that_fails_does_not_stop_an_answer() -> None:
    """Figures are lost, the visitor gets the answer."""
    services = _connected()
    store = _FailingStore()
    services = Services(
        router=services.router,
        gateway=services.gateway,
        explain=services.explain,
        store=store,  # type: ignore[arg-type]
    )
    last = _answer(services, _send(services))[-1]
    assert last.chatbot[2]["content"] == "Forty-two."
    assert store.saved == ["0123456789abcdef", MODEL_IDS[0]]


def test_the_whole_conversation_goes_to_the_model() -> None:
    """The second turn carries the first, without receipts and thoughts."""
    server = FakeServer(chunks=(Chunk(text="Forty-two."), Chunk(finish_reason="stop")))
    services = _connected(server)
    history = _answer(services, _send(services))[-1].chatbot
    message = {"text": "And 7 x 7?", "files": []}
    sent = asyncio.run(on_send(message, history, Visit(), "", *WISHES, caller=CALLER, services=services))
    _answer(services, sent)
    question: Question = server.asked[1][1]
    said = [(message.role, message.text) for message in question.conversation.messages]
    assert said == [("user", "What is 6 x 7?"), ("assistant", "Forty-two."), ("user", "And 7 x 7?")]


def test_other_errors_are_not_hidden_from_the_boundary() -> None:
    """A broken stream that is not a provider's error reaches the boundary, which shows one plain sentence."""

    class BrokenServer(FakeServer):
        async def stream(
            self, served_name: str, question: Question, api_key: str | None = None
        ) -> AsyncIterator[Chunk]:
            raise RuntimeError(f"{served_name} {question} {api_key}")
            yield Chunk()

    services = _connected(BrokenServer())
    with pytest.raises(RuntimeError):
        _answer(services, _send(services))
