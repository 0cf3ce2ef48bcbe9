"""The chat tab: a prompt, the decision, and the answer as it streams."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr

from omni.errors import InputError, OmniError
from omni.gateway import Answer, AnswerStatus
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.history import ChatMessage, cut_at_prompt, is_page_only, page_message, to_question, user_messages
from omni.ui.receipts import no_provider_html
from omni.ui.services import Services
from omni.ui.turns import Turn, build_receipt, decide, save_answer, short_reason
from omni.ui.why import build_why, on_show
from omni.ui.wishes import SliderPoints, Wishes, slider_points


class SendUpdate(NamedTuple):
    """Outputs of `on_send` and `on_retry`, in order."""

    chatbot: list[ChatMessage]
    prompt: dict[str, Any]
    turn: Turn


class AnswerUpdate(NamedTuple):
    """Outputs of `on_answer` and `on_stop`, in order."""

    chatbot: list[ChatMessage]
    prompt: dict[str, Any]


class ClearUpdate(NamedTuple):
    """Outputs of `on_clear`, in order."""

    chatbot: list[ChatMessage]
    prompt: dict[str, Any]
    turn: Turn


def busy_prompt() -> dict[str, Any]:
    """The prompt box while an answer streams: empty, closed, with a stop button."""
    return gr.update(value=None, interactive=False, submit_btn=False, stop_btn=True)


def ready_prompt(**changes: Any) -> dict[str, Any]:
    """The prompt box when it is the visitor's turn."""
    return gr.update(interactive=True, submit_btn=True, stop_btn=False, **changes)


async def on_send(
    message: Mapping[str, Any] | None,
    history: list[ChatMessage],
    served_name: str | None,
    *wishes: Any,
    services: Services,
) -> SendUpdate:
    """Puts the prompt into the chat and decides who answers.

    Inputs: chat.prompt, chat.chatbot, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    message = message or {}
    sent = user_messages(message.get("text") or "", message.get("files") or [])
    if not sent:
        raise InputError("The prompt is empty; write what you want to know.")
    return await _decide_on([*history, *sent], served_name, Wishes(*wishes), services)


async def on_example(
    data: gr.SelectData, history: list[ChatMessage], served_name: str | None, *wishes: Any, services: Services
) -> SendUpdate:
    """Sends an example prompt.

    Inputs: chat.chatbot, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    sent = user_messages(data.value["text"], [])
    return await _decide_on([*history, *sent], served_name, Wishes(*wishes), services)


async def on_retry(
    data: gr.RetryData, history: list[ChatMessage], served_name: str | None, *wishes: Any, services: Services
) -> SendUpdate:
    """Forgets the answer and what followed, and decides again.

    Inputs: chat.chatbot, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    return await _decide_on(cut_at_prompt(history, _row(data.index)), served_name, Wishes(*wishes), services)


def _row(index: int | tuple[int, int]) -> int:
    return index[0] if isinstance(index, tuple) else index


async def _decide_on(
    history: list[ChatMessage], served_name: str | None, wishes: Wishes, services: Services
) -> SendUpdate:
    question = to_question(history)
    try:
        turn = await decide(question, wishes.to_preferences(), services)
    except OmniError as error:
        note = f'<div class="receipt"><div class="note">{error}</div></div>'
        return SendUpdate([*history, page_message("notice", note)], ready_prompt(value=None), Turn())
    if not services.gateway.is_connected:
        assert turn.decision is not None
        chosen = turn.decision.chosen
        reason = short_reason(turn, chosen.model_id)
        html = no_provider_html(chosen.model_id, reason, chosen, in_space=services.in_space)
        return SendUpdate([*history, page_message("notice", html)], ready_prompt(value=None), turn)
    direct = served_name if services.gateway.served_ids() is None else None
    return SendUpdate(history, busy_prompt(), replace(turn, direct_name=direct or None))


async def on_answer(history: list[ChatMessage], turn: Turn, *, services: Services) -> AsyncIterator[AnswerUpdate]:
    """Streams the answer and its receipt into the chat.

    Inputs: chat.chatbot, chat.turn
    Outputs: AnswerUpdate
    """
    if turn.question is None or not services.gateway.is_connected:
        yield AnswerUpdate(history, ready_prompt())
        return
    answer = Answer()
    async for answer in services.gateway.answer(turn.model_ids, turn.question):
        is_open = answer.status in {AnswerStatus.WAITING, AnswerStatus.STREAMING}
        prompt = gr.skip() if is_open else ready_prompt()
        yield AnswerUpdate([*history, *answer_messages(turn, answer, services)], prompt)
    await save_answer(turn, answer, services)


def answer_messages(turn: Turn, answer: Answer, services: Services) -> list[ChatMessage]:
    """What the chat shows of an answer: the model's thinking folded, its text, and the receipt."""
    messages: list[ChatMessage] = []
    if answer.reasoning:
        status = "done" if answer.text or answer.status is AnswerStatus.DONE else "pending"
        messages.append(page_message("thought", answer.reasoning, title=text.THINKING, status=status))
    if answer.text:
        messages.append({"role": "assistant", "content": answer.text})
    receipt = build_receipt(turn, answer, services)
    log = receipt.model_id
    return [*messages, page_message("receipt", receipt.to_html(), log=log)]


