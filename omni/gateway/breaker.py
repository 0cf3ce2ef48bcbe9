"""A circuit breaker: after failures it holds requests back, and lets one probe through from time to time.

Closed: all pass. Open: none until the probe time. Half-open: the probe time has come, one request at a time passes;
success closes the breaker, failure opens it for twice as long. Not locked: the health board's lock guards it.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from omni.gateway.gauges import Gauge


class BreakerState(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When breakers open and how long they stay so."""

    max_failures_in_a_row: int = 5
    """Of one model at one provider."""
    max_provider_failures: int = 8
    """In a row, of more than one model at a provider or of its connection."""
    max_failure_rate: float | None = 0.6
    """Recent share of failures, 0..1, that opens a breaker; None = only failures in a row do."""
    min_calls: float = 10.0
    """Recent calls before the rate counts."""
    half_life_s: float = 60.0
    """After this time a call counts half in the rate."""
    probe_s: float = 10.0
    """From opening to the first probe; doubled after each failed one."""
    max_probe_s: float = 300.0


@dataclass(slots=True)
class Breaker:
    """The state for one model at one provider, or for a provider."""

    limits: Limits
    state: BreakerState = BreakerState.CLOSED
    """HALF_OPEN only while a probe is under way; `state_at` says when one is due."""
    failures_in_a_row: int = 0
    _open_until_s: float = 0.0
    _n_opened: int = 0
    """Times it opened since the last success."""
    _probe: object | None = None
    _failures: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self._failures = Gauge(half_life_s=self.limits.half_life_s, is_share=True)

    def state_at(self, now: float) -> BreakerState:
        """The state; an open breaker whose probe is due is half-open."""
        due = self.state is BreakerState.OPEN and now >= self._open_until_s
        return BreakerState.HALF_OPEN if due else self.state

    def retry_in_s(self, now: float) -> float | None:
        """Seconds to the next probe, 0 when one is due or under way; None when closed."""
        return None if self.state is BreakerState.CLOSED else max(0.0, self._open_until_s - now)

    def admits(self, now: float, *, force: bool = False) -> bool:
        """Whether a request may pass; `force` does not wait for the probe time."""
        if self.state is BreakerState.CLOSED:
            return True
        return self._probe is None and (force or now >= self._open_until_s)

    def enter(self, call: object, now: float) -> None:
        """A request that was admitted begins."""
        if self.state is not BreakerState.CLOSED:
            self.state, self._probe = BreakerState.HALF_OPEN, call
            self._open_until_s = min(self._open_until_s, now)

    def leave(self, call: object) -> None:
        """A request ended in whatever way; without a verdict after it, the probe is due again."""
        if self._probe is call:
            self._probe, self.state = None, BreakerState.OPEN

    def succeed(self, now: float) -> None:
        """An answer came, from a probe or from a request sent before the breaker opened: all pass again."""
        if self.state is not BreakerState.CLOSED:
            self.state, self._probe = BreakerState.CLOSED, None
            self._failures = Gauge(half_life_s=self.limits.half_life_s, is_share=True)
        self.failures_in_a_row, self._n_opened = 0, 0
        self._failures.learn(0.0, now)

    def fail(self, now: float, *, may_open: bool = True) -> None:
        """A failure; `may_open` False counts it without opening."""
        self.failures_in_a_row += 1
        self._failures.learn(1.0, now)
        if self.state is not BreakerState.CLOSED:
            # a straggler sent before the breaker opened tells nothing new
            if self._probe is None and now >= self._open_until_s:
                self._open(now)
        elif may_open and (self.failures_in_a_row >= self.limits.max_failures_in_a_row or self._fails_often(now)):
            self._open(now)

    def _open(self, now: float) -> None:
        wait_s = min(self.limits.max_probe_s, self.limits.probe_s * 2.0**self._n_opened)
        self.state, self._open_until_s = BreakerState.OPEN, now + wait_s
        self._n_opened = min(self._n_opened + 1, 30)

    def _fails_often(self, now: float) -> bool:
        rate, limit = self._failures.mean(now), self.limits.max_failure_rate
        enough = self._failures.weight(now) >= self.limits.min_calls
        return rate is not None and limit is not None and enough and rate >= limit
