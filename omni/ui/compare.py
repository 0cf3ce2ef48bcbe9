"""The compare tab: one prompt, two answers that stream together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from omni.errors import InputError
from omni.gateway import Answer, AnswerStatus, Question, actual_cost, watch_together
from omni.types import Conversation, Preferences
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.figures import format_quality, format_seconds, format_usd
from omni.ui.receipts import format_cost, format_tokens
from omni.ui.services import Services
from omni.ui.turns import Turn, decide, find_candidate, find_card

ROUTER_PREFIX = "router:"


class CompareUpdate(NamedTuple):
    """Outputs of `on_compare`, in order."""

    left_answer: str
    left_facts: str
    right_answer: str
    right_facts: str
    run: dict[str, Any]
    stop: dict[str, Any]


class StopUpdate(NamedTuple):
    """Outputs of `on_stop`, in order."""

    run: dict[str, Any]
    stop: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison before it is asked."""

    turn: Turn
    model_id: str
    is_router: bool


def side_choices(services: Services) -> list[tuple[str, str]]:
    """The router under each preset, then every model that chats."""
    routers = [(text.ROUTER_CHOICE.format(preset=label), f"{ROUTER_PREFIX}{preset}") for label, preset in text.PRESETS]
    models = [(card.model_id, card.model_id) for card in services.catalog.models if card.role != "guard"]
    return routers + models


async def decide_side(choice: str, question: Question, services: Services) -> Side:
    """Which model one side asks: the router's choice, or the model itself with its expected figures.

    Raises:
        OmniError: Nothing to read, or no model is left.
    """
    if choice.startswith(ROUTER_PREFIX):
        preset: Any = choice.removeprefix(ROUTER_PREFIX)
        turn = await decide(question, Preferences(preset=preset), services)
        assert turn.decision is not None
        return Side(turn=turn, model_id=turn.decision.chosen.model_id, is_router=True)
    decision = services.router.route(question.conversation, Preferences())
    return Side(turn=Turn(question=question, decision=decision), model_id=choice, is_router=False)


async def on_compare(prompt: str | None, left: str, right: str, *, services: Services) -> AsyncIterator[CompareUpdate]:
    """Asks both sides and shows both answers as they grow.

    Inputs: compare.prompt, compare.left, compare.right
    Outputs: CompareUpdate
    """
    if not prompt or not prompt.strip():
        raise InputError("The prompt is empty; write what both should answer.")
    question = Question(conversation=Conversation.from_prompt(prompt))
    sides = [await decide_side(choice, question, services) for choice in (left, right)]
    if not services.gateway.is_connected:
        shown = [(f"*{text.COMPARE_NO_PROVIDER}*", facts_html(side, None, services)) for side in sides]
        yield CompareUpdate(*shown[0], *shown[1], *buttons(is_running=False))
        return
    streams = [
        services.gateway.answer(side.turn.model_ids if side.is_router else (side.model_id,), question) for side in sides
    ]
    async for answers in watch_together(streams):
        shown = [
            (answer_markdown(answer), facts_html(side, answer, services))
            for side, answer in zip(sides, answers, strict=True)
        ]
        yield CompareUpdate(*shown[0], *shown[1], *buttons(is_running=True))
    yield CompareUpdate(*shown[0], *shown[1], *buttons(is_running=False))


async def on_stop() -> StopUpdate:
    """Gives the buttons back; the streams are cancelled by the event.

    Outputs: StopUpdate
    """
    return buttons(is_running=False)


def buttons(*, is_running: bool) -> StopUpdate:
    """Run and stop: one of them at a time."""
    return StopUpdate(gr.update(visible=not is_running), gr.update(visible=is_running))


def answer_markdown(answer: Answer | None) -> str:
    """The text so far, or what is going on."""
    if answer is None or (answer.status is AnswerStatus.WAITING and not answer.text):
        return f"*{text.WAITING} …*"
    if answer.status is AnswerStatus.FAILED:
        return f"**{text.FAILED.format(error=answer.error)}**"
    if not answer.text and answer.reasoning:
        return f"*{text.THINKING} …*"
    broken = (
        f"\n\n**{text.INTERRUPTED.format(error=answer.error)}**" if answer.status is AnswerStatus.INTERRUPTED else ""
    )
    return answer.text + broken


def facts_html(side: Side, answer: Answer | None, services: Services) -> str:
    """Model, cost, first word, total time and tokens of one side; expected figures where there are no actual ones."""
    model_id = answer.target.model_id if answer is not None and answer.target is not None else side.model_id
    expected = find_candidate(side.turn.decision, model_id)
    rows = []
    if expected is not None:
        rows.append(("expected cost", format_usd(expected.cost_usd)))
        rows.append(("expected time", format_seconds(expected.latency_s)))
        rows.append(("good answer", format_quality(expected.quality, expected.quality_se)))
    if answer is not None:
        cost = actual_cost(find_card(services, model_id), answer.usage)
        is_over = answer.status in {AnswerStatus.DONE, AnswerStatus.INTERRUPTED}
        rows.append(("cost", format_cost(cost)))
        rows.append(("first word", format_seconds(answer.time_to_first_token_s)))
        rows.append(("total time", format_seconds(answer.total_s if is_over else None)))
        rows.append(("length", format_tokens(answer)))
    why = side.turn.explanation.headline if side.turn.explanation else ""
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    because = f'<p class="because">{escape(why)}</p>' if why else ""
    return f'<div class="facts-card"><h3 class="model">{escape(model_id)}</h3>{because}<dl>{cells}</dl></div>'


def build_compare(services: Services) -> None:
    """Makes the tab inside the current page."""
    choices = side_choices(services)
    gr.HTML(f'<p class="intro">{text.COMPARE_INTRO}</p>')
    prompt = gr.Textbox(
        label=text.PROMPT_LABEL, placeholder=text.COMPARE_PLACEHOLDER, lines=3, max_lines=10, elem_id="compare-prompt"
    )
    with gr.Row(elem_id="compare-run-row"):
        run = gr.Button(text.COMPARE_RUN, variant="primary", elem_id="compare-run", scale=0, min_width=160)
        stop = gr.Button(text.STOP, variant="stop", visible=False, elem_id="compare-stop", scale=0, min_width=160)
    sides = []
    with gr.Row(elem_id="compare-row", equal_height=False):
        for name, label, start in (("left", text.COMPARE_LEFT, 0), ("right", text.COMPARE_RIGHT, 3)):
            with gr.Column(min_width=320, elem_id=f"compare-{name}-column"):
                pick = gr.Dropdown(choices, value=choices[start][1], label=label, elem_id=f"compare-{name}")
                facts = gr.HTML(elem_id=f"compare-{name}-facts")
                answer = gr.Markdown(
                    text.COMPARE_EMPTY, elem_id=f"compare-{name}-answer", elem_classes="answer", container=True
                )
                sides.append((pick, answer, facts))
    (left, left_answer, left_facts), (right, right_answer, right_facts) = sides
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    event = gr.on(
        [run.click, prompt.submit],
        bind(on_compare, services=services),
        [prompt, left, right],
        [left_answer, left_facts, right_answer, right_facts, run, stop],
        concurrency_limit=None,
        **quiet,
    )
    stop.click(on_stop, None, [run, stop], cancels=[event], **quiet)