async def on_stop(history: list[ChatMessage], turn: Turn, *, services: Services) -> AnswerUpdate:
    """Keeps what has come so far and says that it was stopped; the stream itself is cancelled by the event.

    Inputs: chat.chatbot, chat.turn
    Outputs: AnswerUpdate
    """
    model_id = None
    if history and is_page_only(history[-1]):
        model_id = (history[-1].get("metadata") or {}).get("log")
        history = history[:-1]
    receipt = replace(build_receipt(turn, None, services, model_id=model_id), is_stopped=True)
    return AnswerUpdate([*history, page_message("receipt", receipt.to_html())], ready_prompt())


async def on_clear() -> ClearUpdate:
    """Starts over.

    Outputs: ClearUpdate
    """
    return ClearUpdate([], ready_prompt(value=None), Turn())


async def on_preset(preset: Any) -> SliderPoints:
    """Moves the sliders to a preset's own weights.

    Inputs: chat.preset
    Outputs: SliderPoints
    """
    return slider_points(preset)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFields:
    """The option components, in the order of `Wishes`."""

    preset: gr.Radio
    fields: tuple[gr.components.Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTab:
    """Components that the page needs."""

    served: gr.Dropdown


def build_options() -> OptionFields:
    """The preset choice and the folded options."""
    preset = gr.Radio(
        list(text.PRESETS), value="balanced", label=text.PRESET_LABEL, elem_id="preset", elem_classes="segmented"
    )
    points = slider_points("balanced")
    with gr.Accordion(text.OPTIONS, open=False, elem_id="options"):
        cost = gr.Slider(
            0, 30, points.cost, step=0.05, label=text.COST_LABEL, info=text.POINTS_INFO, elem_id="cost-points"
        )
        speed = gr.Slider(0, 30, points.speed, step=0.05, label=text.SPEED_LABEL, elem_id="speed-points")
        max_cost = gr.Number(None, label=text.MAX_COST_LABEL, info=text.MAX_COST_INFO, minimum=0, elem_id="max-cost")
        with gr.Row():
            allow = gr.Textbox(label=text.ALLOW_LABEL, info=text.ALLOW_INFO, max_lines=1, elem_id="allow")
            deny = gr.Textbox(label=text.DENY_LABEL, info=text.ALLOW_INFO, max_lines=1, elem_id="deny")
    preset.input(on_preset, [preset], [cost, speed], show_progress="hidden", api_visibility="private")
    return OptionFields(preset=preset, fields=(preset, cost, speed, max_cost, allow, deny))


def build_chat(services: Services) -> ChatTab:
    """Makes the tab inside the current page."""
    turn = gr.State(Turn())
    with gr.Row(elem_id="chat-row", equal_height=False):
        with gr.Column(scale=6, min_width=340, elem_id="chat-column"):
            chatbot = gr.Chatbot(
                elem_id="chatbot",
                show_label=False,
                height="54vh",
                min_height=360,
                layout="bubble",
                placeholder=text.EMPTY_CHAT,
                examples=[{"text": example} for example in text.EXAMPLES],
                buttons=["copy"],
                feedback_options=None,
                allow_tags=False,
            )
            prompt = gr.MultimodalTextbox(
                placeholder=text.PROMPT_PLACEHOLDER,
                label=text.PROMPT_LABEL,
                show_label=False,
                file_types=["image"],
                sources=["upload"],
                lines=1,
                max_lines=12,
                autofocus=True,
                elem_id="prompt",
            )
            served = gr.Dropdown(
                [], label=text.SERVED_LABEL, info=text.SERVED_INFO, visible=False, elem_id="served", interactive=True
            )
            options = build_options()
        with gr.Column(scale=5, min_width=340, elem_id="why-column"):
            panel = build_why(turn, services)
    _wire(Wires(chatbot=chatbot, prompt=prompt, turn=turn, served=served), options, panel.outputs, services)
    return ChatTab(served=served)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """The components that the chat's events read and write."""

    chatbot: gr.Chatbot
    prompt: gr.MultimodalTextbox
    turn: gr.State
    served: gr.Dropdown


def _wire(wires: Wires, options: OptionFields, why_outputs: Sequence[Any], services: Services) -> None:
    chatbot, prompt, turn = wires.chatbot, wires.prompt, wires.turn
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asked = [chatbot, wires.served, *options.fields]
    decided = [chatbot, prompt, turn]
    starts = [
        prompt.submit(bind(on_send, services=services), [prompt, *asked], decided, **quiet),
        chatbot.example_select(bind(on_example, services=services), asked, decided, **quiet),
        chatbot.retry(bind(on_retry, services=services), asked, decided, **quiet),
    ]
    answers = []
    for start in starts:
        start.success(bind(on_show, services=services), [turn], list(why_outputs), **quiet)
        answers.append(
            start.success(
                bind(on_answer, services=services),
                [chatbot, turn],
                [chatbot, prompt],
                concurrency_limit=None,
                **quiet,
            )
        )
    prompt.stop(bind(on_stop, services=services), [chatbot, turn], [chatbot, prompt], cancels=answers, **quiet)
    cleared = chatbot.clear(on_clear, None, decided, cancels=answers, **quiet)
    cleared.success(bind(on_show, services=services), [turn], list(why_outputs), **quiet)
