"""One request to a target: its first piece, the rest, and its end, which the health board is told once."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from omni.errors import BadReply, ProviderError, RateLimited
from omni.gateway.failures import kind_of
from omni.gateway.health import HealthBoard
from omni.gateway.messages import Attempt, Chunk, ErrorKind
from omni.gateway.tries import Try


class ChunkStart:
    """Belongs to one answer. `begin` may run in another task than the rest."""

    def __init__(
        self,
        attempt: Try,
        stream: AsyncGenerator[Chunk],
        health: HealthBoard,
        clock: Callable[[], float],
        *,
        limit_s: float,
        pause_s: float = 0.0,
    ) -> None:
        """`limit_s` is the longest wait for the first piece, after a pause of `pause_s`."""
        self.target = attempt.target
        self.stream = stream
        self.head: list[Chunk] = []
        """What came until the first piece, to be read before the rest of the stream."""
        self.first_token_s: float | None = None
        self.failure: Attempt | None = None
        self._call = attempt.call
        self._health = health
        self._clock = clock
        self._limit_s = limit_s
        self._pause_s = pause_s
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
                async for chunk in self.stream:
                    self.head.append(chunk)
                    if chunk.is_content:
                        self.first_token_s = self.seconds
                        self._health.begun(self._call, self.first_token_s)
                        return True
            raise BadReply(f"{self.target.provider} sent an empty answer.")
        except (ProviderError, TimeoutError) as error:
            self.fail(error)
            return False

    def fail(self, error: ProviderError | TimeoutError) -> Attempt:
        """Tells the health board what went wrong."""
        self.failure = Attempt(
            target=self.target,
            error=str(error) or f"{self.target.provider} did not answer in time.",
            kind=kind_of(error),
            seconds=self.seconds,
        )
        pause_s = error.retry_after_s if isinstance(error, RateLimited) else None
        self._health.fail(self._call, self.failure.kind, self.failure.error, retry_after_s=pause_s)
        return self.failure

    def succeed(self, tokens_per_s: float | None) -> None:
        """A whole answer came."""
        self._health.succeed(self._call, first_token_s=self.first_token_s, tokens_per_s=tokens_per_s)

    def outrun(self, winner: str) -> Attempt:
        """The try as others see it, after `winner` was quicker."""
        error = f"{self.target.provider} was slower than {winner}, which was asked as well."
        return Attempt(target=self.target, error=error, kind=ErrorKind.OUTRUN, seconds=self.seconds)

    async def close(self) -> None:
        """Ends the upstream call, finished or not; twice does no harm."""
        self._health.abandon(self._call)
        await self.stream.aclose()
