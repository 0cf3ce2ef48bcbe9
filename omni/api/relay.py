"""Passes a chat request to the gateway's providers as it is, moving on while no piece of an answer has come."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from omni.api.answers import usage_of
from omni.api.errors import Failure
from omni.errors import BadReply, ProviderError, RateLimited
from omni.gateway import Attempt, ErrorKind, Gateway, HealthBoard, Provider, Target, Timeouts, Usage
from omni.gateway.failures import ServerFailure, kind_of, to_provider_error
from omni.gateway.gateway import MAX_ANSWER_S, REPEAT_PAUSE_S
from omni.gateway.tries import Tries, Try

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_DETAIL_CHARS = 500
_PIECES = ("content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")
_REFUSALS = (400, 404, 413, 422)
"""Statuses that are about the request, so that the client needs the upstream's own words."""
Event = dict[str, Any]


class AllFailed(Exception):
    """No target answered; `failures` says why, in order."""

    def __init__(self, failures: Sequence[Failure], *, retry_after_s: float | None) -> None:
        super().__init__(f"{len(failures)} failures")
        self.failures = tuple(failures)
        self.retry_after_s = retry_after_s
        """Seconds until a provider that is held back may be asked; None = none is."""


class Broken(Exception):
    """The try failed; before the first piece it is retried, after it the client is told."""

    def __init__(self, error: ProviderError, *, status: int | None = None, detail: str | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status
        self.detail = detail


class Search:
    """The tries for one answer, and what became of them. Belongs to one request."""

    def __init__(self, targets: Sequence[Target], health: HealthBoard, *, give_up_at_s: float) -> None:
        self.failures: list[Failure] = []
        self._tries = Tries(targets, health)
        self._give_up_at_s = give_up_at_s

    def next(self, now_s: float) -> Try:
        """Whom to ask next.

        Raises:
            AllFailed: nobody is left, or the time is over.
        """
        attempt = self._tries.next() if now_s < self._give_up_at_s else None
        if attempt is None:
            raise AllFailed(self.failures, retry_after_s=self._tries.retry_after_s())
        return attempt

    def fail(self, failure: Failure) -> None:
        """Takes a failed try into account."""
        self.failures.append(failure)
        self._tries.learn(failure.attempt)


class Relay:
    """One client a provider, made at the first use on the loop that serves. Holds no request's data."""

    def __init__(
        self, gateway: Gateway, *, timeouts: Timeouts | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gateway = gateway
        self._providers = {provider.name: provider for provider in gateway.providers}
        self._timeouts = timeouts or Timeouts()
        self._clock = clock
        self._clients: dict[str, AsyncOpenAI] = {}

    def search(self, targets: Sequence[Target]) -> Search:
        """A new row of tries."""
        return Search(targets, self._gateway.health, give_up_at_s=self._clock() + self._timeouts.give_up_s)

    async def open(self, search: Search, body: Event) -> "Opening":
        """Asks target after target until one has sent a piece of an answer.

        Raises:
            AllFailed: none did.
        """
        while True:
            attempt = search.next(self._clock())
            opening = Opening(attempt, self._gateway.health, self._ask(attempt.target, body), self._clock)
            try:
                if attempt.is_repeat:
                    await asyncio.sleep(REPEAT_PAUSE_S)
                limits = self._timeouts
                await opening.begin(limits.silence_s if attempt.is_last else limits.first_piece_s)
            except Broken as broken:
                search.fail(opening.fail(broken))
                await opening.close()
            except BaseException:
                await opening.close()
                raise
            else:
                opening.failures = tuple(search.failures)
                return opening

    async def collect(self, search: Search, body: Event) -> "tuple[Opening, list[Event]]":
        """The whole answer. Nothing has been shown, so that a broken answer moves on, too.

        Raises:
            AllFailed: no target gave a whole answer.
        """
        while True:
            opening = await self.open(search, body)
            try:
                return opening, [event async for event in opening.events()]
            except Broken as broken:
                search.fail(opening.fail(broken))
            finally:
                await opening.close()

    async def close(self) -> None:
        """Closes the connections; must run on the loop that served."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    async def _ask(self, target: Target, body: Event) -> AsyncGenerator[Event, None]:
        import openai

        provider = self._providers[target.provider]
        try:
            # Untyped on purpose: fields that this SDK does not know must come through unchanged, both ways.
            stream = await self._client(provider).post(
                "/chat/completions",
                cast_to=object,
                body={**body, "model": target.served_name},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                async for event in stream:
                    yield _checked(event, provider)
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise _broken(error, provider) from None

    def _client(self, provider: Provider) -> "AsyncOpenAI":
        if provider.name not in self._clients:
            import openai

            self._clients[provider.name] = openai.AsyncOpenAI(
                base_url=provider.base_url,
                api_key=provider.api_key,
                max_retries=0,
                timeout=openai.Timeout(self._timeouts.silence_s, connect=self._timeouts.connect_s),
            )
        return self._clients[provider.name]


class Opening:
    """One request to a target, and its answer. Tells the health board how it ended, once."""

    def __init__(
        self, attempt: Try, health: HealthBoard, source: AsyncGenerator[Event, None], clock: Callable[[], float]
    ) -> None:
        self.target = attempt.target
        self.failures: tuple[Failure, ...] = ()
        """The tries before this one."""
        self.first_piece_s: float | None = None
        """From this request."""
        self.usage: Usage | None = None
        """Known once the upstream has said it."""
        self._call = attempt.call
        self._health = health
        self._source = source
        self._clock = clock
        self._started_s = clock()
        self._head: list[Event] = []
        self._deadline_s = 0.0

    @property
    def n_attempts(self) -> int:
        return len(self.failures) + 1

    async def begin(self, timeout_s: float) -> None:
        """Waits for the first piece.

        Raises:
            Broken: none came.
        """
        now_s = asyncio.get_running_loop().time()
        self._started_s = self._clock()
        self._deadline_s = now_s + timeout_s
        while (event := await self._next()) is not None:
            self._head.append(event)
            if has_piece(event):
                self.first_piece_s = self._clock() - self._started_s
                self._deadline_s = now_s + MAX_ANSWER_S
                return
        raise Broken(BadReply(f"{self.target.provider} sent an empty answer."))

    async def events(self) -> AsyncGenerator[Event, None]:
        """The upstream's chunks from the first; to be read once.

        Raises:
            Broken: the answer ends early.
        """
        is_finished = False
        head, self._head = self._head, []
        for event in head:
            is_finished = is_finished or has_finished(event)
            self.usage = usage_of(event) or self.usage
            yield event
        while (following := await self._next()) is not None:
            is_finished = is_finished or has_finished(following)
            self.usage = usage_of(following) or self.usage
            yield following
        if not is_finished:
            raise Broken(BadReply(f"{self.target.provider} stopped before the answer was complete."))
        self._health.succeed(self._call, first_token_s=self.first_piece_s, tokens_per_s=self._tokens_per_s())

    def fail(self, broken: Broken) -> Failure:
        """Tells the health board what went wrong."""
        error = broken.error
        pause_s = error.retry_after_s if isinstance(error, RateLimited) else None
        attempt = Attempt(
            target=self.target, error=str(error), kind=kind_of(error), seconds=self._clock() - self._started_s
        )
        self._health.fail(self._call, attempt.kind, attempt.error, retry_after_s=pause_s)
        return Failure(attempt=attempt, status=broken.status, retry_after_s=pause_s, detail=broken.detail)

    async def close(self) -> None:
        """Ends the upstream call, finished or not; twice does no harm."""
        self._health.abandon(self._call)
        await self._source.aclose()

    async def _next(self) -> Event | None:
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await anext(self._source, None)
        except TimeoutError:
            error = ServerFailure(f"{self.target.provider} did not answer in time.", ErrorKind.TIMEOUT)
            raise Broken(error) from None

    def _tokens_per_s(self) -> float | None:
        if self.usage is None or self.first_piece_s is None or self.usage.output_tokens < 2:
            return None
        streaming_s = self._clock() - self._started_s - self.first_piece_s
        return (self.usage.output_tokens - 1) / streaming_s if streaming_s > 0.001 else None


def has_piece(event: Event) -> bool:
    """Whether the chunk holds text, thinking, a tool call, or the news that there will be none."""
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if any(delta.get(name) for name in _PIECES) or choice.get("finish_reason") in {"length", "content_filter"}:
            return True
    return False


def has_finished(event: Event) -> bool:
    """Whether the chunk says that a choice is complete."""
    return any(choice.get("finish_reason") for choice in event.get("choices") or ())


def _checked(event: object, provider: Provider) -> Event:
    if isinstance(event, dict):
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


def _broken(error: Exception, provider: Provider) -> Broken:
    import openai

    status, detail = None, None
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if status in _REFUSALS:
            detail = _words(error.body, provider)
    known = to_provider_error(error, provider.name)
    if not isinstance(known, ProviderError):
        known = BadReply(str(known))
    return Broken(known, status=status, detail=detail)


def _words(body: object, provider: Provider) -> str | None:
    """The upstream's message, short, without the key should it repeat it."""
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str):
        return None
    return message.replace(provider.api_key, "…")[:MAX_DETAIL_CHARS]
