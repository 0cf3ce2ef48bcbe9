"""POST /v1/feedback: a judgement as figures, into the store and to the board that learns from it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from omni.api.caller import read_caller
from omni.api.errors import ApiError, unknown_model
from omni.api.journal import Entry
from omni.api.parts import Parts
from omni.api.requests import FeedbackRequest, parse, read_object
from omni.errors import StoreError
from omni.sessions import after_verdict
from omni.types import Decision

if TYPE_CHECKING:
    from omni.store import Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What is judged."""

    model_id: str
    entry: Entry | None
    """None = the decision is only in the store."""
    stored: Mapping[str, Any] = field(default_factory=dict)


async def take_feedback(parts: Parts, request: Request) -> Response:
    """Keeps and learns a judgement.

    Raises:
        ApiError: 400 wrong form, 404 nobody knows the decision or the model, 503 the store cannot be written.
    """
    caller = read_caller(request, parts.guard, parts.mark)
    feedback = parse(FeedbackRequest, await read_object(parts, request, caller.visitor))
    judged = await _find(parts, feedback)
    for model_id in (judged.model_id, feedback.other_model_id):
        if model_id is not None and parts.services.catalog.find(model_id) is None:
            raise unknown_model(model_id, "did not answer this decision.")
    record = None if feedback.rating == 0 else _to_record(feedback, judged, caller.visitor)
    if record is not None:
        await _keep(parts, record, judged.entry)
    is_stored = record is not None and parts.services.store is not None
    is_learned = record is not None and parts.services.feedback is not None
    body = {"decision_id": feedback.decision_id, "model_id": judged.model_id}
    return JSONResponse({**body, "stored": is_stored, "learned": is_learned})


async def find_stored(parts: Parts, decision_id: str) -> dict[str, Any]:
    """The stored figures of a decision that is no longer in memory.

    Raises:
        ApiError: 404 there are none, 503 they cannot be read.
    """
    await asyncio.to_thread(parts.journal.flush)
    try:
        row = await asyncio.to_thread(parts.journal.stored, decision_id)
    except StoreError:
        raise ApiError(503, "The stored figures cannot be read now.", code="store_unavailable") from None
    if row is None:
        raise ApiError(404, "There is no decision with this id.", param="decision_id", code="decision_not_found")
    return row


async def _find(parts: Parts, feedback: FeedbackRequest) -> _Judged:
    entry = parts.journal.find(feedback.decision_id)
    if entry is not None:
        answered_by = entry.answered_by or entry.decision.chosen.model_id
        return _Judged(model_id=feedback.model_id or answered_by, entry=entry)
    row = await find_stored(parts, feedback.decision_id)
    answered_by = str((row["answer"] or row)["model_id"])
    return _Judged(model_id=feedback.model_id or answered_by, entry=None, stored=row)


def _to_record(feedback: FeedbackRequest, judged: _Judged, visitor: str) -> "Feedback":
    from omni.store import Feedback, FeedbackKind

    decision = judged.entry.decision if judged.entry else None
    tasks = {judged.stored["main_task"]: 1.0} if decision is None else _tasks(decision)
    if feedback.rating is not None:
        kind: FeedbackKind = "like" if feedback.rating > 0 else "dislike"
        value = feedback.rating
    else:
        kind, value = "vote", _value(feedback)
    return Feedback(
        decision_id=feedback.decision_id,
        kind=kind,
        model_id=judged.model_id,
        other_model_id=feedback.other_model_id,
        value=value,
        visitor=visitor,
        tasks=tasks,
        expected_logit=_expected_logit(decision, judged.model_id, feedback.other_model_id),
    )


def _tasks(decision: Decision) -> dict[str, float]:
    return {task.value: share for task, share in decision.profile.tasks.items()}


def _value(feedback: FeedbackRequest) -> float:
    if feedback.winner == "tie":
        return 0.5
    return 1.0 if feedback.winner == feedback.model_id else 0.0


def _expected_logit(decision: Decision | None, model_id: str, other_model_id: str | None) -> float | None:
    """What the decision expected of the model, less what it expected of the other."""
    own = _logit(decision, model_id)
    if other_model_id is None or own is None:
        return own
    other = _logit(decision, other_model_id)
    return None if other is None else own - other


def _logit(decision: Decision | None, model_id: str) -> float | None:
    if decision is None or model_id not in decision.scores.model_ids:
        return None
    return decision.scores.candidate(decision.scores.model_ids.index(model_id)).quality_logit


async def _keep(parts: Parts, record: "Feedback", entry: Entry | None) -> None:
    store, board = parts.services.store, parts.services.feedback
    if store is not None:
        try:
            await asyncio.to_thread(store.save_feedback, record)
        except StoreError:
            raise ApiError(503, "The judgement could not be kept.", code="store_unavailable") from None
    if board is not None:
        from omni.learning import to_vote

        vote = to_vote(record, datetime.now(UTC))
        if vote is not None:
            board.learn(vote)
    if entry is not None and entry.session_key is not None and record.kind != "vote":
        session = parts.sessions.find(entry.session_key)
        parts.sessions.keep(entry.session_key, after_verdict(session, record.kind, record.model_id))
