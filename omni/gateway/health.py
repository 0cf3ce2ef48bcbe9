"""How well each provider and each of its models does at present: circuit breakers, forgetting averages, load.

A model at a provider has a breaker, and so has the provider: when a provider's models fail one after the other, the
provider is at fault, its breaker opens and takes the blame from its models. Times are seconds on the clock given.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from omni.gateway.breaker import Breaker, BreakerState, Limits
from omni.gateway.gauges import Gauge, Gauges
from omni.gateway.messages import ErrorKind, Target
from omni.gateway.snapshots import UNSEEN, Changes, Health, HealthSnapshot, Sight

MAX_PAUSE_S = 600.0
"""The longest pause a provider may ask for; a longer one is tried again after this."""
ACCOUNT_S = 60.0
"""How long a provider whose account failed comes last."""
MIN_QUANTILE = 8
"""First pieces that a quantile needs before it says something."""
N_LOGGED = 512
"""Changes that are remembered one by one."""
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
OWN_ACCOUNT = frozenset({ErrorKind.ACCOUNT, ErrorKind.RATE_LIMITED})
"""With a visitor's own token these are between the visitor and the provider."""
LOWERS_SUCCESS = BLAMES_MODEL | {ErrorKind.OTHER}


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """A request under way. Ends once; the board keeps it until then."""

    target: Target
    started_s: float
    is_own: bool = False
    """True when a visitor's own token pays: their account's problems and limits are not the provider's."""
    has_begun: bool = False
    """True once the first piece came."""
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
        self._version = 0
        self._changed: deque[tuple[int, str | None]] = deque(maxlen=N_LOGGED)
        self._held: set[str] = set()
        """Providers that were held back at their last move."""

    def begin(self, target: Target, *, force: bool = False, is_own: bool = False) -> Call | None:
        """Registers a request, or None when the target is held back. Every call must be ended by one of the others.

        Args:
            is_own: A visitor's own token pays for it.
            force: Probe an open breaker before its time, for when nobody else is left. A pause that a provider asked
                for is kept, and so is the limit of one probe at a time.
        """
        with self._lock:
            now = self._clock()
            for record in self._known(target):
                if record.paused_until_s > now or not record.breaker.admits(now, force=force):
                    return None
            call = Call(target=target, started_s=now, is_own=is_own)
            for record in self._records(target):
                record.breaker.enter(call, now)
                record.in_flight += 1
            self._moved(target, now)
            return call

    def begun(self, call: Call, first_token_s: float) -> None:
        """The first piece came, seconds after the request; told at once, since the rest may take minutes."""
        with self._lock:
            self._learn_first(call, first_token_s)

    def succeed(self, call: Call, *, first_token_s: float | None, tokens_per_s: float | None) -> None:
        """A whole answer came; unknown figures are None."""
        with self._lock:
            now = self._clock()
            if first_token_s is not None:
                self._learn_first(call, first_token_s)
            model, provider = self._leave(call)
            self._forgive(call.target, model, provider)
            for record in (model, provider):
                record.n_calls += 1
                record.breaker.succeed(now)
                record.gauges.learn(now, success=1.0, tokens_per_s=tokens_per_s)
            provider.failing.clear()
            if not call.is_own:
                provider.account_error, provider.account_until_s = None, -math.inf
            self._moved(call.target, now)

    def fail(self, call: Call, kind: ErrorKind, sentence: str, *, retry_after_s: float | None = None) -> None:
        """No answer came, or no whole one.

        An account's problem is kept for the provider and not held against the model; a request that does not suit a
        model is held against nobody, and nor are the limits of a visitor's own account.
        """
        with self._lock:
            now = self._clock()
            model, provider = self._leave(call)
            if not (call.is_own and kind in OWN_ACCOUNT):
                for record in (model, provider):
                    record.n_calls += 1
                    record.errors[kind] += 1
                    record.last_error = sentence
                    if kind in LOWERS_SUCCESS:
                        record.gauges.learn(now, success=0.0)
                        record.gauges.failed_after_s.learn(now - call.started_s, now)
                if kind is ErrorKind.ACCOUNT:
                    provider.account_error, provider.account_until_s = sentence, now + ACCOUNT_S
                elif kind is ErrorKind.RATE_LIMITED and retry_after_s is not None:
                    provider.paused_until_s = max(provider.paused_until_s, now + min(retry_after_s, MAX_PAUSE_S))
                else:
                    self._blame(call.target, kind, now)
            self._moved(call.target, now)

    def abandon(self, call: Call) -> None:
        """The visitor stopped it, or another was quicker: no success and no failure. Twice does no harm.

        A wait for the first piece that was given up counts as a first piece that late, when that is later than usual:
        whom everybody leaves would otherwise never be seen to have become slow.
        """
        with self._lock:
            if call.is_over:
                return
            model, _ = self._leave(call)
            now = self._clock()
            usual_s = model.gauges.first_token_s.mean(now)
            waited_s = now - call.started_s
            if not call.has_begun and usual_s is not None and waited_s > usual_s:
                self._learn_first(call, waited_s)
            self._moved(call.target, now)

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

    def first_token_s(self, target: Target, share: float) -> float | None:
        """The time in which `share` (0..1) of the target's newest first pieces came; None with too few of them."""
        with self._lock:
            record = self._models.get((target.provider, target.model_id))
            gauge = None if record is None else record.gauges.first_token_s
            return gauge.quantile(share) if gauge is not None and gauge.n_newest >= MIN_QUANTILE else None

    def sights(self, targets: Iterable[Target]) -> list[Sight]:
        """Each target as a decision sees it now, in order."""
        with self._lock:
            now = self._clock()
            return [self._sight(target, now) for target in targets]

    def changes(self, since: int) -> Changes:
        """What moved since a version that an earlier call gave. Time alone changes figures without being told here."""
        with self._lock:
            version = self._version
            if since == version:
                return Changes(version, frozenset())
            newest = [model_id for number, model_id in self._changed if number > since]
            if len(newest) < version - since or None in newest:
                return Changes(version, None)
            return Changes(version, frozenset(model_id for model_id in newest if model_id is not None))

    @property
    def has_held_providers(self) -> bool:
        """Whether a provider was held back at its last move: time alone may let it be asked again."""
        with self._lock:
            return bool(self._held)

    def model_ids(self) -> frozenset[str]:
        """Everything that was asked for since the start, as far as it is remembered."""
        with self._lock:
            return frozenset(model_id for _, model_id in self._models)

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

    def _learn_first(self, call: Call, seconds: float) -> None:
        if call.has_begun:
            return
        call.has_begun = True
        now = self._clock()
        for record in self._records(call.target):
            record.gauges.first_token_s.learn(seconds, now)
        self._moved(call.target, now)

    def _forgive(self, target: Target, model: _Record, provider: _Record) -> None:
        """An answer after an outage: the failures of that outage tell nothing about from now on."""
        if model.breaker.state is not BreakerState.CLOSED:
            model.gauges.success = Gauge(is_share=True)
        if provider.breaker.state is not BreakerState.CLOSED:
            provider.gauges.success = Gauge(is_share=True)
            for model_id in provider.failing:
                if (failing := self._models.get((target.provider, model_id))) is not None:
                    failing.gauges.success = Gauge(is_share=True)

    def _moved(self, target: Target, now: float) -> None:
        """Writes down that a model moved; when its provider is or was held back, that anything may have."""
        provider = self._providers[target.provider]
        is_open = provider.breaker.state is not BreakerState.CLOSED
        is_held = is_open or max(provider.paused_until_s, provider.account_until_s) > now
        whole = is_held or target.provider in self._held
        (self._held.add if is_held else self._held.discard)(target.provider)
        self._version += 1
        self._changed.append((self._version, None if whole else target.model_id))

    def _sight(self, target: Target, now: float) -> Sight:
        model = self._models.get((target.provider, target.model_id))
        provider = self._providers.get(target.provider)
        if provider is None:
            return UNSEEN
        records = [record for record in (model, provider) if record is not None]
        is_ready = all(record.paused_until_s <= now and record.breaker.admits(now) for record in records)
        is_probe = any(record.breaker.state is not BreakerState.CLOSED for record in records)
        gauges = None if model is None or is_probe else model.gauges
        return Sight(
            is_ready=is_ready,
            is_probe=is_probe,
            has_account_problem=provider.account_until_s > now,
            availability=None if gauges is None else gauges.success.mean(now),
            weight=0.0 if gauges is None else gauges.success.weight(now),
            speed_weight=0.0 if gauges is None else gauges.first_token_s.weight(now),
            first_token_s=None if gauges is None else gauges.first_token_s.mean(now),
            tokens_per_s=None if gauges is None else gauges.tokens_per_s.mean(now),
            failed_after_s=None if gauges is None else gauges.failed_after_s.mean(now),
            in_flight=0 if model is None else model.in_flight,
        )

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
