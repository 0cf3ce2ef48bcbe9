"""One OpenAI-compatible server: its model list, and one streamed answer."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from omni.errors import BadReply
from omni.gateway.failures import to_provider_error
from omni.gateway.messages import Chunk, Question, Usage
from omni.gateway.providers import Provider

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class ModelServer(Protocol):
    """What the gateway asks of a server; tests give a scripted one."""

    @property
    def provider(self) -> Provider: ...

    async def list_models(self) -> tuple[str, ...]: ...

    def stream(self, served_name: str, question: Question) -> AsyncGenerator[Chunk]: ...

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

    async def list_models(self) -> tuple[str, ...]:
        """Names the server offers, in its order. Opens and closes its own connection: it runs beside the app's loop.

        Raises:
            ProviderError: The server cannot be reached or does not list models.
        """
        client = self._build_client(self.timeouts.list_s)
        try:
            page = await client.models.list()
            return tuple(model.id for model in page.data)
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise to_provider_error(error, self.provider.name) from None
        finally:
            await client.close()

    async def stream(self, served_name: str, question: Question) -> AsyncGenerator[Chunk]:
        """The pieces of one answer as they arrive.

        Raises:
            ProviderError: See `failures`; `BadReply` when the stream held nothing or ended without saying so.
        """
        import openai

        if self._client is None:
            self._client = self._build_client(self.timeouts.silence_s)
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
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                async for event in stream:
                    chunk = to_chunk(event)
                    seen = seen or chunk.is_content
                    finish_reason = chunk.finish_reason or finish_reason
                    yield chunk
        except Exception as error:  # the edge of the SDK: everything becomes one of our errors
            raise to_provider_error(error, self.provider.name) from None
        if not seen:
            raise BadReply(f"{self.provider.name} sent an empty answer.")
        if finish_reason is None:
            raise BadReply(f"{self.provider.name} stopped before the answer was complete.")

    async def close(self) -> None:
        """Closes the connections of `stream`."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _build_client(self, read_s: float) -> "AsyncOpenAI":
        import openai

        return openai.AsyncOpenAI(
            base_url=self.provider.base_url,
            api_key=self.provider.api_key,
            max_retries=0,
            timeout=openai.Timeout(read_s, connect=self.timeouts.connect_s),
        )


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


def to_chunk(event: Any) -> Chunk:
    """One event of a stream as a chunk; servers differ in where they put reasoning and usage.

    Raises:
        AttributeError, TypeError, KeyError: the event is not a chat completion's chunk.
    """
    usage, counted = None, event.get("usage") or {}
    sent, received = counted.get("prompt_tokens"), counted.get("completion_tokens")
    if isinstance(sent, int) and isinstance(received, int):
        usage = Usage(input_tokens=sent, output_tokens=received)
    choices = event.get("choices")
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
