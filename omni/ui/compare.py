"""The compare tab: one prompt, two answers that stream together, and a vote."""

import inspect
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr

from omni.errors import InputError
from omni.figures import format_quality, format_seconds, format_usd
from omni.gateway import Answer, AnswerStatus, Question, watch_together
from omni.safe_text import LATEX_DELIMITERS, escape_html, escape_markdown, to_safe_markdown
from omni.sessions import Session
from omni.types import Candidate, Conversation, Preferences
from omni.ui import text
from omni.ui.answering import to_given
from omni.ui.asking import Asked, ask, find_guard_objection, hold_place, to_asked
from omni.ui.boundary import bind
from omni.ui.door import Caller
from omni.ui.foot import note_html
from omni.ui.judging import keep_verdict
from omni.ui.receipts import format_cost, format_tokens
from omni.ui.services import Services
from omni.ui.turns import PrivacyMode, Turn, actual_cost_of, conditions_for, decide, find_candidate
from omni.ui.visits import Given, Visit

ROUTER_PREFIX = "router:"
OVER = frozenset({AnswerStatus.DONE, AnswerStatus.INTERRUPTED})


class CompareUpdate(NamedTuple):
    """Outputs of `on_compare`, in order."""

    left_answer: str
    left_facts: str
    right_answer: str
    right_facts: str
    run: Any
    stop: Any
    votes: Any
    note: str
    pair: "Pair | None"


class StopUpdate(NamedTuple):
    """Outputs of `on_stop`, in order."""

    run: dict[str, Any]
    stop: dict[str, Any]


class VoteUpdate(NamedTuple):
    """Outputs of `on_vote`, in order."""

    votes: dict[str, Any]
    note: str
    pair: "Pair | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers that can be voted on; figures only."""

    left: Given
    right: Given


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


async def decide_side(
    choice: str,
    question: Question,
    mode: PrivacyMode,
    caller: Caller,
    services: Services,
    router_key: str | None = None,
) -> Side:
    """Which model one side asks: the router's choice, or the model itself with its expected figures.

    Raises:
        OmniError: Nothing to read, no model is left, or a model that is not on this machine where only those may be.
    """
    is_local = mode == "local"
    if choice.startswith(ROUTER_PREFIX):
        preset: Any = choice.removeprefix(ROUTER_PREFIX)
        wishes = Preferences(preset=preset, local_only=is_local)
        turn = await decide(question, wishes, services, caller=caller, router_key=router_key)
        assert turn.decision is not None
        return Side(turn=replace(turn, privacy=mode), model_id=turn.decision.chosen.model_id, is_router=True)
    conditions = conditions_for(question.conversation, Preferences(), Session(), services, caller.credential)
    if is_local and choice not in conditions.local:
        raise InputError(text.NOT_LOCAL.format(model=choice))
    router = services.find_router(router_key)
    wishes = Preferences(local_only=is_local)
    decision = await services.route(caller.visitor, question.conversation, wishes, conditions=conditions, router=router)
    turn = Turn(question=question, decision=decision, privacy=mode)
    return Side(turn=turn, model_id=choice, is_router=False)


async def on_compare(
    prompt: str | None,
    left: str,
    right: str,
    mode: PrivacyMode,
    router_key: str | None = None,
    *,
    caller: Caller,
    services: Services,
) -> AsyncGenerator[CompareUpdate, None]:
    """Asks both sides and shows both answers as they grow.

    Inputs: compare.prompt, compare.left, compare.right, privacy.mode, chat.router
    Outputs: CompareUpdate
    """
    if not prompt or not prompt.strip():
        raise InputError("The prompt is empty; write what both should answer.")
    question = Question(conversation=Conversation.from_prompt(prompt))
    sides = [await decide_side(choice, question, mode, caller, services, router_key) for choice in (left, right)]
    calls = [
        await to_asked(side.turn, caller, services, model_ids=None if side.is_router else (side.model_id,))
        for side in sides
    ]
    instead = await _notice_instead(calls, caller, services)
    if instead is not None:
        shown = [(f"*{escape_markdown(instead)}*", facts_html(side, None, services)) for side in sides]
        yield _update(shown, is_running=False)
        return
    answers: tuple[Answer | None, ...] = (None, None)
    with ExitStack() as stack:
        places = [stack.enter_context(hold_place(call, services)) for call in calls]
        async with aclosing(_watch(calls, services)) as updates:
            async for answers in updates:
                shown = _shown(sides, answers, services)
                yield _update(shown, is_running=True)
        for place, answer in zip(places, answers, strict=True):
            place.settle(answer)
    yield _update(shown, is_running=False, pair=_pair(sides, answers))


