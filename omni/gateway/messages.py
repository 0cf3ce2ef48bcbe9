"""What goes to a model server and what comes back. Times are in seconds on the gateway's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from omni.types import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A conversation and the pictures that belong to its messages."""

    conversation: Conversation
    images: Mapping[int, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """Message index to data URLs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer."""

    input_tokens: int
    output_tokens: int
    is_estimated: bool = False
    """True when the server counted nothing and the tokens were estimated from the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One piece of a stream."""

    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None

    @property
    def is_content(self) -> bool:
        return bool(self.text or self.reasoning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model at one provider."""

    model_id: str
    """The catalog's id, or the server's own name when the catalog does not know it."""
    provider: str
    served_name: str
    """What the server calls the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try that gave no answer, and why."""

    target: Target
    error: str


class AnswerStatus(StrEnum):
    """How far an answer is."""

    WAITING = "waiting"
    STREAMING = "streaming"
    DONE = "done"
    INTERRUPTED = "interrupted"
    """The stream broke after it had begun; the text so far is kept."""
    FAILED = "failed"
    """No provider answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer so far; every update is a new value."""

    status: AnswerStatus = AnswerStatus.WAITING
    target: Target | None = None
    """None before the first try."""
    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None
    time_to_first_token_s: float | None = None
    """From the request of the try that answered."""
    total_s: float | None = None
    """From the first request, failed tries included."""
    attempts: tuple[Attempt, ...] = ()
    """Failed tries, in order."""
    error: str | None = None
    """A sentence for the visitor, when failed or interrupted."""

    def with_chunk(self, chunk: Chunk, *, first_token_s: float) -> "Answer":
        """The answer with one more piece; `first_token_s` counts only for the first piece with content."""
        first = self.time_to_first_token_s
        if first is None and chunk.is_content:
            first = first_token_s
        return replace(
            self,
            status=AnswerStatus.STREAMING,
            text=self.text + chunk.text,
            reasoning=self.reasoning + chunk.reasoning,
            usage=chunk.usage or self.usage,
            finish_reason=chunk.finish_reason or self.finish_reason,
            time_to_first_token_s=first,
        )
