"""Several streams watched at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def watch_together(
    streams: Sequence[AsyncIterator[T]], *, frame_s: float = 0.04
) -> AsyncIterator[tuple[T | None, ...]]:
    """The newest value of every stream, at most once a frame while any of them moves; None before its first value.

    Closing this closes all streams.
    """
    latest: list[T | None] = [None] * len(streams)
    changed = asyncio.Event()

    async def pump(index: int, stream: AsyncIterator[T]) -> None:
        try:
            async for value in stream:
                latest[index] = value
                changed.set()
        finally:
            changed.set()

    tasks = [asyncio.create_task(pump(index, stream)) for index, stream in enumerate(streams)]
    shown: list[T | None] | None = None
    try:
        while not all(task.done() for task in tasks):
            await changed.wait()
            changed.clear()
            if latest != shown:
                shown = list(latest)
                yield tuple(shown)
                await asyncio.sleep(frame_s)
        if latest != shown:
            yield tuple(latest)
        for task in tasks:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
