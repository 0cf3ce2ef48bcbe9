"""From a decision to an answer in the chat: streamed, paid for, kept as figures."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from omni.errors import BudgetExceeded
from omni.gateway import Answer, AnswerStatus
from omni.sessions import Session
from omni.ui.asking import OPEN, ask, find_guard_objection, hold_place, to_asked
from omni.ui.door import Caller
from omni.ui.foot import foot, foot_after, same_foot
from omni.ui.history import (
    ChatMessage,
    answer_message,
    is_page_only,
    page_message,
    receipt_log,
    thought_message,
)
from omni.ui.receipts import notice_html
from omni.ui.sending import SendUpdate, ready_prompt
from omni.ui.services import Services
from omni.ui.turns import Turn, actual_cost_of, build_receipt, find_candidate, save_answer
from omni.ui.visits import BEGUN, Given, Visit


class AnswerUpdate(NamedTuple):
    """Outputs of `on_answer` and `on_stop`, in order."""

    chatbot: list[ChatMessage]
    prompt: Any
    visit: Any
    go_on: Any
    another: Any
    trim: Any
    note: Any


async def on_answer(
    history: list[ChatMessage], turn: Turn, visit: Visit, *, caller: Caller, services: Services
) -> AsyncIterator[AnswerUpdate]:
    """Streams the answer and its receipt into the chat.

    Inputs: chat.chatbot, chat.turn, chat.visit
    Outputs: AnswerUpdate
    """
    if turn.question is None or turn.is_over or not services.gateway.is_connected:
        yield AnswerUpdate(history, ready_prompt(), gr.skip(), *same_foot())
        return
    asked = await to_asked(turn, caller, services)
    try:
        with hold_place(asked, services) as place:
            objection = await find_guard_objection(asked, services)
            if objection is not None:
                place.settle(None)
                yield _instead(history, objection, visit)
                return
            answer = Answer()
            async with aclosing(ask(asked, services)) as answers:
                async for answer in answers:
                    if answer.status in OPEN:
                        shown = [*history, *answer_messages(turn, answer, visit, services)]
                        yield AnswerUpdate(shown, gr.skip(), gr.skip(), *same_foot())
            cost = actual_cost_of(answer, services)
            place.settle(answer)
    except BudgetExceeded as error:
        yield _instead(history, str(error), visit)
        return
    given = _given(turn, answer, visit)
    after = visit.with_answer(answer, turn.question.conversation, given, cost.cost_usd if cost else None)
    shown = [*history, *answer_messages(turn, answer, visit, services, total=after.total_words())]
    has_next = len(set(turn.model_ids) - {given.model_id if given else None}) > 0 and turn.decision is not None
    yield AnswerUpdate(shown, ready_prompt(), after, *foot_after(answer.status, has_next=has_next))
    await save_answer(turn, answer, services)


def _instead(history: list[ChatMessage], words: str, visit: Visit) -> AnswerUpdate:
    """A sentence in place of an answer."""
    shown = [*history, page_message("notice", notice_html(words))]
    return AnswerUpdate(shown, ready_prompt(), visit, *foot())


def _given(turn: Turn, answer: Answer, visit: Visit) -> Given | None:
    """The answer as one that can be judged; None when there is none."""
    if turn.decision is None or answer.target is None or answer.status not in BEGUN:
        return None
    return to_given(turn, answer.target.model_id, len(answer.text), visit)


def to_given(turn: Turn, model_id: str, n_chars: int, visit: Visit) -> Given:
    """An answer that the visitor may judge."""
    assert turn.decision is not None
    candidate = find_candidate(turn.decision, model_id)
    return Given(
        quality_logit=candidate.quality_logit if candidate is not None else None,
        answer_id=visit.next_id,
        decision_id=turn.decision.decision_id,
        model_id=model_id,
        tasks=turn.decision.profile.tasks,
        n_chars=n_chars,
    )


def answer_messages(
    turn: Turn, answer: Answer, visit: Visit, services: Services, *, total: str = ""
) -> list[ChatMessage]:
    """What the chat shows of an answer: the model's thinking folded, its text, and the receipt."""
    messages: list[ChatMessage] = []
    if answer.reasoning:
        status = "done" if answer.text or answer.status is AnswerStatus.DONE else "pending"
        messages.append(thought_message(answer.reasoning, status=status))
    if answer.text:
        messages.append(answer_message(answer.text))
    receipt = replace(build_receipt(turn, answer, services), total=total, is_masked=turn.privacy == "anonymise")
    log = f"{visit.next_id} {receipt.model_id}"
    return [*messages, page_message("receipt", receipt.to_html(), log=log)]


async def on_stop(history: list[ChatMessage], turn: Turn, visit: Visit, *, services: Services) -> AnswerUpdate:
    """Keeps what has come so far and says that it was stopped; the stream itself is cancelled by the event.

    Inputs: chat.chatbot, chat.turn, chat.visit
    Outputs: AnswerUpdate
    """
    number, model_id = None, ""
    if history and is_page_only(history[-1]):
        number, model_id = receipt_log(history[-1])
        history = history[:-1]
    receipt = replace(build_receipt(turn, None, services, model_id=model_id or None), is_stopped=True)
    log = f"{number or ''} {receipt.model_id}"
    shown = [*history, page_message("receipt", receipt.to_html(), log=log)]
    has_begun = bool(history) and history[-1]["role"] == "assistant" and not is_page_only(history[-1])
    if not has_begun or turn.decision is None or turn.question is None:
        return AnswerUpdate(shown, ready_prompt(), visit, *foot())
    after = visit.with_stop(to_given(turn, receipt.model_id, 0, visit), turn.question.conversation)
    return AnswerUpdate(shown, ready_prompt(), after, *foot(another=len(turn.model_ids) > 1))


async def on_clear(visit: Visit) -> SendUpdate:
    """Starts over; what was spent so far stays known.

    Inputs: chat.visit
    Outputs: SendUpdate
    """
    return SendUpdate([], ready_prompt(value=None), Turn(), replace(visit, session=Session()), *foot())
