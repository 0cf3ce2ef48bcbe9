"""From a visitor's prompt to a decision: which model answers, or why none is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from omni.errors import InputError, NoModelAvailable, OmniError
from omni.gateway import Question
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.foot import foot
from omni.ui.history import ChatMessage, cut_at_prompt, leave_out_oldest, page_message, to_question, user_messages
from omni.ui.judging import learn_retry
from omni.ui.receipts import no_provider_html, notice_html
from omni.ui.services import Services
from omni.ui.turns import Cause, Turn, conditions_for, decide, short_reason
from omni.ui.visits import Visit
from omni.ui.wishes import Wishes


class SendUpdate(NamedTuple):
    """Outputs of the handlers that decide, and of `on_clear`, in order."""

    chatbot: list[ChatMessage]
    prompt: Any
    turn: Turn
    visit: Visit
    go_on: Any
    another: Any
    trim: Any
    note: Any


def busy_prompt() -> dict[str, Any]:
    """The prompt box while an answer streams: empty, closed, with a stop button."""
    return gr.update(value=None, interactive=False, submit_btn=False, stop_btn=True)


def ready_prompt(**changes: Any) -> dict[str, Any]:
    """The prompt box when it is the visitor's turn."""
    return gr.update(interactive=True, submit_btn=True, stop_btn=False, **changes)


