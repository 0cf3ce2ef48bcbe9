"""Passes a chat request to the gateway's providers as it is, moving on while no piece of an answer has come."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from omni.api.answers import usage_of
from omni.api.errors import Failure
from omni.api.events import Event
from omni.api.upstream import Broken, Upstreams
from omni.errors import BadReply, RateLimited
from omni.gateway import Attempt, ErrorKind, Gateway, HealthBoard, Hedge, Target, Timeouts, Usage, race
from omni.gateway.failures import ServerFailure, kind_of
from omni.gateway.gateway import MAX_ANSWER_S, REPEAT_PAUSE_S
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
        self._upstreams = Upstreams(lambda: gateway.providers, self._timeouts)
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
            opening = await self.open(search)
            try:
                return opening, [event async for events in opening.events() for event in events]
            except Broken as broken:
                search.fail(opening.fail(broken))
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
            search.fail(failed.failure)
        if ended.lost is not None:
            search.failures.append(ended.lost.outrun())
        return ended.winner

    def _start(self, attempt: Try, search: Search) -> "Opening":
        limits = self._timeouts
        return Opening(
            attempt,
            self._gateway.health,
            self._upstreams.ask(attempt.target, search.ask.body),
            self._clock,
            limit_s=limits.silence_s if attempt.is_last else limits.first_piece_s,
        )


class Opening:
    """One request to a target, and its answer. Tells the health board how it ended, once."""

    def __init__(
        self,
        attempt: Try,
        health: HealthBoard,
        source: AsyncGenerator[list[Event], None],
        clock: Callable[[], float],
        *,
        limit_s: float,
    ) -> None:
        """`limit_s`: seconds until the first piece."""
        self.target = attempt.target
        self.failures: tuple[Failure, ...] = ()
        """The tries before this one, and one that this one has outrun."""
        self.failure: Failure | None = None
        """Why `begin` came to nothing."""
        self.first_piece_s: float | None = None
        """From this request."""
        self.usage: Usage | None = None
        """Known once the upstream has said it."""
        self._call = attempt.call
        self._is_repeat = attempt.is_repeat
        self._health = health
        self._source = source
        self._clock = clock
        self._limit_s = limit_s
        self._started_s = clock()
        self._head: list[list[Event]] = []
        self._deadline_s = 0.0

    @property
    def n_attempts(self) -> int:
        return len(self.failures) + 1

    async def begin(self) -> bool:
        """True when the first piece is here; False when none came, and `failure` says why."""
        if self._is_repeat:
            await asyncio.sleep(REPEAT_PAUSE_S)
        now_s = asyncio.get_running_loop().time()
        self._started_s = self._clock()
        self._deadline_s = now_s + self._limit_s
        try:
            while (events := await self._next()) is not None:
                self._head.append(events)
                if any(map(has_piece, events)):
                    self.first_piece_s = self._clock() - self._started_s
                    self._deadline_s = now_s + MAX_ANSWER_S
                    return True
            raise Broken(BadReply(f"{self.target.provider} sent an empty answer."))
        except Broken as broken:
            self.failure = self.fail(broken)
            return False

    async def events(self) -> AsyncGenerator[list[Event], None]:
        """The upstream's chunks from the first, those that came together in one list; to be read once.

        Raises:
            Broken: the answer ends early.
        """
        is_finished = False
        head, self._head = self._head, []
        following: list[Event] | None
        for events in head:
            is_finished = self._learn(events) or is_finished
            yield events
        # The transport's own time-out guards against silence from here on.
        loop = asyncio.get_running_loop()
        while (following := await anext(self._source, None)) is not None:
            is_finished = self._learn(following) or is_finished
            yield following
            if loop.time() > self._deadline_s:
                raise self._late()
        if not is_finished:
            raise Broken(BadReply(f"{self.target.provider} stopped before the answer was complete."))
        self._health.succeed(self._call, first_token_s=self.first_piece_s, tokens_per_s=self._tokens_per_s())

    def fail(self, broken: Broken) -> Failure:
        """Tells the health board what went wrong."""
        error = broken.error
        pause_s = error.retry_after_s if isinstance(error, RateLimited) else None
        attempt = self._attempt(str(error), kind_of(error))
        self._health.fail(self._call, attempt.kind, attempt.error, retry_after_s=pause_s)
        return Failure(attempt=attempt, status=broken.status, retry_after_s=pause_s, detail=broken.detail)

    def outrun(self) -> Failure:
        """The record of a request that was stopped because another one was quicker."""
        return Failure(attempt=self._attempt(f"{self.target.provider} was outrun.", ErrorKind.OUTRUN))

    async def close(self) -> None:
        """Ends the upstream call, finished or not; twice does no harm."""
        self._health.abandon(self._call)
        await self._source.aclose()

    def _attempt(self, error: str, kind: ErrorKind) -> Attempt:
        return Attempt(target=self.target, error=error, kind=kind, seconds=self._clock() - self._started_s)

    def _learn(self, events: Sequence[Event]) -> bool:
        """Takes in what the chunks report; True when one of them ends a choice."""
        is_finished = False
        for event in events:
            is_finished = has_finished(event) or is_finished
            self.usage = usage_of(event) or self.usage
        return is_finished

    async def _next(self) -> list[Event] | None:
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await anext(self._source, None)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> Broken:
        return Broken(ServerFailure(f"{self.target.provider} did not answer in time.", ErrorKind.TIMEOUT))

    def _tokens_per_s(self) -> float | None:
        if self.usage is None or self.first_piece_s is None or self.usage.output_tokens < 2:
            return None
        streaming_s = self._clock() - self._started_s - self.first_piece_s
        return (self.usage.output_tokens - 1) / streaming_s if streaming_s > 0.001 else None


def has_piece(event: Event) -> bool:
    """Whether the chunk holds text, thinking, a tool call, or the news that there will be none."""
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if any(delta.get(name) for name in _PIECES) or choice.get("finish_reason") in {"length", "content_filter"}:
            return True
    return False


def has_finished(event: Event) -> bool:
    """Whether the chunk says that a choice is complete."""
    return any(choice.get("finish_reason") for choice in event.get("choices") or ())
