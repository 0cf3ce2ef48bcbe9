"""One start for page and server: the first piece, the rest, and what the health board is told."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest

from omni.errors import BadReply, RateLimited
from omni.gateway import ErrorKind, HealthBoard, Target
from omni.gateway.begin import MAX_ANSWER_S, Start
from omni.gateway.tries import Try

TARGET = Target(model_id="a", provider="one", served_name="a")


class Clock:
    """Goes on by what a test adds."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> HealthBoard:
    return HealthBoard(clock=clock)


def a_start(health: HealthBoard, clock: Clock, pieces: Iterator[str | Exception], limit_s: float = 1.0) -> Start[str]:
    """Over pieces of which each takes a second; an empty one holds nothing of an answer."""

    async def source() -> AsyncGenerator[str]:
        for piece in pieces:
            clock.now_s += 1.0
            if isinstance(piece, Exception):
                raise piece
            yield piece

    call = health.begin(TARGET)
    assert call is not None
    attempt = Try(TARGET, call, is_repeat=False, is_last=True)
    return Start(attempt, source(), health, clock, has_content=bool, limit_s=limit_s)


async def read(start: Start[str]) -> list[str]:
    pieces = []
    while (piece := await start.next()) is not None:
        pieces.append(piece)
    return pieces


def test_what_came_before_the_first_piece_is_read_first(health: HealthBoard, clock: Clock) -> None:
    """Nothing is lost and nothing is turned round; the first piece is learned at once."""

    async def run() -> list[str]:
        start = a_start(health, clock, iter(["", "x", "y"]))
        assert await start.begin()
        seen = health.snapshot().model("one", "a")
        assert (start.first_piece_s, seen and seen.first_token_s) == (2.0, 2.0)
        return await read(start)

    assert asyncio.run(run()) == ["", "x", "y"]


def test_speed_counts_from_the_first_piece(health: HealthBoard, clock: Clock) -> None:
    """Eleven tokens, ten of them in the two seconds after it."""

    async def run() -> None:
        start = a_start(health, clock, iter("xyz"))
        assert await start.begin()
        await read(start)
        start.succeed(11)

    asyncio.run(run())
    seen = health.snapshot().model("one", "a")
    assert seen is not None
    assert (seen.tokens_per_s, seen.success, seen.in_flight) == (5.0, 1.0, 0)


@pytest.mark.parametrize(
    ("pieces", "kind", "retry_after_s"),
    [
        (["", ""], ErrorKind.BROKEN, None),
        ([RateLimited("Wait.", retry_after_s=7.0)], ErrorKind.RATE_LIMITED, 7.0),
        ([TimeoutError()], ErrorKind.TIMEOUT, None),
    ],
)
def test_no_first_piece_is_a_failure_with_its_kind(
    health: HealthBoard, clock: Clock, pieces: list[str | Exception], kind: ErrorKind, retry_after_s: float | None
) -> None:
    """With a sentence, told to the health board once; closing it afterwards does no harm."""

    async def run() -> Start[str]:
        start = a_start(health, clock, iter(pieces))
        assert not await start.begin()
        await start.close()
        return start

    start = asyncio.run(run())
    assert start.failure is not None
    assert start.failure.error
    assert (start.failure.kind, start.retry_after_s) == (kind, retry_after_s)
    seen = health.snapshot().model("one", "a")
    assert seen is not None
    assert (seen.n_calls, seen.in_flight) == (1, 0)


@pytest.mark.parametrize("error", [BadReply("It broke off."), None])
def test_a_break_and_an_answer_without_an_end_are_raised(
    health: HealthBoard, clock: Clock, error: Exception | None
) -> None:
    """After what had come until then."""

    async def run() -> None:
        start = a_start(health, clock, iter(["x", error or "y", "z"]))
        assert await start.begin()
        assert await start.next() == "x"
        if error is None:
            clock.now_s += MAX_ANSWER_S
        with pytest.raises((BadReply, TimeoutError)):
            await start.next()

    asyncio.run(run())


def test_silence_ends_the_wait(health: HealthBoard, clock: Clock) -> None:
    """At the limit, with the time-out's own kind."""

    async def never() -> AsyncGenerator[str]:
        await asyncio.Event().wait()
        yield ""

    async def run() -> Start[str]:
        call = health.begin(TARGET)
        assert call is not None
        attempt = Try(TARGET, call, is_repeat=False, is_last=False)
        start = Start(attempt, never(), health, clock, has_content=bool, limit_s=0.01)
        assert not await start.begin()
        return start

    failure = asyncio.run(run()).failure
    assert failure is not None
    assert failure.kind is ErrorKind.TIMEOUT
