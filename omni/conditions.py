"""The state of the world that a decision depends on beside its input, as one value. Unknown is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from omni.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """How a model was seen to do lately, at the provider that would be asked first."""

    availability: float | None
    """0..1: share of requests that were answered, recent ones counting most."""
    first_token_s: float | None
    """Recent average."""
    tokens_per_s: float | None
    """Recent average, of output tokens after the first piece."""
    weight: float
    """How many recent answers the figures stand for; falls with time, so that the published figures rule again."""
    speed_weight: float | None = None
    """The same for the two speeds, which failures say nothing of; None = as `weight`."""
    in_flight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """The model that this conversation has been with."""

    model_id: str
    is_locked: bool
    """True inside a tool loop: nobody else is asked while this model can answer."""
    switch_cost: float
    """Quality (0..1) that another model must be better by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is served, how it does, what people said of it, and where the conversation has been."""

    served: frozenset[str] | None = None
    """Catalog ids that a live provider offers; None = not known, nobody is left out for it."""
    local: frozenset[str] = frozenset()
    """Catalog ids that a server on this machine offers."""
    health: Mapping[str, ModelHealth] = field(default_factory=dict)
    """By catalog id; models that were never asked are missing."""
    residuals: Mapping[Task, Mapping[str, float]] = field(default_factory=dict)
    """Logits per task and catalog id learned from feedback; missing = 0."""
    sticky: Sticky | None = None


NOTHING_KNOWN = Conditions()
