"""What the health board tells: values at one moment. Unknown is None."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from omni.gateway.breaker import BreakerState
from omni.gateway.messages import ErrorKind, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One model at one provider, or a whole provider, at the time of a snapshot. Unknown is None."""

    provider: str
    model_id: str | None
    """None = the provider as a whole."""
    state: BreakerState
    failures_in_a_row: int
    retry_in_s: float | None
    """Seconds until it may be asked again (0 = a probe is due); None = it may be asked now."""
    success: float | None
    """Share of answers, 0..1, recent ones counting most."""
    first_token_s: float | None
    """Recent average."""
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    tokens_per_s: float | None
    """Recent average, of output tokens after the first piece."""
    tokens_per_s_p50: float | None
    n_calls: int
    """Ended calls since the start."""
    n_failed: int
    in_flight: int
    errors: tuple[tuple[ErrorKind, int], ...]
    """How often each kind came, most often first."""
    last_error: str | None
    account_error: str | None = None
    """What is wrong with the provider's account, in a sentence."""

    @property
    def is_open(self) -> bool:
        """True when ordinary requests pass it by."""
        return self.retry_in_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSnapshot:
    """Everything the board knows, as a value; what was never asked is missing."""

    providers: tuple[Health, ...]
    """By name."""
    models: tuple[Health, ...]
    """By provider and model id."""

    def provider(self, name: str) -> Health | None:
        """The provider as a whole, None when it was never asked."""
        return next((health for health in self.providers if health.provider == name), None)

    def model(self, provider: str, model_id: str) -> Health | None:
        """A model at a provider, None when it was never asked there."""
        return next((row for row in self.models if (row.provider, row.model_id) == (provider, model_id)), None)

    def best(self, model_id: str) -> Health | None:
        """Where a model does best now: not held back, then most often successful, then soonest at its first piece.

        For the router's availability and latency. None when the model was never asked anywhere.
        """
        open_providers = {health.provider for health in self.providers if health.is_open}

        def rank(row: Health) -> tuple[bool, float, float, str]:
            success = 1.0 if row.success is None else row.success
            first_token_s = math.inf if row.first_token_s is None else row.first_token_s
            return (row.is_open or row.provider in open_providers, -success, first_token_s, row.provider)

        return min((row for row in self.models if row.model_id == model_id), key=rank, default=None)

    def is_open(self, target: Target) -> bool:
        """True when requests to the target are held back."""
        rows = (self.provider(target.provider), self.model(target.provider, target.model_id))
        return any(row is not None and row.is_open for row in rows)


class Sight(NamedTuple):
    """One target as a decision sees it; quicker to make than a `Health`."""

    is_ready: bool
    """A request would pass, be it as a probe."""
    is_probe: bool
    """The next request finds out whether the target is well again: what was seen before says little."""
    has_account_problem: bool
    availability: float | None
    """Share of requests answered, 0..1, recent ones counting most."""
    weight: float
    """How many fresh requests `availability` is worth."""
    speed_weight: float
    """How many fresh first pieces the two speeds are worth."""
    first_token_s: float | None
    tokens_per_s: float | None
    failed_after_s: float | None
    """Seconds that requests without an answer took."""
    in_flight: int


UNSEEN = Sight(
    is_ready=True,
    is_probe=False,
    has_account_problem=False,
    availability=None,
    weight=0.0,
    speed_weight=0.0,
    first_token_s=None,
    tokens_per_s=None,
    failed_after_s=None,
    in_flight=0,
)


class Changes(NamedTuple):
    """What moved on the board since an earlier version."""

    version: int
    models: frozenset[str] | None
    """Model ids; None = anything may have moved."""
