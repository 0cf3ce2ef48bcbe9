"""One upstream answer as it is read: how much is taken, and what a provider that sends too much is told."""

import asyncio
from collections.abc import Iterable

import pytest

from omni.api.reply import MAX_ANSWER_BYTES, Reply
from omni.errors import BadReply, ProviderError
from omni.gateway import Provider

EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'


class FakeResponse:
    """A reply whose bytes come in pieces."""

    def __init__(self, pieces: Iterable[bytes], status: int) -> None:
        self.status, self.headers = status, dict[str, str]()
        self._pieces = iter(pieces)
        self.content = self
        self.is_closed = False

    async def readany(self) -> bytes:
        return next(self._pieces, b"")

    def at_eof(self) -> bool:
        return True

    def close(self) -> None:
        self.is_closed = True


def a_reply(*pieces: bytes, status: int = 200) -> Reply:
    async def send() -> FakeResponse:
        return FakeResponse(pieces, status)

    return Reply(send, Provider(name="box", base_url="http://box.test"), {}, silence_s=60.0)  # type: ignore[arg-type]


def test_an_answer_without_an_end_is_refused() -> None:
    """Events that are whole count too: 64 MB of an answer are the most, and the provider is named."""
    piece = b": " + b"x" * (MAX_ANSWER_BYTES // 2) + b"\n\n" + EVENT

    async def run() -> None:
        reply = a_reply(EVENT * 3, piece, piece)
        try:
            assert len(await reply.__anext__()) == 3
            assert len(await reply.__anext__()) == 1
            with pytest.raises(BadReply, match="box sent more than 64 MB"):
                await reply.__anext__()
        finally:
            await reply.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "is_told"),
    [(400, True), (404, True), (413, True), (422, True), (401, False), (402, False), (429, False), (500, False)],
)
def test_the_upstreams_words_are_kept_where_the_request_is_at_fault(status: int, is_told: bool) -> None:
    """They help the client then; of accounts, limits and breakdowns it learns the kind alone."""

    async def run() -> None:
        reply = a_reply(b'{"error": {"message": "Too many images."}}', status=status)
        with pytest.raises(ProviderError):
            await reply.__anext__()
        await reply.aclose()
        assert (reply.status, reply.detail) == (status, "Too many images." if is_told else None)

    asyncio.run(run())