async def _notice_instead(calls: list[Asked], caller: Caller, services: Services) -> str | None:
    """What stands in place of both answers; None = they are asked."""
    for call in calls:
        decision = call.turn.decision
        if decision is not None and decision.action == "refuse":
            return decision.message or text.GUARD_OBJECTED
    if not services.gateway.is_connected:
        return text.COMPARE_NO_PROVIDER
    if caller.credential is None and all(provider.needs_credential for provider in services.gateway.providers):
        return text.LOG_IN if services.has_login else text.IN_SPACE
    return await find_guard_objection(calls[0], services)


async def _watch(calls: list[Asked], services: Services) -> AsyncGenerator[tuple[Answer | None, ...], None]:
    async for answers in watch_together([ask(call, services) for call in calls]):
        yield answers


def _shown(sides: list[Side], answers: tuple[Answer | None, ...], services: Services) -> list[tuple[str, str]]:
    pairs = zip(sides, answers, strict=True)
    return [(answer_markdown(answer), facts_html(side, answer, services)) for side, answer in pairs]


def _pair(sides: list[Side], answers: tuple[Answer | None, ...]) -> Pair | None:
    """Both answers for a vote; None unless both are whole and of two models."""
    given = []
    for side, answer in zip(sides, answers, strict=True):
        if answer is None or answer.target is None or answer.status is not AnswerStatus.DONE:
            return None
        given.append(to_given(side.turn, answer.target.model_id, len(answer.text), Visit()))
    left, right = given
    return Pair(left=left, right=right) if left.model_id != right.model_id else None


def _update(shown: list[tuple[str, str]], *, is_running: bool, pair: Pair | None = None) -> CompareUpdate:
    votes = gr.update(visible=pair is not None)
    return CompareUpdate(*shown[0], *shown[1], *buttons(is_running=is_running), votes, note_html(""), pair)


async def on_vote(pair: Pair | None, *, value: float, caller: Caller, services: Services) -> VoteUpdate:
    """Counts a vote for the better answer; once a pair.

    Inputs: compare.pair
    Outputs: VoteUpdate
    """
    if pair is not None:
        await keep_verdict(pair.left, "vote", caller, services, other=pair.right, value=value)
    note = text.THANKS_VOTE if services.feedback is not None else text.THANKS_NOT_LEARNED
    return VoteUpdate(gr.update(visible=False), note_html(note if pair is not None else ""), None)


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
        return f"**{escape_markdown(text.FAILED.format(error=answer.error))}**"
    if not answer.text and answer.reasoning:
        return f"*{text.THINKING} …*"
    shown = to_safe_markdown(inspect.cleandoc(answer.text))  # as Gradio does, which would move lines afterwards (6.31)
    if answer.status is AnswerStatus.INTERRUPTED:
        return f"{shown}\n\n**{escape_markdown(text.INTERRUPTED.format(error=answer.error))}**"
    return shown


def facts_html(side: Side, answer: Answer | None, services: Services) -> str:
    """What one side cost and took, each beside what was expected; the expected figures alone before there is more."""
    model_id = answer.target.model_id if answer is not None and answer.target is not None else side.model_id
    expected = find_candidate(side.turn.decision, model_id)
    rows = _expected_cells(expected) if answer is None else _actual_cells(answer, expected, services)
    why = side.turn.explanation.headline if side.turn.explanation else ""
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)
    because = f'<p class="because">{escape_html(why)}</p>' if why else ""
    return f'<div class="facts-card"><h2 class="model">{escape_html(model_id)}</h2>{because}<dl>{cells}</dl></div>'


