"""A second start when the first one is slow: whoever has the first piece goes on, the other is stopped."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

DEFAULT_AFTER_S = 3.0
"""Where too little was seen of a target's first pieces."""
MIN_AFTER_S = 0.25
"""A second start sooner than this would double the calls for nothing that a person notices."""
SHARE = 0.95
"""Of a target's first pieces that come before a second start is made."""
CLOSE_S = 0.5
"""The longest that stopping the slower one may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """When a second start is made, and for how much."""

    after_s: float | None = None
    """Silence before it, in seconds; None = the time in which 95 % of the target's first pieces come."""
    max_extra_usd: float = 0.001
    """The most that the second start may be expected to cost; a price that nobody states is too much."""


class Start(Protocol):
    """One request that is asked for its first piece."""

    async def begin(self) -> bool:
        """True when the first piece is here; False when it failed, and the start knows why. Cancelled: undecided."""
        ...

    async def close(self) -> None:
        """Ends the request, whatever its state; twice does no harm."""
        ...


S = TypeVar("S", bound=Start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race(Generic[S]):
    """How one or two starts ended. The winner is open; all others are closed."""

    winner: S | None
    failed: tuple[S, ...] = ()
    lost: S | None = None
    """Stopped because the other was quicker."""


async def race(first: S, second: Callable[[], S | None], *, after_s: float) -> Race[S]:
    """Begins one, and another one when nothing has come after a while; the first piece decides.

    Args:
        second: Makes the other start, or None when there is nobody or it would cost too much. Called at most once.
        after_s: Seconds before that; infinite = never.

    Cancelling this closes both.
    """
    starts = {asyncio.create_task(first.begin()): first}
    try:
        ended = await _decide(starts, second, after_s)
        await _stop({task: start for task, start in starts.items() if start is not ended.winner})
    except BaseException:
        # also when it came while the slower one was being stopped: nobody is left who would close the winner
        await _stop(starts)
        raise
    return ended


async def _decide(starts: dict[asyncio.Task[bool], S], second: Callable[[], S | None], after_s: float) -> Race[S]:
    done, _ = await asyncio.wait(starts, timeout=None if after_s == float("inf") else after_s)
    if not done and (other := second()) is not None:
        starts[asyncio.create_task(other.begin())] = other
    failed: list[S] = []
    running = dict(starts)
    while running:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        # the one that began first goes on when both have a piece
        for task in [task for task in running if task in done]:
            start = running.pop(task)
            if task.result():
                return Race(winner=start, failed=tuple(failed), lost=next(iter(running.values()), None))
            failed.append(start)
    return Race(winner=None, failed=tuple(failed))


async def _stop(starts: dict[asyncio.Task[bool], S]) -> None:
    if not starts:
        return
    for task in starts:
        task.cancel()
    await asyncio.gather(*starts, return_exceptions=True)
    for start in starts.values():
        await _close(start)


async def _close(start: Start) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await start.close()
    except TimeoutError:
        pass  # the server does not let go; the connection goes with the process
