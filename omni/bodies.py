"""Reads the bodies of requests as they arrive: nothing is parsed before it is known to keep to the caps."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from omni import caps
from omni.errors import CapExceeded, InputError
from omni.json_scan import JsonScan

READ_S = 60.0


class BodyRefused(InputError):
    """A body that is not read to its end; the text says why, `status` is the one of HTTP."""

    def __init__(self, message: str, *, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


@dataclass(slots=True)
class _Unread:
    """Of one visitor."""

    n_bodies: int = 0
    n_bytes: int = 0


class Bodies:
    """What has arrived of requests that are not whole, by visitor. Belongs to one event loop."""

    def __init__(
        self,
        *,
        max_bytes: int = caps.MAX_BODY_BYTES,
        max_values: int = caps.MAX_VALUES,
        read_s: float = READ_S,
        max_per_visitor: int = caps.MAX_UNREAD_BODIES_PER_VISITOR,
        max_bytes_per_visitor: int = caps.MAX_UNREAD_BYTES_PER_VISITOR,
        max_bytes_together: int = caps.MAX_UNREAD_BYTES,
    ) -> None:
        """`read_s`: for one request to arrive whole."""
        self.max_bytes = max_bytes
        self._max_values = max_values
        self._read_s = read_s
        self._max_per_visitor = max_per_visitor
        self._max_bytes_per_visitor = max_bytes_per_visitor
        self._max_bytes_together = max_bytes_together
        self._unread: dict[str, _Unread] = {}
        self._n_bytes = 0

    async def read(self, receive: Receive, headers: Headers, visitor: str) -> bytes:
        """The whole body.

        Raises:
            BodyRefused: 408 too slow, 413 too large, 429 the visitor's share is used, 400 the client left or the JSON
                holds too much.
        """
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self.max_bytes:
            raise self._too_large(int(length))
        with self._counted(visitor) as unread:
            try:
                async with asyncio.timeout(self._read_s):
                    return await self._read(receive, unread)
            except TimeoutError:
                message = f"The request did not arrive whole within {self._read_s:g} s."
                closing = {"connection": "close"}
                raise BodyRefused(message, status=408, code="request_timeout", headers=closing) from None

    async def _read(self, receive: Receive, unread: "_Unread") -> bytes:
        raw, scan, n_bytes = bytearray(), JsonScan(max_values=self._max_values), 0
        is_whole, refused = False, None
        try:
            while not is_whole:
                piece, is_whole = _piece(await receive())
                n_bytes += len(piece)
                if n_bytes > self.max_bytes:
                    raise self._too_large(n_bytes)
                if refused is not None:
                    continue  # what is left is thrown away: a reply before the end would not reach every client
                raw += piece
                self._count(unread, len(piece))
                refused = self._objection(unread, scan, piece)
                if refused is not None:
                    self._count(unread, -len(raw))
                    raw.clear()
        finally:
            self._count(unread, -len(raw))
        if refused is not None:
            raise refused
        return bytes(raw)

    def _objection(self, unread: "_Unread", scan: JsonScan, piece: bytes) -> BodyRefused | None:
        """Why the body is not kept any more."""
        try:
            scan.feed(piece)
        except CapExceeded as error:
            return BodyRefused(str(error), status=400, code="request_too_complex")
        at_most = self._max_bytes_per_visitor
        if unread.n_bytes > at_most:
            shown = f"{unread.n_bytes:,} bytes; {at_most:,} at most"
            return _later(f"Your requests that have not arrived whole have {shown}.")
        if self._n_bytes > self._max_bytes_together:
            shown = f"{self._n_bytes:,} bytes, and {self._max_bytes_together:,} is the limit"
            return _later(f"The requests of all visitors that have not arrived whole have {shown}.", status=503)
        return None

    def _count(self, unread: "_Unread", n_bytes: int) -> None:
        unread.n_bytes += n_bytes
        self._n_bytes += n_bytes

    @contextmanager
    def _counted(self, visitor: str) -> Iterator["_Unread"]:
        unread = self._unread.setdefault(visitor, _Unread())
        if unread.n_bodies >= self._max_per_visitor:
            raise _later(f"{unread.n_bodies} of your requests have not arrived whole; {self._max_per_visitor} at most.")
        unread.n_bodies += 1
        try:
            yield unread
        finally:
            unread.n_bodies -= 1
            if not unread.n_bodies:
                del self._unread[visitor]

    def _too_large(self, n_bytes: int) -> BodyRefused:
        message = f"The request has {n_bytes:,} bytes or more; {self.max_bytes:,} at most. Send less."
        return BodyRefused(message, status=413, code="request_too_large")


def _piece(message: Message) -> tuple[bytes, bool]:
    """The bytes of a message, and whether the body ends with it."""
    if message["type"] == "http.disconnect":
        message_ = "The connection closed before the request was complete."
        raise BodyRefused(message_, status=400, code="connection_closed")
    return message.get("body", b""), not message.get("more_body", False)


def _later(message: str, *, status: int = 429) -> BodyRefused:
    code = "server_busy" if status == 503 else "rate_limit_exceeded"
    return BodyRefused(f"{message} Try again in a moment.", status=status, code=code, headers={"retry-after": "1"})
