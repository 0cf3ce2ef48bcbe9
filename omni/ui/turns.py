"""One visitor's last prompt and what came of it, and the steps that chat and comparison share."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import Literal

from omni.conditions import Conditions
from omni.errors import StoreError
from omni.evidence import Evidence
from omni.gateway import ActualCost, Answer, AnswerStatus, Question
from omni.gateway.providers import Credential
from omni.policy import PRESETS
from omni.sessions import Session, put_rejected_last, stick
from omni.types import Candidate, Conversation, Decision, Explanation, Preferences, Reason
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.receipts import Receipt
from omni.ui.services import Services

logger = logging.getLogger(__name__)


PrivacyMode = Literal["standard", "anonymise", "local"]
Cause = Literal["prompt", "continue", "another"]
"""Why a model is asked: a new prompt, one whose answer broke off, or the wish for another model's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Kept in the visitor's session only; replaced, never edited."""

    question: Question | None = None
    decision: Decision | None = None
    explanation: Explanation | None = None
    evidence: Evidence | None = None
    """Recorded outcomes behind a fitted router's decision."""
    router_key: str | None = None
    """The router on the shelf that decided; None = the default."""
    direct_name: str | None = None
    """A served name that the visitor chose by hand because the catalog does not know it."""
    privacy: PrivacyMode = "standard"
    max_extra_usd: float | None = None
    """What a second start beside a slow first one may cost; None = no second start."""
    cause: Cause = "prompt"
    tried: tuple[str, ...] = ()
    """Models that began an answer to this question, in order."""
    session: Session = field(default_factory=Session)
    """Where the conversation had been when this was decided; models that the person turned down are asked last."""
    notes: tuple[str, ...] = ()
    """What else the panel says of the choice."""
    is_over: bool = False
    """No model is asked: the chat says why."""

    @property
    def only_local(self) -> bool:
        """Nothing may leave this machine: the visitor wants it so, or a rule of the operator's."""
        return self.privacy == "local" or (self.decision is not None and self.decision.local_only)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """What to ask, in order."""
        if self.direct_name:
            return (self.direct_name,)
        ranked = self.decision.scores.model_ids if self.decision else ()
        ordered = put_rejected_last(self.session, ranked)
        return tuple(model_id for model_id in ordered if model_id not in self.tried)


async def decide(
    question: Question,
    preferences: Preferences,
    services: Services,
    *,
    caller: Caller,
    session: Session | None = None,
    router_key: str | None = None,
) -> Turn:
    """Routes a question and keeps the decision's figures where a store is open.

    Args:
        session: where the conversation has been; None = a new start.
        caller: whose turn it takes, and whose own token opens providers that require one.
        router_key: the router on the shelf that the visitor switched to; None = the default.

    Raises:
        OmniError: Nothing to read, or no model is left.
    """
    session = session or Session()
    conditions = conditions_for(question.conversation, preferences, session, services, caller.credential)
    router = services.find_router(router_key)
    decision = await services.route(
        caller.visitor, question.conversation, preferences, conditions=conditions, router=router
    )
    evidence = router.evidence(decision)
    if services.store is not None:
        try:
            await asyncio.to_thread(services.store.save_decision, decision)
        except StoreError as error:
            logger.warning("a decision's figures were not kept: %s", error)
    turn = Turn(
        question=question,
        decision=decision,
        explanation=services.explain(decision, router.catalog, evidence),
        evidence=evidence,
        router_key=router_key,
        session=session,
        notes=(*_lost_notes(router_key, services), *move_notes(session, decision)),
    )
    first = decision.chosen.model_id
    if turn.model_ids[0] == first:
        return turn
    note = f"{text.ASKED_NOW.format(model=turn.model_ids[0])} {text.TURNED_DOWN.format(model=first)}"
    return replace(turn, notes=(note, *turn.notes))


