"""One OpenAI-compatible server: its model list, and one streamed answer."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol

from omni.errors import BadReply
from omni.gateway.failures import to_provider_error
from omni.gateway.listing import ServedModel, read_listing
from omni.gateway.messages import Chunk, Question, Usage
from omni.gateway.providers import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI

SERVED_BY = "x-inference-provider"
"""The header in which Hugging Face's router says who answers."""
MAX_TOKENS = 1_000_000_000
"""A server that counts more than this in one answer counts wrong; a budget must not be used up by it."""


class ModelServer(Protocol):
    """What the gateway asks of a server; tests give a scripted one."""

    @property
    def provider(self) -> Provider: ...

    async def list_models(self) -> Sequence[ServedModel | str]:
        """What the server offers, in its order; a bare name where nothing else is known."""
        ...

    def stream(self, served_name: str, question: Question, api_key: str | None = None) -> AsyncGenerator[Chunk]:
        """One answer. With `api_key`, that key is sent instead of the server's own, for this request only."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds until a server counts as silent."""

    connect_s: float = 5.0
    silence_s: float = 90.0
    """Between two pieces of an answer, and before the first when nobody else can be asked; reasoning takes long."""
    first_piece_s: float = 30.0
    """Before the first piece, while another model or provider can be asked instead."""
    give_up_s: float = 120.0
    """After this no further try is begun."""
    patience_s: float = 5.0
    """The longest wait for a pause or a probe to end when nobody else is left; a longer one is said instead."""
    list_s: float = 8.0


@dataclass(slots=True, kw_only=True)
class OpenAIServer:
    """A server reached with the OpenAI SDK, which is loaded at the first use."""

    provider: Provider
    timeouts: Timeouts = field(default_factory=Timeouts)
    _client: "AsyncOpenAI | None" = field(default=None, init=False, repr=False)

    async def list_models(self) -> tuple[ServedModel, ...]:
        """What the server offers, in its order. Opens and closes its own connection: it runs beside the app's loop.

        Raises:
            ProviderError: The server cannot be reached or does not list models.
        """
        import openai

        client = build_client(self.provider, self.timeouts.list_s, self.timeouts.connect_s)
        # no key goes where only visitors' own keys count: the list is public there
        hidden = {"Authorization": openai.Omit()} if self.provider.needs_credential else {}
        try:
            page = await client.get("/models", cast_to=object, options={"headers": hidden})
            if not isinstance(page, dict) or not isinstance(page.get("data"), list):
                raise BadReply(f"{self.provider.name} does not say which models it serves.")
            return read_listing(page["data"])
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise to_provider_error(error, self.provider.name) from None
        finally:
            await client.close()

    async def stream(self, served_name: str, question: Question, api_key: str | None = None) -> AsyncGenerator[Chunk]:
        """The pieces of one answer as they arrive.

        Args:
            api_key: A visitor's own token: it goes into this request's header and nowhere else.

        Raises:
            ProviderError: See `failures`; `BadReply` when the stream held nothing or ended without saying so.
        """
        import openai

        if self._client is None:
            self._client = build_client(self.provider, self.timeouts.silence_s, self.timeouts.connect_s)
        seen, finish_reason = False, None
        try:
            # Untyped: the SDK's own types cost half a millisecond a piece, and refuse what servers add.
            stream = await self._client.post(
                "/chat/completions",
                cast_to=object,
                body={
                    "model": served_name,
                    "messages": to_api_messages(question),
                    "stream": True,
                    "stream_options": {"include_usage": True},
                },
                options={"headers": own_header(api_key)},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                if (served_by := stream.response.headers.get(SERVED_BY)) is not None:
                    yield Chunk(served_by=served_by)
                async for event in stream:
                    chunk = to_chunk(event)
                    seen = seen or chunk.is_content
                    finish_reason = chunk.finish_reason or finish_reason
                    yield chunk
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            if finish_reason is None:  # what breaks behind it takes nothing from the answer
                raise to_provider_error(error, self.provider.name, is_own=api_key is not None) from None
        if not seen:
            raise BadReply(f"{self.provider.name} sent an empty answer.")
        if finish_reason is None:
            raise BadReply(f"{self.provider.name} stopped before the answer was complete.")

    async def close(self) -> None:
        """Closes the connections of `stream`."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def build_client(provider: Provider, read_s: float, connect_s: float) -> "AsyncOpenAI":
    """A client that keeps nothing between requests: no retries, no cookies."""
    import openai

    timeout = openai.Timeout(read_s, connect=connect_s)
    transport = openai.DefaultAsyncHttpxClient(timeout=timeout, **transport_options(provider))
    return openai.AsyncOpenAI(
        base_url=provider.base_url, api_key=provider.api_key, max_retries=0, timeout=timeout, http_client=transport
    )


def transport_options(provider: Provider) -> dict[str, Any]:
    """How every connection to a provider is made: without cookies, by which visitors could be told apart or mixed up.

    On this machine it neither follows a redirect nor asks a proxy: what is meant for here stays here.
    """
    return {
        "cookies": CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        "follow_redirects": not provider.is_local,
        "trust_env": not provider.is_local,
    }


def own_header(api_key: str | None) -> dict[str, str]:
    """What puts a visitor's own token in place of the server's key, for one request."""
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def to_api_messages(question: Question) -> list[dict[str, Any]]:
    """The conversation in the chat-completions form; messages with pictures become lists of parts."""
    messages: list[dict[str, Any]] = []
    for index, message in enumerate(question.conversation.messages):
        urls = question.images.get(index, ())
        if not urls:
            messages.append({"role": message.role, "content": message.text})
            continue
        parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        if message.text:
            parts.append({"type": "text", "text": message.text})
        messages.append({"role": message.role, "content": parts})
    return messages


def read_usage(counted: object) -> Usage | None:
    """The tokens that a server says it counted; None when it says nothing, or what cannot be."""
    if not isinstance(counted, dict):
        return None
    sent, received = counted.get("prompt_tokens"), counted.get("completion_tokens")
    if not isinstance(sent, int) or not isinstance(received, int):
        return None
    is_possible = 0 <= sent <= MAX_TOKENS and 0 <= received <= MAX_TOKENS
    return Usage(input_tokens=sent, output_tokens=received) if is_possible else None


def to_chunk(event: Any) -> Chunk:
    """One event of a stream as a chunk; servers differ in where they put reasoning and usage.

    Raises:
        AttributeError, TypeError, KeyError: the event is not a chat completion's chunk.
    """
    usage, choices = read_usage(event.get("usage")), event.get("choices")
    if not choices:
        return Chunk(usage=usage)
    delta = choices[0].get("delta") or {}
    reasoning = delta.get("reasoning") or delta.get("reasoning_content")
    text = delta.get("content")
    return Chunk(
        text=text if isinstance(text, str) else "",
        reasoning=reasoning if isinstance(reasoning, str) else "",
        usage=usage,
        finish_reason=choices[0].get("finish_reason"),
    )
