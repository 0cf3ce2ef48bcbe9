"""One request to one provider: sent as the client wrote it, and its answer as the events that come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING

from omni.api.events import Event, EventReader, to_json
from omni.errors import BadReply, ProviderError
from omni.gateway import ErrorKind, Provider, Target, Timeouts, Usage
from omni.gateway.client import read_usage, transport_options
from omni.gateway.failures import ServerFailure, to_provider_error
from omni.privacy import without_echo

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

MAX_CONNECTIONS = 1000
KEEP_ALIVE_S = 30.0
DRAIN_S = 0.1
"""After the last event: time for the end of the reply, without which the connection cannot be used again."""
MAX_DETAIL_CHARS = 500
_REFUSALS = (400, 404, 413, 422)
"""Statuses that are about the request, so that the client needs the upstream's own words."""


class Reply:
    """The events of one answer as they come, those that came together in one list. Sent with the first `anext`."""

    def __init__(self, client: "AsyncOpenAI", provider: Provider, target: Target, body: Event) -> None:
        self.usage: Usage | None = None
        """Known once the upstream has said it."""
        self.finish_reason: str | None = None
        """Why the choice that ended last did so; None while none has."""
        self.status: int | None = None
        """HTTP status when the upstream refused."""
        self.detail: str | None = None
        """What it said about a request it refused: for the client's eyes, never for a log."""
        self._client = client
        self._provider = provider
        self._target = target
        self._body = body
        self._stream: AsyncStream[object] | None = None
        self._bytes: AsyncGenerator[bytes, None] | None = None
        self._reader = EventReader()
        self._error: Exception | None = None
        """Of an event that came behind others."""
        self._is_begun: dict[int, bool] = {}
        """Choices of which something came, True = it is not complete."""

    async def __anext__(self) -> list[Event]:
        """The next events.

        Raises:
            StopAsyncIteration: the answer is whole.
            ProviderError: the provider refused, broke off, or sent something else.
        """
        try:
            events = await self._next()
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise self._known(error) from None
        if events:
            return events
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the call; a reply that is over but for its last bytes leaves the connection to the next request."""
        stream, self._stream = self._stream, None
        if stream is not None:
            if self._reader.is_over and self._bytes is not None:
                await _drain(self._bytes)
            await stream.close()

    async def _next(self) -> list[Event]:
        if self._bytes is None:
            self._bytes = await self._open()
        while self._error is None and not self._reader.is_over:
            data = await anext(self._bytes, None)
            events = self._read(self._reader.end() if data is None else self._reader.feed(data))
            if events:
                return events
            if data is None:
                break
        if self._error is not None:
            raise self._error
        if not self._is_complete():
            raise BadReply(f"{self._provider.name} stopped before the answer was complete.")
        return []

    async def _open(self) -> AsyncGenerator[bytes, None]:
        import openai

        # The SDK sends and reads the reply's head; its own reading of events costs as much again as all the rest,
        # and its types refuse what servers add.
        self._stream = await self._client.post(
            "/chat/completions",
            cast_to=object,
            body={**self._body, "model": self._target.served_name},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        response = self._stream.response
        return response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()

    def _is_complete(self) -> bool:
        """Whether every choice has ended; once the stream says that it is whole, one that has is enough."""
        if self._reader.is_over and self.finish_reason is not None:
            return True
        return not any(self._is_begun.values())

    def _read(self, payloads: Sequence[bytes]) -> list[Event]:
        """The events up to the first that cannot be used; what is wrong with that one is kept for later."""
        events: list[Event] = []
        for payload in payloads:
            try:
                events.append(self._learn(to_json(payload)))
            except (ValueError, ProviderError) as error:
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
                self._is_begun[index], self.finish_reason = False, reason
            else:
                self._is_begun.setdefault(index, True)
        if (counted := event.get("usage")) is not None:
            self.usage = read_usage(counted) or self.usage
        return event

    def _known(self, error: Exception) -> ProviderError:
        import openai

        if isinstance(error, openai.APIStatusError):
            self.status = error.status_code
            if self.status in _REFUSALS:
                self.detail = _words(error.body, self._provider, self._body)
        known = _transport_error(error, self._provider) or to_provider_error(error, self._provider.name)
        return known if isinstance(known, ProviderError) else BadReply(str(known))


class Upstreams:
    """One client a provider, made at the first use on the loop that serves. Holds no request's data."""

    def __init__(self, providers: Callable[[], Sequence[Provider]], timeouts: Timeouts) -> None:
        """`providers` is asked again for a name that is not known: servers may be found while this runs."""
        self._find = providers
        self._timeouts = timeouts
        self._providers: dict[str, Provider] = {}
        self._clients: dict[Provider, AsyncOpenAI] = {}

    def ask(self, target: Target, body: Event) -> Reply:
        """A request that is sent when its first events are asked for."""
        provider = self._provider(target.provider)
        return Reply(self._client(provider), provider, target, body)

    async def close(self) -> None:
        """Closes the connections; must run on the loop that served."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            self._providers = {provider.name: provider for provider in self._find()}
        return self._providers[name]

    def _client(self, provider: Provider) -> "AsyncOpenAI":
        if provider not in self._clients:
            import httpx2
            import openai

            timeout = openai.Timeout(self._timeouts.silence_s, connect=self._timeouts.connect_s)
            limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S)
            self._clients[provider] = openai.AsyncOpenAI(
                base_url=provider.base_url,
                api_key=provider.api_key,
                max_retries=0,
                timeout=timeout,
                # a third of the work per piece of the SDK's usual transport
                http_client=openai.DefaultAioHttpClient(timeout=timeout, limits=limits, **transport_options(provider)),
            )
        return self._clients[provider]


async def _drain(bytes_: AsyncGenerator[bytes, None]) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in bytes_:
                pass
    except Exception:  # the answer is whole already; the connection is closed instead of kept
        return


def _is_choice(choice: object) -> bool:
    return (
        isinstance(choice, dict)
        and isinstance(choice.get("index"), int | None)
        and isinstance(choice.get("delta"), dict | None)
        and isinstance(choice.get("finish_reason"), str | None)
    )


def _no_chunk(provider: Provider) -> BadReply:
    return BadReply(f"{provider.name} sent something that is not a chat completion.")


def _transport_error(error: Exception, provider: Provider) -> ProviderError | None:
    """What the transport saw, which is named in the chain of causes; the SDK calls a closed connection a time-out."""
    import aiohttp
    import httpx2

    cause: BaseException | None = error
    found: BaseException | None = None
    while cause is not None:
        if isinstance(cause, aiohttp.ClientError | httpx2.TransportError):
            found = cause
        cause = cause.__cause__
    if found is None:
        return None
    if isinstance(found, TimeoutError | httpx2.TimeoutException):
        return ServerFailure(f"{provider.name} did not answer in time.", ErrorKind.TIMEOUT)
    return ServerFailure(f"{provider.name} cannot be reached or closed the connection.", ErrorKind.CONNECTION)


def _words(body: object, provider: Provider, asked: Event) -> str | None:
    """The upstream's message, short, without the key should it repeat it."""
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str):
        return None
    return without_echo(message.replace(provider.api_key, "…")[:MAX_DETAIL_CHARS], asked)
