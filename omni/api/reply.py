"""The answer of one upstream: sent for once, then the events as they come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from omni.api.events import Event, EventReader, to_json
from omni.errors import BadReply, ProviderError
from omni.gateway import ErrorKind, Provider, Usage
from omni.gateway.client import read_usage
from omni.gateway.failures import ServerFailure, error_from_status, to_provider_error
from omni.privacy import without_echo

if TYPE_CHECKING:
    from aiohttp import ClientResponse

DRAIN_S = 0.1
"""After the last event: time for the end of the reply, without which the connection cannot be used again."""
MAX_ANSWER_BYTES = 64_000_000
"""Of one answer; the longest windows are a tenth of it."""
MAX_ERROR_BYTES = 64_000
MAX_DETAIL_CHARS = 500
_REFUSALS = (400, 404, 413, 422)
"""Statuses that are about the request, so that the client needs the upstream's own words."""


class Reply:
    """The events of one answer, those that came together in one list. The request goes out with the first `anext`."""

    def __init__(
        self, send: Callable[[], Awaitable["ClientResponse"]], provider: Provider, asked: Event, *, silence_s: float
    ) -> None:
        """`asked` is never repeated in an error; `silence_s` is the longest wait between two pieces."""
        self.usage: Usage | None = None
        """Known once the upstream has said it."""
        self.finish_reason: str | None = None
        """Why the choice that ended last did so; None while none has."""
        self.status: int | None = None
        """HTTP status when the upstream refused."""
        self.detail: str | None = None
        """What it said about a request it refused: for the client's eyes, never for a log."""
        self._send = send
        self._provider = provider
        self._asked = asked
        self._silence_s = silence_s
        self._response: ClientResponse | None = None
        self._reader = EventReader()
        self._n_bytes = 0
        self._error: Exception | None = None
        """Of an event that came behind others."""
        self._is_open: dict[int, bool] = {}
        """Choices of which something came, True = it is not complete."""
        self._waits_since_s: float | None = None
        """Since when the next bytes are waited for; None = nobody waits: a client that reads slowly is no silence."""
        self._is_late = False
        self._watch: asyncio.TimerHandle | None = None

    async def __anext__(self) -> list[Event]:
        """The next events.

        Raises:
            StopAsyncIteration: the answer is whole.
            ProviderError: the provider refused, broke off, or sent something else.
        """
        try:
            events = await self._next()
        except Exception as error:  # the edge of the transport: everything becomes one of our errors
            if not self._has_ended():
                raise self._known(error) from None
            events = []  # what breaks behind the last finish reason takes nothing from the answer
        if events:
            return events
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the call; a reply that is over but for its last bytes leaves the connection to the next request."""
        response, self._response = self._response, None
        if self._watch is not None:
            self._watch.cancel()
        if response is not None:
            if self._reader.is_over and not response.content.at_eof():
                await _drain(response)
            response.close()

    async def _next(self) -> list[Event]:
        response = self._response or await self._open()
        while self._error is None and not self._reader.is_over:
            self._waits_since_s = asyncio.get_running_loop().time()
            data = await response.content.readany()
            self._waits_since_s = None
            self._n_bytes += len(data)
            if self._n_bytes > MAX_ANSWER_BYTES:
                raise BadReply(f"{self._provider.name} sent more than {MAX_ANSWER_BYTES // 1_000_000} MB.")
            events = self._read(self._reader.feed(data) if data else self._reader.end())
            if events:
                return events
            if not data:
                break
        if self._error is not None:
            raise self._error
        if not self._is_complete():
            raise BadReply(f"{self._provider.name} stopped before the answer was complete.")
        return []

    async def _open(self) -> "ClientResponse":
        self._response = response = await self._send()
        if not 200 <= response.status < 300:
            raise await self._refusal(response)
        self._listen()
        return response

    def _listen(self) -> None:
        """Breaks off when nothing has come for too long: one timer an answer instead of one a piece."""
        loop = asyncio.get_running_loop()
        waited_s = 0.0 if self._waits_since_s is None else loop.time() - self._waits_since_s
        if (left_s := self._silence_s - waited_s) > 0:
            self._watch = loop.call_later(left_s, self._listen)
        elif self._response is not None:
            self._is_late = True
            self._response.close()

    async def _refusal(self, response: "ClientResponse") -> ProviderError:
        raw = bytearray()
        while len(raw) < MAX_ERROR_BYTES and (more := await response.content.readany()):
            raw += more
        self.status = response.status
        if self.status in _REFUSALS:
            # in a thread: a prompt of millions of words would hold up every stream
            self.detail = await asyncio.to_thread(_words, bytes(raw), self._provider, self._asked)
        retry_after = response.headers.get("retry-after")
        said = raw.decode(errors="replace")
        return error_from_status(self.status, self._provider.name, retry_after=retry_after, detail=said)

    def _is_complete(self) -> bool:
        """Whether every choice has ended; once the stream says that it is whole, one that has is enough."""
        if self._reader.is_over and self.finish_reason is not None:
            return True
        return not any(self._is_open.values())

    def _has_ended(self) -> bool:
        """Whether every choice that was asked for has its finish reason."""
        n = self._asked.get("n")
        n_asked = n if isinstance(n, int) else 1
        return self.finish_reason is not None and len(self._is_open) >= n_asked and not any(self._is_open.values())

    def _read(self, payloads: Sequence[bytes]) -> list[Event]:
        """The events up to the first that cannot be used; what is wrong with that one is kept for later."""
        events: list[Event] = []
        for payload in payloads:
            try:
                events.append(self._learn(to_json(payload)))
            except (ValueError, RecursionError, ProviderError) as error:
                self._error = error
                break
        return events

    def _learn(self, event: object) -> Event:
        """The event, taken in.

        Raises:
            ProviderError: it is an error, or no chunk of a chat completion.
        """
        if not isinstance(event, dict):
            raise _no_chunk(self._provider)
        if event.get("error"):
            raise ServerFailure(f"{self._provider.name} broke off with an error message.", ErrorKind.SERVER)
        choices = event.get("choices")
        if not isinstance(choices, list | None):
            raise _no_chunk(self._provider)
        for choice in choices or ():
            if not _is_choice(choice):
                raise _no_chunk(self._provider)
            index, reason = choice.get("index") or 0, choice.get("finish_reason")
            if reason:
                self._is_open[index], self.finish_reason = False, reason
            else:
                self._is_open.setdefault(index, True)
        if (counted := event.get("usage")) is not None:
            self.usage = read_usage(counted) or self.usage
        return event

    def _known(self, error: Exception) -> ProviderError:
        import aiohttp

        if isinstance(error, ProviderError):
            return error
        if self._is_late or isinstance(error, TimeoutError):
            return ServerFailure(f"{self._provider.name} did not answer in time.", ErrorKind.TIMEOUT)
        if isinstance(error, aiohttp.ClientError):
            message = f"{self._provider.name} cannot be reached or closed the connection."
            return ServerFailure(message, ErrorKind.CONNECTION)
        if isinstance(error, RecursionError):
            return _no_chunk(self._provider)
        known = to_provider_error(error, self._provider.name)
        return known if isinstance(known, ProviderError) else BadReply(str(known))


async def _drain(response: "ClientResponse") -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            while await response.content.readany():
                pass
    except Exception:  # the answer is whole already; the connection is closed instead of kept
        return


def _is_choice(choice: object) -> bool:
    if not isinstance(choice, dict):
        return False
    delta = choice.get("delta")
    return (
        isinstance(choice.get("index"), int | None)
        and isinstance(choice.get("finish_reason"), str | None)
        and (delta is None or (isinstance(delta, dict) and _are_calls(delta.get("tool_calls"))))
    )


def _are_calls(calls: object) -> bool:
    return calls is None or (isinstance(calls, list) and all(isinstance(call, dict) for call in calls))


def _no_chunk(provider: Provider) -> BadReply:
    return BadReply(f"{provider.name} sent something that is not a chat completion.")


def _words(raw: bytes, provider: Provider, asked: Event) -> str | None:
    """The upstream's message, short, without the key should it repeat it."""
    try:
        said: Any = to_json(raw)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict):
        said = said.get("error") or said
    message = said.get("message") if isinstance(said, dict) else said
    if not isinstance(message, str):
        return None
    return without_echo(message.replace(provider.api_key, "…")[:MAX_DETAIL_CHARS], asked)
