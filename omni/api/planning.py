"""From a request to a plan: who is asked, in which order, with which words, or why nobody is."""

from dataclasses import dataclass, field, replace
from typing import Any

from omni.api.caller import Caller
from omni.api.errors import ApiError, unknown_model
from omni.api.parts import Parts
from omni.api.relay import Ask
from omni.api.requests import ChatRequest
from omni.conditions import Conditions
from omni.conversations import takes_long
from omni.errors import InputError, NoModelAvailable
from omni.gateway import Hedge, Target
from omni.gateway.guard import ask_guard, guard_ids_of
from omni.gateway.prices import expected_cost_usd
from omni.policy import PRESETS
from omni.privacy import Anonymiser, ChunkRestorer
from omni.sessions import Session, put_rejected_last, session_key, stick
from omni.types import Conversation, Decision, Preferences

CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A decision, with what it was made for."""

    decision: Decision
    conversation: Conversation = field(repr=False)
    session: Session
    session_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one answer is made."""

    ask: Ask
    routed: Routed | None
    """None = the client named the model."""
    restorer: ChunkRestorer | None = field(default=None, repr=False)
    """Puts private values back into the answer; None = none were taken out."""
    refusal: str | None = None
    """The sentence instead of an answer; None = somebody is asked."""

    @property
    def decision(self) -> Decision | None:
        return self.routed.decision if self.routed else None


async def decide(parts: Parts, chat: ChatRequest, caller: Caller) -> Routed:
    """Routes a request and keeps the decision's figures.

    Raises:
        ApiError: 400; there is nothing to read, or no model is left.
    """
    assert chat.preferences is not None
    assert chat.conversation is not None
    conversation = chat.conversation
    preferences = replace(chat.preferences, local_only=chat.preferences.local_only or caller.privacy == "local")
    try:
        key = caller.session or session_key(f"{caller.visitor} {chat.body.get('user')}", conversation)
        session = parts.sessions.find(key)
        conditions = _conditions(parts, conversation, preferences, session)
        decision = await _route(parts, conversation, preferences, conditions, visitor=caller.visitor)
    except InputError as error:
        raise ApiError(400, str(error), param="messages", code="invalid_value") from None
    except NoModelAvailable as error:
        raise ApiError(400, str(error), code="no_model_available") from None
    answered_by = "" if decision.action == "refuse" else decision.chosen.model_id
    parts.metrics.decisions.labels(decision.preferences.preset, answered_by).inc()
    parts.journal.keep_decision(decision, session_key=key)
    return Routed(decision=decision, conversation=conversation, session=session, session_key=key)


async def plan(parts: Parts, chat: ChatRequest, caller: Caller) -> Plan:
    """Whom to ask: the decision's models by rank, or the one model that the client named.

    Raises:
        ApiError: 400 see `decide`; 404 nobody offers the named model; 503 no server is connected or fits.
    """
    gateway = parts.services.gateway
    if chat.preferences is not None:
        routed = await decide(parts, chat, caller)
        if routed.decision.action == "refuse":
            return Plan(ask=Ask(targets=(), body={}), routed=routed, refusal=routed.decision.message)
    else:
        routed = None
    if not gateway.is_connected:
        message = "No model server is connected. Set HF_TOKEN or OMNI_BASE_URL; /v1/route works without."
        raise ApiError(503, message, code="no_provider")
    only_local = chat.local_only or caller.privacy == "local" or (routed is not None and routed.decision.local_only)
    targets = _targets(parts, chat, routed, only_local=only_local)
    body, restorer = await _masked(parts, chat, caller, routed)
    refusal = await _objection(parts, caller, routed, only_local=only_local, is_masked=restorer is not None)
    ask = Ask(
        targets=targets,
        body=body,
        hedge=Hedge() if caller.wants_hedge else None,
        input_tokens=routed.decision.profile.input_tokens if routed else chat.n_chars // CHARS_PER_TOKEN,
    )
    return Plan(ask=ask, routed=routed, restorer=restorer, refusal=refusal)


def expected_usd(parts: Parts, plan: Plan, target: Target | None = None) -> float | None:
    """What the answer of the target, or of the first, is expected to cost; None when there is no figure."""
    target = target or next(iter(plan.ask.targets), None)
    if plan.refusal is not None or target is None:
        return 0.0
    provider, decision = parts.services.gateway.provider(target.provider), plan.decision
    if provider is not None and provider.is_found:
        return 0.0
    if decision is not None and target.model_id in decision.scores.model_ids:
        return decision.candidates[decision.scores.model_ids.index(target.model_id)].cost_usd
    return expected_cost_usd(parts.services.gateway.price(target), plan.ask.input_tokens)


def _conditions(parts: Parts, conversation: Conversation, preferences: Preferences, session: Session) -> Conditions:
    weights = preferences.weights or PRESETS[preferences.preset]
    feedback = parts.services.feedback
    return replace(
        parts.services.gateway.conditions(),
        residuals=feedback.residuals() if feedback is not None else {},
        sticky=stick(session, conversation, weights, parts.services.catalog.find(session.model_id or "")),
    )


async def _route(
    parts: Parts, conversation: Conversation, preferences: Preferences, conditions: Conditions, *, visitor: str
) -> Decision:
    if takes_long(conversation, preferences):
        return await parts.services.route(visitor, conversation, preferences, conditions=conditions)
    # A thread would compete with this one for the interpreter, and every stream would wait for it.
    return await parts.batches.route(conversation, preferences, conditions)


def _targets(parts: Parts, chat: ChatRequest, routed: Routed | None, *, only_local: bool) -> tuple[Target, ...]:
    gateway = parts.services.gateway
    model_ids: tuple[str, ...] = (chat.model,)
    if routed is not None:
        model_ids = put_rejected_last(routed.session, routed.decision.scores.model_ids)
    elif not gateway.targets(model_ids):
        raise unknown_model(chat.model, "is not offered by a connected server; GET /v1/models lists all.")
    targets = gateway.targets(model_ids, only_local=only_local)
    if not targets:
        where = " on this machine" if only_local else ""
        raise ApiError(503, f"No connected server{where} offers a model for this.", code="no_model_available")
    return targets


async def _masked(
    parts: Parts, chat: ChatRequest, caller: Caller, routed: Routed | None
) -> tuple[dict[str, Any], ChunkRestorer | None]:
    """What is sent, and what puts private values back."""
    if caller.privacy != "anonymise":
        return chat.body, None
    language = routed.decision.profile.language if routed else "und"
    masked = await parts.services.heavy.run(caller.visitor, Anonymiser().mask_body, chat.body, language)
    return masked.body, ChunkRestorer(masked.restorer)


async def _objection(
    parts: Parts, caller: Caller, routed: Routed | None, *, only_local: bool, is_masked: bool
) -> str | None:
    """The sentence instead of an answer, where the policy wants a guard model's word and the guard objects."""
    if routed is None or routed.decision.action != "ask_guard":
        return None
    guard_ids = guard_ids_of(parts.services.catalog.models)
    conversation = routed.conversation
    if is_masked:
        mask, language = Anonymiser().mask, routed.decision.profile.language
        conversation = (await parts.services.heavy.run(caller.visitor, mask, conversation, language)).conversation
    verdict = await ask_guard(parts.services.gateway, guard_ids, conversation, only_local=only_local)
    return routed.decision.message if verdict.is_safe is False else None
