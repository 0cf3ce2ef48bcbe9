"""One request to one provider: sent as the client wrote it, and its answer as the events that come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING

from omni.api.events import Event, EventReader, to_json
from omni.errors import BadReply, ProviderError
from omni.gateway import ErrorKind, Provider, Target, Timeouts
from omni.gateway.client import transport_options
from omni.gateway.failures import ServerFailure, to_provider_error
from omni.privacy import without_echo

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_CONNECTIONS = 1000
KEEP_ALIVE_S = 30.0
DRAIN_S = 0.1
"""After the last event: time for the end of the reply, without which the connection cannot be used again."""
MAX_DETAIL_CHARS = 500
_REFUSALS = (400, 404, 413, 422)
"""Statuses that are about the request, so that the client needs the upstream's own words."""


class Broken(Exception):
    """The try failed; before the first piece it is retried, after it the client is told."""

    def __init__(self, error: ProviderError, *, status: int | None = None, detail: str | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status
        """HTTP status of the upstream, None when there was none."""
        self.detail = detail


class Upstreams:
    """One client a provider, made at the first use on the loop that serves. Holds no request's data."""

    def __init__(self, providers: Callable[[], Sequence[Provider]], timeouts: Timeouts) -> None:
        """`providers` is asked again for a name that is not known: servers may be found while this runs."""
        self._find = providers
        self._timeouts = timeouts
        self._providers: dict[str, Provider] = {}
        self._clients: dict[Provider, AsyncOpenAI] = {}

    async def ask(self, target: Target, body: Event) -> AsyncGenerator[list[Event], None]:
        """The events of an answer, those that came together in one list.

        Raises:
            Broken: the provider refused, broke off, or sent something else.
        """
        import openai

        provider = self._provider(target.provider)
        try:
            # The SDK sends and reads the reply's head; its own reading of events costs as much again as all the rest,
            # and its types refuse what servers add.
            stream = await self._client(provider).post(
                "/chat/completions",
                cast_to=object,
                body={**body, "model": target.served_name},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                coded = "content-encoding" in stream.response.headers
                bytes_ = stream.response.aiter_bytes() if coded else stream.response.aiter_raw()
                async for events in _events(bytes_, provider):
                    yield events
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise _broken(error, provider, body) from None

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


async def _events(bytes_: AsyncGenerator[bytes, None], provider: Provider) -> AsyncGenerator[list[Event], None]:
    reader = EventReader()
    async for data in bytes_:
        events, error = _read(reader.feed(data), provider)
        if events:
            yield events
        if error is not None:
            raise error
        if reader.is_over:
            await _drain(bytes_)
            return
    events, error = _read(reader.end(), provider)
    if events:
        yield events
    if error is not None:
        raise error


async def _drain(bytes_: AsyncGenerator[bytes, None]) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            async for _ in bytes_:
                pass
    except Exception:  # the answer is whole already; the connection is closed instead of kept
        return


def _read(payloads: Sequence[bytes], provider: Provider) -> tuple[list[Event], Exception | None]:
    """The events up to the first that cannot be used, and what is wrong with that one."""
    events: list[Event] = []
    for payload in payloads:
        try:
            events.append(_checked(to_json(payload), provider))
        except (ValueError, ProviderError) as error:
            return events, error
    return events, None


def _checked(event: object, provider: Provider) -> Event:
    if isinstance(event, dict):
        if event.get("error"):
            raise ServerFailure(f"{provider.name} broke off with an error message.", ErrorKind.SERVER)
        choices = event.get("choices")
        if choices is None or (isinstance(choices, list) and all(_is_choice(choice) for choice in choices)):
            return event
    raise BadReply(f"{provider.name} sent something that is not a chat completion.")


def _is_choice(choice: object) -> bool:
    return (
        isinstance(choice, dict)
        and isinstance(choice.get("index"), int | None)
        and isinstance(choice.get("delta"), dict | None)
    )


def _broken(error: Exception, provider: Provider, asked: Event) -> Broken:
    import openai

    status, detail = None, None
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if status in _REFUSALS:
            detail = _words(error.body, provider, asked)
    known = _transport_error(error, provider) or to_provider_error(error, provider.name)
    if not isinstance(known, ProviderError):
        known = BadReply(str(known))
    return Broken(known, status=status, detail=detail)


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
