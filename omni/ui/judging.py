"""What visitors say of answers: thumbs, the wish for another model, votes; kept as figures, learned from at once."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

import gradio as gr

from omni.errors import StoreError
from omni.figures import short_name
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.foot import note_html
from omni.ui.history import ChatMessage, answer_id_at
from omni.ui.services import Services
from omni.ui.visits import Given, Visit

if TYPE_CHECKING:
    from omni.store import FeedbackKind

logger = logging.getLogger(__name__)


class LikeUpdate(NamedTuple):
    """Outputs of `on_like`, in order."""

    visit: Visit
    note: str


async def on_like(
    data: gr.LikeData, history: list[ChatMessage], visit: Visit, *, caller: Caller, services: Services
) -> LikeUpdate:
    """Counts a thumb and says so.

    Inputs: chat.chatbot, chat.visit
    Outputs: LikeUpdate
    """
    row = data.index[0] if isinstance(data.index, tuple) else data.index
    answer_id = answer_id_at(history, row)
    given = visit.find(answer_id) if answer_id is not None else None
    if given is None:
        return LikeUpdate(visit, note_html(text.NOT_JUDGED))
    if not isinstance(data.liked, bool) or visit.judged.get(given.answer_id) is data.liked:
        return LikeUpdate(visit, note_html(""))
    kind: Literal["like", "dislike"] = "like" if data.liked else "dislike"
    await keep_verdict(given, kind, caller, services)
    return LikeUpdate(visit.with_verdict(kind, given), note_html(thanks(given, is_up=data.liked, services=services)))


async def learn_retry(given: Given, visit: Visit, caller: Caller, services: Services) -> Visit:
    """Counts the wish for another model's answer against the one given."""
    await keep_verdict(given, "retry", caller, services)
    return visit.with_verdict("retry", given)


async def keep_verdict(
    given: Given,
    kind: "FeedbackKind",
    caller: Caller,
    services: Services,
    *,
    other: Given | None = None,
    value: float | None = None,
) -> None:
    """Stores a judgement as figures and lets the board learn from it.

    Args:
        value: in a vote, 1 = better than `other`, 0 = worse, 0.5 = a tie.
    """
    from omni.store import Feedback

    ratio = given.n_chars / other.n_chars if other is not None and other.n_chars and given.n_chars else None
    record = Feedback(
        decision_id=given.decision_id,
        kind=kind,
        model_id=given.model_id,
        other_model_id=other.model_id if other is not None else None,
        value=value,
        visitor=caller.visitor,
        tasks={task.value: share for task, share in given.tasks.items()},
        length_ratio=ratio,
        expected_logit=_expected_logit(given, other),
    )
    if services.feedback is not None:
        from omni.learning import to_vote

        vote = to_vote(record, datetime.now(UTC))
        if vote is not None:
            services.feedback.learn(vote)
    if services.store is None:
        return
    try:
        await asyncio.to_thread(services.store.save_feedback, record)
    except StoreError as error:
        logger.warning("a judgement was not kept: %s", error)


def _expected_logit(given: Given, other: Given | None) -> float | None:
    if given.quality_logit is None or other is None:
        return given.quality_logit
    return None if other.quality_logit is None else given.quality_logit - other.quality_logit


def thanks(given: Given, *, is_up: bool, services: Services) -> str:
    """One quiet line."""
    task = text.TASKS[max(given.tasks, key=lambda task: given.tasks[task])]
    if services.feedback is None:
        return text.THANKS_NOT_LEARNED
    return (text.THANKS_UP if is_up else text.THANKS_DOWN).format(model=short_name(given.model_id), task=task)