async def on_send(
    message: Mapping[str, Any] | None,
    history: list[ChatMessage],
    visit: Visit,
    served_name: str | None,
    *wishes: Any,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    """Puts the prompt into the chat and decides who answers.

    Inputs: chat.prompt, chat.chatbot, chat.visit, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    message = message or {}
    sent = user_messages(message.get("text") or "", message.get("files") or [])
    if not sent:
        raise InputError("The prompt is empty; write what you want to know.")
    return await _decide_on([*history, *sent], visit, served_name, Wishes(*wishes), caller, services)


async def on_example(
    data: gr.SelectData,
    history: list[ChatMessage],
    visit: Visit,
    served_name: str | None,
    *wishes: Any,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    """Sends an example prompt.

    Inputs: chat.chatbot, chat.visit, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    sent = user_messages(data.value["text"], [])
    return await _decide_on([*history, *sent], visit, served_name, Wishes(*wishes), caller, services)


async def on_retry(
    data: gr.RetryData,
    history: list[ChatMessage],
    visit: Visit,
    served_name: str | None,
    *wishes: Any,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    """Forgets the answer and what followed, and decides again.

    Inputs: chat.chatbot, chat.visit, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    row = data.index[0] if isinstance(data.index, tuple) else data.index
    return await _decide_on(cut_at_prompt(history, row), visit, served_name, Wishes(*wishes), caller, services)


async def on_trim(
    history: list[ChatMessage],
    visit: Visit,
    served_name: str | None,
    *wishes: Any,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    """Leaves out the oldest turns until a model takes the rest, as the visitor agreed.

    Inputs: chat.chatbot, chat.visit, chat.served, and the options in the order of `Wishes`
    Outputs: SendUpdate
    """
    wished = Wishes(*wishes)
    history = cut_at_prompt(history, len(history) - 1)
    for shorter in leave_out_oldest(history):
        if await _fits(to_question(shorter), wished, visit, caller, services):
            return await _decide_on(shorter, visit, served_name, wished, caller, services)
    return await _decide_on(history, visit, served_name, wished, caller, services)


async def on_another(
    history: list[ChatMessage], turn: Turn, visit: Visit, *, cause: Cause, caller: Caller, services: Services
) -> SendUpdate:
    """Asks the next candidate the same question: its answer is a message of its own.

    Inputs: chat.chatbot, chat.turn, chat.visit
    Outputs: SendUpdate
    """
    last = visit.given[-1] if visit.given else None
    if turn.question is None or last is None:
        raise InputError("There is no answer to go on from. Send a prompt first.")
    if cause == "another":
        visit = await learn_retry(last, visit, caller, services)
    tried = (*turn.tried, last.model_id)
    turn = replace(turn, cause=cause, tried=tried)
    if turn.model_ids:
        form = text.CONTINUES if cause == "continue" else text.ANOTHER_ASKED
        note = f"{text.ASKED_NOW.format(model=turn.model_ids[0])} {form.format(model=last.model_id)}"
        turn = replace(turn, notes=(note,))
        history = [*history, page_message("divider", text.DIVIDER)]
    else:
        note = text.ALL_ASKED.format(n=len(tried))
        return SendUpdate(history, ready_prompt(), replace(turn, is_over=True), visit, *foot(note=note))
    return SendUpdate(history, busy_prompt(), turn, visit, *foot())


async def _decide_on(
    history: list[ChatMessage],
    visit: Visit,
    served_name: str | None,
    wishes: Wishes,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    question = to_question(history)
    try:
        turn = await decide(
            question,
            wishes.to_preferences(),
            services,
            caller=caller,
            session=visit.session,
            router_key=wishes.router_key,
        )
    except OmniError as error:
        return await _no_model(history, error, question, wishes, visit, caller, services)
    turn = replace(turn, privacy=wishes.privacy, max_extra_usd=wishes.max_extra_usd)
    notice = _notice_instead(turn, caller, services)
    if notice is not None:
        shown = [*history, page_message("notice", notice)]
        return SendUpdate(shown, ready_prompt(value=None), replace(turn, is_over=True), visit, *foot())
    direct = served_name if services.gateway.served_ids(credential=caller.credential) is None else None
    return SendUpdate(history, busy_prompt(), replace(turn, direct_name=direct or None), visit, *foot())


def _notice_instead(turn: Turn, caller: Caller, services: Services) -> str | None:
    """What the chat shows when no model is asked; None when one is."""
    decision = turn.decision
    assert decision is not None
    if decision.action == "refuse":
        return notice_html(decision.message or text.GUARD_OBJECTED, *(rule.sentence for rule in decision.rules))
    if not services.gateway.is_connected:
        chosen = decision.chosen
        reason = short_reason(turn, chosen.model_id)
        return no_provider_html(chosen.model_id, reason, chosen, in_space=services.in_space)
    providers = services.gateway.providers
    if caller.credential is None and all(provider.needs_credential for provider in providers):
        return notice_html(text.LOG_IN if services.has_login else text.IN_SPACE)
    return None


async def _no_model(
    history: Sequence[ChatMessage],
    error: OmniError,
    question: Question,
    wishes: Wishes,
    visit: Visit,
    caller: Caller,
    services: Services,
) -> SendUpdate:
    lines = [str(error)]
    can_trim = False
    if isinstance(error, NoModelAvailable):
        if wishes.privacy == "local" and not services.gateway.conditions().local:
            lines.append(text.NO_LOCAL)
        elif _offers_none(wishes, services):
            title = services.find_router(wishes.router_key).name.title
            lines = [text.NONE_OFFERED.format(title=title)]
        latest = list(leave_out_oldest(history))[-1:]
        can_trim = bool(latest) and await _fits(to_question(latest[0]), wishes, visit, caller, services)
    if can_trim:
        n_turns = sum(message.role == "user" for message in question.conversation.messages)
        lines = [text.TOO_LONG.format(n=n_turns)]
    shown = [*history, page_message("notice", notice_html(*lines))]
    return SendUpdate(shown, ready_prompt(value=None), Turn(), visit, *foot(trim=can_trim))


def _offers_none(wishes: Wishes, services: Services) -> bool:
    """Whether a fitted router is on, and no connected server offers one of its models."""
    router, served = services.find_router(wishes.router_key), services.gateway.served_ids()
    known = {card.model_id for card in router.catalog.models}
    return router.name.source == "fitted" and served is not None and not served & known


async def _fits(question: Question, wishes: Wishes, visit: Visit, caller: Caller, services: Services) -> bool:
    preferences = wishes.to_preferences()
    conditions = conditions_for(question.conversation, preferences, visit.session, services)
    try:
        router = services.find_router(wishes.router_key)
        await services.route(caller.visitor, question.conversation, preferences, conditions=conditions, router=router)
    except NoModelAvailable:
        return False
    return True