def _expected_cells(expected: Candidate | None) -> list[tuple[str, str]]:
    if expected is None:
        return []
    return [
        (text.TILE_COST, format_usd(expected.cost_usd)),
        (text.TILE_TIME, format_seconds(expected.latency_s)),
        (text.TILE_QUALITY, format_quality(expected.quality, expected.quality_se)),
    ]


def _actual_cells(answer: Answer, expected: Candidate | None, services: Services) -> list[tuple[str, str]]:
    total_s = answer.total_s if answer.status in OVER else None
    cost, time = format_cost(actual_cost_of(answer, services)), format_seconds(total_s)
    cells = [
        (text.FACT_FIRST_WORD, format_seconds(answer.time_to_first_token_s)),
        (text.FACT_LENGTH, format_tokens(answer)),
    ]
    if expected is None:
        return [(text.FACT_COST, cost), (text.FACT_TIME, time), *cells]
    cost += _beside(format_usd(expected.cost_usd))
    time += _beside(format_seconds(expected.latency_s))
    return [
        (text.FACT_COST, cost),
        (text.FACT_TIME, time),
        *cells,
        (text.TILE_QUALITY, format_quality(expected.quality, expected.quality_se)),
    ]


def _beside(expected: str) -> str:
    return f"<small>{text.FACT_EXPECTED.format(figure=expected)}</small>"


def build_compare(services: Services, privacy_mode: gr.Radio, router_key: gr.State) -> None:
    """Makes the tab inside the current page. Prompts are sent, and routed, as the visitor chose for the chat."""
    choices = side_choices(services)
    gr.HTML(f'<p class="intro">{text.COMPARE_INTRO}</p>')
    prompt = gr.Textbox(
        label=text.PROMPT_LABEL, placeholder=text.COMPARE_PLACEHOLDER, lines=3, max_lines=10, elem_id="compare-prompt"
    )
    with gr.Row(elem_id="compare-picks"):
        left = gr.Dropdown(choices, value=choices[0][1], label=text.COMPARE_LEFT, elem_id="compare-left", min_width=150)
        right = gr.Dropdown(
            choices, value=choices[3][1], label=text.COMPARE_RIGHT, elem_id="compare-right", min_width=150
        )
    with gr.Row(elem_id="compare-run-row"):
        run = gr.Button(text.COMPARE_RUN, variant="primary", elem_id="compare-run", scale=0, min_width=160)
        stop = gr.Button(text.STOP, variant="stop", visible=False, elem_id="compare-stop", scale=0, min_width=160)
    sides = []
    with gr.Row(elem_id="compare-row", equal_height=False):
        for name, label in (("left", text.COMPARE_LEFT), ("right", text.COMPARE_RIGHT)):
            with gr.Column(min_width=320, elem_id=f"compare-{name}-column"):
                gr.HTML(f'<p class="eyebrow">{label}</p>')
                facts = gr.HTML(elem_id=f"compare-{name}-facts")
                answer = gr.Markdown(
                    text.COMPARE_EMPTY,
                    elem_id=f"compare-{name}-answer",
                    elem_classes="answer",
                    container=True,
                    latex_delimiters=LATEX_DELIMITERS,
                )
                sides.append((answer, facts))
    with gr.Row(visible=False, elem_id="compare-votes") as votes:
        cast = [
            (gr.Button(label, size="sm", elem_id=f"vote-{name}", min_width=120), value)
            for name, label, value in text.VOTES
        ]
    note = gr.HTML(note_html(""), elem_id="compare-note")
    pair = gr.State(None)
    (left_answer, left_facts), (right_answer, right_facts) = sides
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    event = gr.on(
        [run.click, prompt.submit],
        bind(on_compare, services=services),
        [prompt, left, right, privacy_mode, router_key],
        [left_answer, left_facts, right_answer, right_facts, run, stop, votes, note, pair],
        **quiet,
    )
    stop.click(on_stop, None, [run, stop], cancels=[event], **quiet)
    for button, value in cast:
        button.click(bind(on_vote, value=value, services=services), [pair], [votes, note, pair], **quiet)
