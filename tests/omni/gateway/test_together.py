"""Several streams watched at once."""

import asyncio
from collections.abc import AsyncIterator

from omni.gateway import watch_together


async def _count(to: int, gate: asyncio.Event | None = None) -> AsyncIterator[int]:
    for number in range(1, to + 1):
        if gate is not None and number == to:
            await gate.wait()
        yield number


def test_the_last_view_has_every_streams_end() -> None:
    """Streams of different length both end at their last value."""

    async def last() -> tuple[int | None, ...]:
        return [view async for view in watch_together([_count(2), _count(5)], frame_s=0)][-1]

    assert asyncio.run(last()) == (2, 5)


def test_a_slow_stream_does_not_hold_up_the_other() -> None:
    """The fast stream's end is seen while the slow one still waits."""

    async def run() -> bool:
        gate = asyncio.Event()
        async for slow, fast in watch_together([_count(2, gate), _count(5)], frame_s=0):
            if fast == 5 and slow == 1:
                gate.set()
        return gate.is_set()

    assert asyncio.run(run())
