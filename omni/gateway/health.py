"""How well each provider and each of its models does at present: circuit breakers, forgetting averages, load.

A model at a provider has a breaker, and so has the provider: when a provider's models fail one after the other, the
provider is at fault, its breaker opens and takes the blame from its models. Times are seconds on the clock given.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from omni.gateway.breaker import Breaker, BreakerState, Limits
from omni.gateway.gauges import Gauges
from omni.gateway.messages import ErrorKind, Target

MAX_PAUSE_S = 600.0
"""The longest pause a provider may ask for; a longer one is tried again after this."""
ACCOUNT_S = 60.0
"""How long a provider whose account failed comes last."""
MAX_MODELS = 4096
"""Models at providers that the board remembers."""
BLAMES_MODEL = frozenset(
    {
        ErrorKind.CONNECTION,
        ErrorKind.TIMEOUT,
        ErrorKind.SERVER,
        ErrorKind.BROKEN,
        ErrorKind.NOT_SERVED,
        ErrorKind.RATE_LIMITED,
    }
)
"""A 429 counts here only when it does not say how long to wait."""
BLAMES_PROVIDER = BLAMES_MODEL - {ErrorKind.NOT_SERVED, ErrorKind.RATE_LIMITED}
LOWERS_SUCCESS = BLAMES_MODEL | {ErrorKind.OTHER}


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


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """A request under way. Ends once; the board keeps it until then."""

    target: Target
    started_s: float
    is_over: bool = False


@dataclass(slots=True)
class _Record:
    """What is kept of a provider or of a model at one; guarded by the board's lock."""

    breaker: Breaker
    gauges: Gauges = field(default_factory=Gauges)
    errors: Counter[ErrorKind] = field(default_factory=Counter)
    n_calls: int = 0
    in_flight: int = 0
    paused_until_s: float = -math.inf
    last_error: str | None = None
    account_error: str | None = None
    account_until_s: float = -math.inf
    failing: set[str] = field(default_factory=set)
    """A provider's models that failed since its last success."""