def conditions_for(
    conversation: Conversation,
    preferences: Preferences,
    session: Session,
    services: Services,
    credential: Credential | None = None,
) -> Conditions:
    """What the decision should know beside the question: servers, votes, and the model the conversation is with."""
    weights = preferences.weights or PRESETS[preferences.preset]
    card = services.catalog.find(session.model_id) if session.model_id else None
    return replace(
        services.gateway.conditions(credential=credential),
        residuals=services.feedback.residuals() if services.feedback is not None else {},
        sticky=stick(session, conversation, weights, card),
    )


def _lost_notes(router_key: str | None, services: Services) -> tuple[str, ...]:
    """That the visitor's router is not kept any more, where that is so."""
    is_lost = router_key is not None and (services.shelf is None or services.shelf.find(router_key) is None)
    return (text.ROUTER_GONE,) if is_lost else ()


def move_notes(session: Session, decision: Decision) -> tuple[str, ...]:
    """Why the conversation cannot go on with its model, where that is so."""
    gone = next((each for each in decision.excluded if each.model_id == session.model_id), None)
    if gone is None or decision.chosen.model_id == gone.model_id:
        return ()
    form = text.OUTGREW if gone.reason is Reason.CONTEXT_WINDOW else text.CANNOT_GO_ON
    return (form.format(model=gone.model_id, detail=gone.detail),)


async def save_answer(turn: Turn, answer: Answer, services: Services) -> None:
    """Keeps what an answer took, where a store is open."""
    if services.store is None or turn.decision is None or answer.target is None:
        return
    from omni.store import AnswerRecord

    usage, cost = answer.usage, actual_cost_of(answer, services)
    record = AnswerRecord(
        decision_id=turn.decision.decision_id,
        model_id=answer.target.model_id,
        provider=answer.target.provider,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cost_usd=cost.cost_usd if cost else None,
        time_to_first_token_s=answer.time_to_first_token_s,
        latency_s=answer.total_s if answer.status is AnswerStatus.DONE else None,
        finish_reason=answer.finish_reason,
        error_kind=None if answer.status is AnswerStatus.DONE else answer.status.value,
    )
    try:
        await asyncio.to_thread(services.store.save_answer, record)
    except StoreError as error:
        logger.warning("an answer's figures were not kept: %s", error)


def actual_cost_of(answer: Answer, services: Services) -> ActualCost | None:
    """What an answer cost; None while that is not known."""
    card = services.catalog.find(answer.target.model_id) if answer.target is not None else None
    return services.gateway.cost(answer, card)


def find_candidate(decision: Decision | None, model_id: str) -> Candidate | None:
    """The model's row in a decision, None when it was left out."""
    if decision is None or model_id not in decision.scores.model_ids:
        return None
    return decision.candidates[decision.scores.model_ids.index(model_id)]


def build_receipt(turn: Turn, answer: Answer | None, services: Services, *, model_id: str | None = None) -> Receipt:
    """What stands under an answer. `model_id` names the model when there is no answer yet."""
    if answer is not None and answer.target is not None:
        model_id = answer.target.model_id
    model_id = model_id or (turn.model_ids[0] if turn.model_ids else "")
    reason = text.DIRECT if turn.direct_name else short_reason(turn, model_id)
    cost = actual_cost_of(answer, services) if answer else None
    expected = find_candidate(turn.decision, model_id)
    return Receipt(model_id=model_id, reason=reason, expected=expected, answer=answer, actual_cost=cost)


def short_reason(turn: Turn, model_id: str) -> str:
    """One line on why this model answers."""
    if turn.explanation is None or turn.decision is None:
        return ""
    if turn.cause != "prompt" and turn.tried:
        form = text.CONTINUES if turn.cause == "continue" else text.ANOTHER_ASKED
        return form.format(model=turn.tried[-1])
    if model_id == turn.decision.chosen.model_id:
        return turn.explanation.headline
    candidate = find_candidate(turn.decision, model_id)
    place = text.PLACE.format(rank=candidate.rank) if candidate else ""
    first = turn.decision.chosen.model_id
    return f"{place} {text.TURNED_DOWN.format(model=first)}" if first in turn.session.rejected else place
