"""Which model and provider to ask next while an answer has not begun."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from omni.gateway.health import Call, HealthBoard
from omni.gateway.messages import Attempt, ErrorKind, Target
from omni.gateway.providers import Credential

MAX_TRIES = 12
TRIES_PER_TARGET = 3
PASSES = frozenset({ErrorKind.CONNECTION, ErrorKind.SERVER, ErrorKind.BROKEN, ErrorKind.RATE_LIMITED})
"""Failures that the same target may not have a moment later."""


class Try(NamedTuple):
    """One request to make."""

    target: Target
    call: Call
    is_repeat: bool
    """True when this target failed a moment ago."""
    is_last: bool
    """True when nobody else could be asked after it."""


class Tries:
    """The order of tries for one answer. Belongs to one task."""

    def __init__(self, targets: Sequence[Target], health: HealthBoard, *, credential: Credential | None = None) -> None:
        """With a `credential`, its provider is asked at the visitor's own expense."""
        self._health = health
        self._credential = credential
        self._targets = [*targets]
        self._n_tried: Counter[Target] = Counter()
        self._failed_providers: set[str] = set()

    @property
    def may_go_on(self) -> bool:
        """False when enough was tried."""
        return self._n_tried.total() < MAX_TRIES

    def next(self) -> Try | None:
        """The next target that is not held back: a new one at a provider that did not fail, then a new one, then one
        that failed in passing; open breakers are probed early when nobody else is left. None = give up."""
        if not self.may_go_on:
            return None
        avoided = self._avoided()
        ordered = sorted(self._targets, key=lambda target: self._rank(target, avoided))
        for force in (False, True):
            for target in ordered:
                if (attempt := self._begin(target, force=force)) is not None:
                    return attempt
        return None

    def second(self, running: Target, is_affordable: Callable[[Target], bool]) -> Try | None:
        """Whom to ask beside one that is slow: new ones only, at another provider first. None = nobody."""
        if not self.may_go_on:
            return None
        avoided = self._avoided() | {running.provider}
        fresh = [target for target in self._targets if not self._n_tried[target] and target != running]
        for target in sorted(fresh, key=lambda target: self._rank(target, avoided)):
            if is_affordable(target) and (attempt := self._begin(target)) is not None:
                return attempt
        return None

    def learn(self, attempt: Attempt) -> None:
        """Takes a failed try into account."""
        target, kind = attempt.target, attempt.kind
        if kind in {ErrorKind.NOT_SERVED, ErrorKind.REFUSED} and target in self._targets:
            self._targets.remove(target)
            return
        self._failed_providers.add(target.provider)
        if kind is ErrorKind.ACCOUNT:
            self._targets = [other for other in self._targets if other.provider != target.provider]
        elif target in self._targets and not self._may_pass(target, kind):
            self._targets.remove(target)

    def retry_after_s(self) -> float | None:
        """Seconds until the first of the targets that are left may be asked; None when none is held back."""
        waits = [wait for target in self._targets if (wait := self._health.retry_in_s(target)) is not None]
        return min(waits, default=None)

    def _begin(self, target: Target, *, force: bool = False) -> Try | None:
        call = self._health.begin(target, force=force, is_own=self._is_own(target))
        if call is None:
            return None
        self._n_tried[target] += 1
        return Try(target, call, is_repeat=self._n_tried[target] > 1, is_last=len(self._targets) == 1)

    def _avoided(self) -> set[str]:
        providers = {target.provider for target in self._targets}
        return {provider for provider in providers if self._health.has_account_problem(provider)}

    def _is_own(self, target: Target) -> bool:
        return self._credential is not None and self._credential.provider == target.provider

    def _may_pass(self, target: Target, kind: ErrorKind) -> bool:
        """Whether the same target may answer a moment later; a visitor's own limit is not over so soon."""
        is_limit = kind is ErrorKind.RATE_LIMITED and self._is_own(target)
        return kind in PASSES and not is_limit and self._n_tried[target] < TRIES_PER_TARGET

    def _rank(self, target: Target, avoided: set[str]) -> tuple[bool, int, bool]:
        return (target.provider in avoided, self._n_tried[target], target.provider in self._failed_providers)
