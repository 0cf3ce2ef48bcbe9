"""What the routes share."""

from dataclasses import dataclass, field
from typing import Any

from omni.api.batches import Batches
from omni.api.caller import Mark
from omni.api.guard import Guard
from omni.api.journal import Journal
from omni.api.metrics import Metrics
from omni.api.relay import Relay
from omni.bodies import Bodies
from omni.commands.route import decision_to_json
from omni.gateway import Target, Usage
from omni.services import Services
from omni.sessions import SessionTable
from omni.types import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Built once a server; no request's data."""

    services: Services
    guard: Guard
    metrics: Metrics
    journal: Journal
    relay: Relay
    batches: Batches
    bodies: Bodies
    mark: Mark
    """Makes a mark of a visitor's key or address."""
    sessions: SessionTable = field(default_factory=SessionTable)

    def decision_json(self, decision: Decision) -> dict[str, Any]:
        """The same JSON as `python -m omni route --json`."""
        evidence = self.services.router.evidence(decision)
        explanation = self.services.explain(decision, self.services.router.catalog, evidence).to_text()
        return decision_to_json(decision, explanation, self.services.references(decision), evidence)

    def cost_usd(self, target: Target, usage: Usage | None) -> float | None:
        """What the tokens cost at the provider that answered; None when tokens or price are not known."""
        cost = self.services.gateway.cost_of(target, usage, self.services.catalog.find(target.model_id))
        return cost.cost_usd if cost else None
