"""Passes a chat request to the gateway's providers as it is, moving on while no piece of an answer has come."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from omni.api.errors import Failure
from omni.api.events import Event
from omni.api.reply import Reply
from omni.api.upstream import Upstreams
from omni.errors import ProviderError
from omni.gateway import Attempt, Gateway, HealthBoard, Hedge, Target, Timeouts, race
from omni.gateway.begin import Start
from omni.gateway.tries import Tries, Try

_PIECES = ("content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")


class AllFailed(Exception):
    """No target answered; `failures` says why, in order."""

    def __init__(self, failures: Sequence[Failure], *, retry_after_s: float | None) -> None:
        super().__init__(f"{len(failures)} failures")
        self.failures = tuple(failures)
        self.retry_after_s = retry_after_s
        """Seconds until a provider that is held back may be asked; None = none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked for one answer, and of whom."""

    targets: tuple[Target, ...]
    """In order."""
    body: Event = field(repr=False)
    """For the upstream, without the model."""
    hedge: Hedge | None = None
    """When a second target is asked beside a slow one; None = never."""
    input_tokens: int = 0
    """Estimated; decides with the price whether a second start may be paid for."""


class Search:
    """The tries for one answer, and what became of them. Belongs to one request."""

    def __init__(self, ask: Ask, health: HealthBoard, *, give_up_at_s: float) -> None:
        self.ask = ask
        self.failures: list[Failure] = []
        self.tries = Tries(ask.targets, health)
        self._give_up_at_s = give_up_at_s

    def next(self, now_s: float) -> Try:
        """Whom to ask next.

        Raises:
            AllFailed: nobody is left, or the time is over.
        """
        attempt = self.tries.next() if now_s < self._give_up_at_s else None
        if attempt is None:
            raise AllFailed(self.failures, retry_after_s=self.tries.retry_after_s())
        return attempt

    def fail(self, failure: Failure) -> None:
        """Takes a failed try into account."""
        self.failures.append(failure)
        self.tries.learn(failure.attempt)


class Relay:
    """Asks, in the gateway's order and with its health board. Holds no request's data."""

    def __init__(
        self, gateway: Gateway, *, timeouts: Timeouts | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gateway = gateway
        self._timeouts = timeouts or Timeouts()
        self._upstreams = Upstreams(gateway.provider, self._timeouts)
        self._clock = clock

    def search(self, ask: Ask) -> Search:
        """A new row of tries."""
        return Search(ask, self._gateway.health, give_up_at_s=self._clock() + self._timeouts.give_up_s)

    async def open(self, search: Search) -> "Opening":
        """Asks target after target until one has sent a piece of an answer.

        Raises:
            AllFailed: none did.
        """
        while True:
            attempt = search.next(self._clock())
            winner = await self._begin(attempt, search)
            if winner is not None:
                winner.failures = tuple(search.failures)
                return winner

    async def collect(self, search: Search) -> "tuple[Opening, list[Event]]":
        """The whole answer. Nothing has been shown, so that a broken answer moves on, too.

        Raises:
            AllFailed: no target gave a whole answer.
        """
        while True:
            opening, events = await self.open(search), list[Event]()
            try:
                while (more := await opening.next()) is not None:
                    events += more
                opening.succeed(opening.output_tokens)
                return opening, events
            except (ProviderError, TimeoutError) as error:
                search.fail(opening.to_failure(opening.fail(error)))
            finally:
                await opening.close()

    async def close(self) -> None:
        """Closes the connections; must run on the loop that served."""
        await self._upstreams.close()

    async def _begin(self, attempt: Try, search: Search) -> "Opening | None":
        """One request, or two when the first is slow and the second may be paid for. None = none has a piece."""
        hedge, first = search.ask.hedge, self._start(attempt, search)

        def second() -> Opening | None:
            assert hedge is not None
            tokens = search.ask.input_tokens
            other = search.tries.second(first.target, lambda target: self._gateway.may_hedge(hedge, target, tokens))
            return None if other is None else self._start(other, search)

        after_s = math.inf if hedge is None else self._gateway.hedge_after_s(hedge, first.target)
        ended = await race(first, second, after_s=after_s)
        for failed in ended.failed:
            assert failed.failure is not None
            search.fail(failed.to_failure(failed.failure))
        if ended.winner is not None and ended.lost is not None:
            outrun = ended.lost.outrun(ended.winner.target.provider)
            search.failures.append(Failure(attempt=outrun, is_charged=True))
        return ended.winner

    def _start(self, attempt: Try, search: Search) -> "Opening":
        reply = self._upstreams.ask(attempt.target, search.ask.body)
        limit_s = self._timeouts.silence_s if attempt.is_last else self._timeouts.first_piece_s
        return Opening(attempt, reply, self._gateway.health, self._clock, limit_s=limit_s)


class Opening(Start[list[Event]]):
    """One request of the relay: a start that also knows what the upstream said in words and figures."""

    def __init__(
        self, attempt: Try, reply: Reply, health: HealthBoard, clock: Callable[[], float], *, limit_s: float
    ) -> None:
        """`limit_s`: seconds until the first piece."""
        super().__init__(attempt, reply, health, clock, has_content=_has_content, limit_s=limit_s)
        self.reply = reply
        self.failures: tuple[Failure, ...] = ()
        """The tries before this one, and one that this one has outrun."""

    @property
    def n_attempts(self) -> int:
        return len(self.failures) + 1

    @property
    def output_tokens(self) -> int | None:
        """As far as the upstream has said."""
        return self.reply.usage.output_tokens if self.reply.usage else None

    def to_failure(self, attempt: Attempt) -> Failure:
        """The attempt, with what the client may need to know of it."""
        return Failure(
            attempt=attempt,
            status=self.reply.status,
            retry_after_s=self.retry_after_s,
            detail=self.reply.detail,
            usage=self.reply.usage,
            is_charged=self.first_piece_s is not None,
        )


def has_piece(event: Event) -> bool:
    """Whether the chunk holds text, thinking, a tool call, or the news that there will be none."""
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if any(delta.get(name) for name in _PIECES) or choice.get("finish_reason") in {"length", "content_filter"}:
            return True
    return False


def _has_content(events: Sequence[Event]) -> bool:
    return any(map(has_piece, events))