class HealthBoard:
    """Decides who may be asked and learns from each call. One lock guards all records; snapshots are values."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._provider_limits = replace(
            self._limits, max_failures_in_a_row=self._limits.max_provider_failures, max_failure_rate=None
        )
        self._lock = threading.Lock()
        self._models: dict[tuple[str, str], _Record] = {}
        self._providers: dict[str, _Record] = {}

    def begin(self, target: Target, *, force: bool = False) -> Call | None:
        """Registers a request, or None when the target is held back. Every call must be ended by one of the others.

        Args:
            force: Probe an open breaker before its time, for when nobody else is left. A pause that a provider asked
                for is kept, and so is the limit of one probe at a time.
        """
        with self._lock:
            now = self._clock()
            for record in self._known(target):
                if record.paused_until_s > now or not record.breaker.admits(now, force=force):
                    return None
            call = Call(target=target, started_s=now)
            for record in self._records(target):
                record.breaker.enter(call, now)
                record.in_flight += 1
            return call

    def succeed(self, call: Call, *, first_token_s: float | None, tokens_per_s: float | None) -> None:
        """A whole answer came; unknown figures are None."""
        with self._lock:
            now = self._clock()
            model, provider = self._leave(call)
            for record in (model, provider):
                record.n_calls += 1
                record.breaker.succeed(now)
                record.gauges.learn(now, success=1.0, first_token_s=first_token_s, tokens_per_s=tokens_per_s)
            provider.failing.clear()
            provider.account_error, provider.account_until_s = None, -math.inf

    def fail(self, call: Call, kind: ErrorKind, sentence: str, *, retry_after_s: float | None = None) -> None:
        """No answer came, or no whole one.

        An account's problem is kept for the provider and not held against the model; a request that does not suit a
        model is held against nobody.
        """
        with self._lock:
            now = self._clock()
            model, provider = self._leave(call)
            for record in (model, provider):
                record.n_calls += 1
                record.errors[kind] += 1
                record.last_error = sentence
                if kind in LOWERS_SUCCESS:
                    record.gauges.learn(now, success=0.0)
            if kind is ErrorKind.ACCOUNT:
                provider.account_error, provider.account_until_s = sentence, now + ACCOUNT_S
            elif kind is ErrorKind.RATE_LIMITED and retry_after_s is not None:
                provider.paused_until_s = max(provider.paused_until_s, now + min(retry_after_s, MAX_PAUSE_S))
            else:
                self._blame(call.target, kind, now)

    def abandon(self, call: Call) -> None:
        """The visitor stopped it, or it says nothing about the server: only the load changes. Twice does no harm."""
        with self._lock:
            if not call.is_over:
                self._leave(call)

    def has_account_problem(self, provider: str) -> bool:
        """True for a while after a provider refused the key or the credit: others come first."""
        with self._lock:
            record = self._providers.get(provider)
            return record is not None and record.account_until_s > self._clock()

    def retry_in_s(self, target: Target) -> float | None:
        """Seconds until the target may be asked (0 = a probe is due); None = it may be asked as usual."""
        with self._lock:
            now = self._clock()
            waits = [wait for record in self._known(target) if (wait := _retry_in_s(record, now)) is not None]
            return max(waits, default=None)

    def snapshot(self) -> HealthSnapshot:
        """All that is known now."""
        with self._lock:
            now = self._clock()
            providers = tuple(_to_health(name, None, self._providers[name], now) for name in sorted(self._providers))
            models = tuple(_to_health(*key, self._models[key], now) for key in sorted(self._models))
        return HealthSnapshot(providers=providers, models=models)

    def _known(self, target: Target) -> list[_Record]:
        found = (self._models.get((target.provider, target.model_id)), self._providers.get(target.provider))
        return [record for record in found if record is not None]

    def _records(self, target: Target) -> tuple[_Record, _Record]:
        key = (target.provider, target.model_id)
        if key not in self._models:
            if len(self._models) >= MAX_MODELS:
                # callers may ask for any name: the oldest that nobody is asking now makes room
                idle = next((old for old, record in self._models.items() if not record.in_flight), None)
                self._models.pop(idle or key, None)
            self._models[key] = _Record(Breaker(self._limits))
        if target.provider not in self._providers:
            self._providers[target.provider] = _Record(Breaker(self._provider_limits))
        return self._models[key], self._providers[target.provider]

    def _leave(self, call: Call) -> tuple[_Record, _Record]:
        call.is_over = True
        model, provider = self._records(call.target)
        for record in (model, provider):
            record.in_flight -= 1
            record.breaker.leave(call)
        return model, provider

    def _blame(self, target: Target, kind: ErrorKind, now: float) -> None:
        model, provider = self._records(target)
        if kind in BLAMES_MODEL:
            model.breaker.fail(now)
        if kind not in BLAMES_PROVIDER:
            return
        if len(provider.failing) < MAX_MODELS:
            provider.failing.add(target.model_id)
        # one model that fails is that model's fault, unless the server cannot be reached at all
        spread = len(provider.failing) > 1 or kind is ErrorKind.CONNECTION
        provider.breaker.fail(now, may_open=spread)
        if provider.breaker.state is BreakerState.OPEN:
            for model_id in provider.failing:
                if (failing := self._models.get((target.provider, model_id))) is not None:
                    failing.breaker = Breaker(self._limits)


def _retry_in_s(record: _Record, now: float) -> float | None:
    waits = [record.breaker.retry_in_s(now), record.paused_until_s - now if record.paused_until_s > now else None]
    return max((wait for wait in waits if wait is not None), default=None)


def _to_health(provider: str, model_id: str | None, record: _Record, now: float) -> Health:
    gauges = record.gauges
    return Health(
        provider=provider,
        model_id=model_id,
        state=record.breaker.state_at(now),
        failures_in_a_row=record.breaker.failures_in_a_row,
        retry_in_s=_retry_in_s(record, now),
        success=gauges.success.mean(now),
        first_token_s=gauges.first_token_s.mean(now),
        first_token_p50_s=gauges.first_token_s.quantile(0.5),
        first_token_p95_s=gauges.first_token_s.quantile(0.95),
        tokens_per_s=gauges.tokens_per_s.mean(now),
        tokens_per_s_p50=gauges.tokens_per_s.quantile(0.5),
        n_calls=record.n_calls,
        n_failed=record.errors.total(),
        in_flight=record.in_flight,
        errors=tuple(sorted(record.errors.items(), key=lambda item: (-item[1], item[0]))),
        last_error=record.last_error,
        account_error=record.account_error,
    )
