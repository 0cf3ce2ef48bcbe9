"""One request to a target: its first piece, the rest, and its end, which the health board is told once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from omni.errors import BadReply, ProviderError, RateLimited
from omni.gateway.failures import kind_of
from omni.gateway.health import HealthBoard
from omni.gateway.messages import Attempt, ErrorKind
from omni.gateway.tries import Try

MAX_ANSWER_S = 900.0
"""From the request to the last piece; whoever sends for longer is broken off."""
REPEAT_PAUSE_S = 0.2
"""Before a target that failed a moment ago is asked again."""
P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


class Source(Protocol[P_co]):
    """What a server sends for one request, piece by piece; an async generator is one."""

    def __anext__(self) -> Awaitable[P_co]:
        """The next piece.

        Raises:
            StopAsyncIteration: the answer is whole.
            ProviderError: the server refused, broke off, or sent something else.
        """
        ...

    def aclose(self) -> Awaitable[None]:
        """Ends the upstream call, finished or not; twice does no harm."""
        ...


class Start(Generic[P]):
    """Belongs to one answer. `begin` may run in another task than the rest."""

    def __init__(
        self,
        attempt: Try,
        source: Source[P],
        health: HealthBoard,
        clock: Callable[[], float],
        *,
        has_content: Callable[[P], bool],
        limit_s: float,
        pause_s: float = REPEAT_PAUSE_S,
    ) -> None:
        """A request that is not sent yet.

        Args:
            has_content: Whether a piece holds something of an answer, and not only news of it.
            limit_s: The longest wait for the first such piece.
            pause_s: Before it, where the target failed a moment ago.
        """
        self.target = attempt.target
        self.first_piece_s: float | None = None
        """From this request."""
        self.failure: Attempt | None = None
        """What went wrong; None while nothing did."""
        self.retry_after_s: float | None = None
        """The pause that the server asked for."""
        self._call = attempt.call
        self._source = source
        self._head: list[P] = []
        self._health = health
        self._clock = clock
        self._has_content = has_content
        self._limit_s = limit_s
        self._pause_s = pause_s if attempt.is_repeat else 0.0
        self._requested_s = clock()

    @property
    def seconds(self) -> float:
        """Since the request was sent."""
        return self._clock() - self._requested_s

    async def begin(self) -> bool:
        """Waits for the first piece; False when none came, and `failure` says why."""
        try:
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            self._requested_s = self._clock()
            async with asyncio.timeout(self._limit_s):
                while (piece := await anext(self._source, None)) is not None:
                    self._head.append(piece)
                    if self._has_content(piece):
                        self.first_piece_s = self.seconds
                        self._health.begun(self._call, self.first_piece_s)
                        self._head.reverse()
                        return True
            raise BadReply(f"{self.target.provider} sent an empty answer.")
        except (ProviderError, TimeoutError) as error:
            self.fail(error)
            return False

    async def next(self) -> P | None:
        """The answer from its first piece, those that `begin` read included; None = it is whole.

        Silence is for the source to notice: a timer for each piece would cost as much as the piece.

        Raises:
            ProviderError, TimeoutError: it broke off.
        """
        if self._head:
            return self._head.pop()
        if self.seconds > MAX_ANSWER_S:
            raise TimeoutError
        return await anext(self._source, None)

    def fail(self, error: ProviderError | TimeoutError) -> Attempt:
        """Tells the health board what went wrong."""
        self.failure = self._attempt(str(error) or f"{self.target.provider} did not answer in time.", kind_of(error))
        self.retry_after_s = error.retry_after_s if isinstance(error, RateLimited) else None
        self._health.fail(self._call, self.failure.kind, self.failure.error, retry_after_s=self.retry_after_s)
        return self.failure

    def succeed(self, output_tokens: int | None) -> None:
        """A whole answer came; None = nobody counted its tokens."""
        tokens_per_s = self._tokens_per_s(output_tokens)
        self._health.succeed(self._call, first_token_s=self.first_piece_s, tokens_per_s=tokens_per_s)

    def outrun(self, winner: str) -> Attempt:
        """The try as others see it, after `winner` was quicker."""
        error = f"{self.target.provider} was slower than {winner}, which was asked as well."
        return self._attempt(error, ErrorKind.OUTRUN)

    async def close(self) -> None:
        """Ends the upstream call, finished or not; twice does no harm."""
        self._health.abandon(self._call)
        await self._source.aclose()

    def _attempt(self, error: str, kind: ErrorKind) -> Attempt:
        return Attempt(target=self.target, error=error, kind=kind, seconds=self.seconds)

    def _tokens_per_s(self, output_tokens: int | None) -> float | None:
        """Of the tokens after the first piece, which often came together with it."""
        if output_tokens is None or output_tokens < 2 or self.first_piece_s is None:
            return None
        streaming_s = self.seconds - self.first_piece_s
        return (output_tokens - 1) / streaming_s if streaming_s > 0.001 else None
