"""Which model and provider to ask next while an answer has not begun."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from omni.gateway.health import Call, HealthBoard
from omni.gateway.messages import Attempt, ErrorKind, Target

MAX_TRIES = 8
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

    def __init__(self, targets: Sequence[Target], health: HealthBoard) -> None:
        self._health = health
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
        providers = {target.provider for target in self._targets}
        avoided = {provider for provider in providers if self._health.has_account_problem(provider)}
        ordered = sorted(self._targets, key=lambda target: self._rank(target, avoided))
        for force in (False, True):
            for target in ordered:
                call = self._health.begin(target, force=force)
                if call is not None:
                    self._n_tried[target] += 1
                    is_repeat = self._n_tried[target] > 1
                    return Try(target, call, is_repeat, is_last=len(self._targets) == 1)
        return None

    def learn(self, attempt: Attempt) -> None:
        """Takes a failed try into account."""
        target, kind = attempt.target, attempt.kind
        if kind in {ErrorKind.NOT_SERVED, ErrorKind.REFUSED}:
            self._targets.remove(target)
            return
        self._failed_providers.add(target.provider)
        if kind is ErrorKind.ACCOUNT:
            self._targets = [other for other in self._targets if other.provider != target.provider]
        elif kind not in PASSES or self._n_tried[target] >= TRIES_PER_TARGET:
            self._targets.remove(target)

    def retry_after_s(self) -> float | None:
        """Seconds until the first of the targets that are left may be asked; None when none is held back."""
        waits = [wait for target in self._targets if (wait := self._health.retry_in_s(target)) is not None]
        return min(waits, default=None)

    def _rank(self, target: Target, avoided: set[str]) -> tuple[bool, int, bool]:
        return (target.provider in avoided, self._n_tried[target], target.provider in self._failed_providers)
