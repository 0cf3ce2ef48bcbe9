"""The state of the world that a decision depends on beside its input, as one value. Unknown is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from omni.types import Task

TRUSTED_ANSWERS = 2.0
"""A model counts as well until seen otherwise; what was seen outweighs that from this many answers on."""
ATTENTION_S = 10.0
"""How long a person waits for a first sign before turning to something else.

Source: Nielsen, Usability Engineering (1993), ch. 5: ten seconds keep a user's attention.
"""


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
    failed_after_s: float | None = None
    """Recent average of the time that a request without an answer took."""
    in_flight: int = 0

    @property
    def answered(self) -> float:
        """Chance of an answer, 0..1: what was seen, trusted by its weight."""
        return 1.0 if self.availability is None else _trusted(self.availability, self.weight)

    @property
    def awaited(self) -> float:
        """Chance that somebody still waits when the first piece comes, 0..1; with twice the wait, half as many do.

        The share is an assumption. It falls beyond `ATTENTION_S` only: whatever else time costs is latency's.
        """
        if self.first_token_s is None or self.first_token_s <= ATTENTION_S:
            return 1.0
        weight = self.weight if self.speed_weight is None else self.speed_weight
        return _trusted(ATTENTION_S / self.first_token_s, weight)


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


def _trusted(share: float, weight: float) -> float:
    return (weight * share + TRUSTED_ANSWERS) / (weight + TRUSTED_ANSWERS)
