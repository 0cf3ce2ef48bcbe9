"""The chat tab: a prompt, the decision, and the answer as it streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from omni.safe_text import LATEX_DELIMITERS
from omni.ui import text
from omni.ui.answering import on_answer, on_clear, on_stop
from omni.ui.boundary import bind
from omni.ui.copying import wire_copying
from omni.ui.foot import Foot, build_foot
from omni.ui.judging import on_like
from omni.ui.keeping import wire_keeping
from omni.ui.options import OptionFields, build_options
from omni.ui.privacy_panel import on_sent, on_write
from omni.ui.routers import RouterFields, on_router
from omni.ui.sending import on_another, on_example, on_retry, on_send, on_trim
from omni.ui.services import Services
from omni.ui.turns import Turn
from omni.ui.visits import Visit
from omni.ui.why import build_why, on_show

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTab:
    """Components that the page needs."""

    served: gr.Dropdown
    privacy_mode: gr.Radio
    router: RouterFields


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """The components that the chat's events read and write."""

    chatbot: gr.Chatbot
    prompt: gr.MultimodalTextbox
    turn: gr.State
    visit: gr.State
    served: gr.Dropdown
    foot: Foot
    options: OptionFields
    why_outputs: Sequence[Any]


def build_chat(services: Services) -> ChatTab:
    """Makes the tab inside the current page."""
    turn, visit = gr.State(Turn()), gr.State(Visit())
    with gr.Row(elem_id="chat-row", equal_height=False):
        with gr.Column(scale=6, min_width=340, elem_id="chat-column"):
            chatbot = _build_chatbot()
            foot = build_foot()
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
            options = build_options(services)
        with gr.Column(scale=5, min_width=340, elem_id="why-column"):
            panel = build_why(turn, services)
    wires = Wires(
        chatbot=chatbot,
        prompt=prompt,
        turn=turn,
        visit=visit,
        served=served,
        foot=foot,
        options=options,
        why_outputs=panel.outputs,
    )
    _wire(wires, services)
    return ChatTab(served=served, privacy_mode=options.privacy.mode, router=options.router)


def _build_chatbot() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chatbot",
        show_label=False,
        height="54vh",
        min_height=360,
        layout="bubble",
        placeholder=text.EMPTY_CHAT,
        examples=[{"text": example} for example in text.EXAMPLES],
        buttons=["copy"],
        feedback_options=("Like", "Dislike"),
        allow_tags=False,
        latex_delimiters=LATEX_DELIMITERS,
    )


def _wire(wires: Wires, services: Services) -> None:
    chatbot, prompt, turn, visit, foot = wires.chatbot, wires.prompt, wires.turn, wires.visit, wires.foot
    asked = [chatbot, visit, wires.served, *wires.options.fields]
    followed = [chatbot, turn, visit]
    decided = [chatbot, prompt, turn, visit, *foot]
    answered = [chatbot, prompt, visit, *foot]
    starts = [
        prompt.submit(bind(on_send, services=services), [prompt, *asked], decided, **QUIET),
        chatbot.example_select(bind(on_example, services=services), asked, decided, **QUIET),
        chatbot.retry(bind(on_retry, services=services), asked, decided, **QUIET),
        foot.trim.click(bind(on_trim, services=services), asked, decided, **QUIET),
        foot.go_on.click(bind(on_another, cause="continue", services=services), followed, decided, **QUIET),
        foot.another.click(bind(on_another, cause="another", services=services), followed, decided, **QUIET),
    ]
    panel = wires.options.privacy
    shown, told = list(wires.why_outputs), [panel.panel, panel.details]
    router = wires.options.router
    answers = []
    for start in starts:
        start.success(bind(on_show, services=services), [turn], shown, **QUIET)
        start.success(bind(on_router, services=services), [router.key], list(router), **QUIET)
        start.success(bind(on_sent, services=services), [turn, panel.mode, panel.keep], told, **QUIET)
        answer = bind(on_answer, services=services)
        answers.append(start.success(answer, followed, answered, **QUIET))
    stopped = prompt.stop(bind(on_stop, services=services), followed, answered, cancels=answers, **QUIET)
    cleared = chatbot.clear(on_clear, [visit], decided, cancels=answers, **QUIET)
    cleared.success(bind(on_show, services=services), [turn], shown, **QUIET)
    chatbot.like(bind(on_like, services=services), [chatbot, visit], [visit, foot.note], **QUIET)
    gr.on(
        [prompt.change, panel.mode.input, panel.keep.input],
        bind(on_write, services=services),
        [prompt, turn, panel.mode, panel.keep],
        told,
        trigger_mode="always_last",
        queue=False,
        **QUIET,
    )
    wire_copying()
    wire_keeping(chatbot, panel, foot.note, [*answers, stopped, cleared])
