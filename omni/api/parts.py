"""What the routes share, and the two steps that several of them take: decide, and plan whom to ask."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omni.api.errors import ApiError, unknown_model
from omni.api.journal import Journal
from omni.api.metrics import Metrics
from omni.api.relay import Relay
from omni.api.requests import ChatRequest
from omni.api.services import Guard, Services
from omni.commands.route import decision_to_json
from omni.conditions import Conditions
from omni.conversations import build_conversation
from omni.errors import InputError, NoModelAvailable
from omni.gateway import Target, Usage, actual_cost
from omni.types import Conversation, Decision, ModelCard, Preferences

MAX_CHARS_INLINE = 20_000
"""Up to here a decision takes a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is asked for one answer, in order."""

    targets: tuple[Target, ...]
    decision: Decision | None
    """None = the client named the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Built once a server; no request's data."""

    services: Services
    guard: Guard
    metrics: Metrics
    journal: Journal
    relay: Relay
    cards: Mapping[str, ModelCard] = field(repr=False)

    async def decide(self, chat: ChatRequest) -> Decision:
        """Routes a request and keeps the decision's figures.

        Raises:
            ApiError: 400; there is nothing to read, or no model is left.
        """
        conditions = self.services.gateway.conditions()
        try:
            conversation = build_conversation(chat.body)
            decision = await self._route(conversation, chat.preferences, conditions)
        except InputError as error:
            raise ApiError(400, str(error), param="messages", code="invalid_value") from None
        except NoModelAvailable as error:
            raise ApiError(400, str(error), code="no_model_available") from None
        self.metrics.decisions.labels(decision.preferences.preset, decision.chosen.model_id).inc()
        self.journal.keep_decision(decision)
        return decision

    async def _route(
        self, conversation: Conversation, preferences: Preferences | None, conditions: Conditions
    ) -> Decision:
        route = self.services.router.route
        if sum(len(message.text) for message in conversation.messages) <= MAX_CHARS_INLINE:
            # A thread would compete with this one for the interpreter, and every stream would wait for it.
            return route(conversation, preferences, conditions=conditions)
        return await asyncio.to_thread(route, conversation, preferences, conditions=conditions)

    async def plan(self, chat: ChatRequest) -> Plan:
        """Whom to ask: the decision's models by rank, or the one model that the client named.

        Raises:
            ApiError: 400 see `decide`; 404 nobody offers the named model; 503 no server is connected or fits.
        """
        gateway = self.services.gateway
        if not gateway.is_connected:
            message = "No model server is connected. Set HF_TOKEN or OMNI_BASE_URL; /v1/route works without."
            raise ApiError(503, message, code="no_provider")
        decision = None if chat.preferences is None else await self.decide(chat)
        targets = gateway.targets((chat.model,) if decision is None else decision.scores.model_ids)
        if not targets and decision is None:
            raise unknown_model(chat.model, "is not offered by a connected server; GET /v1/models lists all.")
        if not targets:
            raise ApiError(503, "No connected server offers a model for this.", code="no_model_available")
        return Plan(targets=targets, decision=decision)

    def decision_json(self, decision: Decision) -> dict[str, Any]:
        """The same JSON as `python -m omni route --json`."""
        explanation = self.services.explain(decision, self.services.catalog).to_text()
        return decision_to_json(decision, explanation, self.services.references(decision))

    def cost_usd(self, model_id: str, usage: Usage | None) -> float | None:
        """What the tokens cost; None when tokens or price are not known."""
        cost = actual_cost(self.cards.get(model_id), usage)
        return cost.cost_usd if cost else None
