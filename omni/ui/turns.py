"""One visitor's last prompt and what came of it, and the steps that chat and comparison share."""

import asyncio
import logging
from dataclasses import dataclass

from omni.errors import StoreError
from omni.gateway import Answer, AnswerStatus, Question, actual_cost
from omni.types import Candidate, Decision, Explanation, ModelCard, Preferences
from omni.ui import text
from omni.ui.receipts import Receipt
from omni.ui.services import Services

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Kept in the visitor's session only; replaced, never edited."""

    question: Question | None = None
    decision: Decision | None = None
    explanation: Explanation | None = None
    direct_name: str | None = None
    """A served name that the visitor chose by hand because the catalog does not know it."""

    @property
    def model_ids(self) -> tuple[str, ...]:
        """What to ask, in order."""
        if self.direct_name:
            return (self.direct_name,)
        return self.decision.scores.model_ids if self.decision else ()


async def decide(question: Question, preferences: Preferences, services: Services) -> Turn:
    """Routes a question and keeps the decision's figures where a store is open.

    Raises:
        OmniError: Nothing to read, or no model is left.
    """
    conditions = services.gateway.conditions()
    decision = services.router.route(question.conversation, preferences, conditions=conditions)
    explanation = services.explain(decision, services.catalog)
    if services.store is not None:
        try:
            await asyncio.to_thread(services.store.save_decision, decision)
        except StoreError as error:
            logger.warning("a decision's figures were not kept: %s", error)
    return Turn(question=question, decision=decision, explanation=explanation)


async def save_answer(turn: Turn, answer: Answer, services: Services) -> None:
    """Keeps what an answer took, where a store is open."""
    if services.store is None or turn.decision is None or answer.target is None:
        return
    from omni.store import AnswerRecord

    usage = answer.usage
    cost = actual_cost(find_card(services, answer.target.model_id), usage)
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


def find_card(services: Services, model_id: str) -> ModelCard | None:
    """The model's card, None for a name that the catalog does not know."""
    return next((card for card in services.catalog.models if card.model_id == model_id), None)


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
    cost = actual_cost(find_card(services, model_id), answer.usage) if answer else None
    expected = find_candidate(turn.decision, model_id)
    return Receipt(model_id=model_id, reason=reason, expected=expected, answer=answer, actual_cost=cost)


def short_reason(turn: Turn, model_id: str) -> str:
    """One line on why this model answers."""
    if turn.explanation is None or turn.decision is None:
        return ""
    if model_id == turn.decision.chosen.model_id:
        return turn.explanation.headline
    candidate = find_candidate(turn.decision, model_id)
    return f"Number {candidate.rank} by score." if candidate else ""
