"""What goes to a model server and what comes back. Times are in seconds on the gateway's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    served_by: str | None = None
    """Who answers, behind a provider that passes requests on."""

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


class ErrorKind(StrEnum):
    """Why a try gave no answer, or no whole one."""

    CONNECTION = "connection"
    """The server cannot be reached or closed the connection."""
    TIMEOUT = "timeout"
    """Nothing came in time (408 too)."""
    SERVER = "server"
    """An internal error, or a stream that broke off with an error message."""
    BROKEN = "broken"
    """Something that is not a whole chat completion: nothing, an HTML page, no finish reason."""
    NOT_SERVED = "not_served"
    """The provider does not know the model."""
    REFUSED = "refused"
    """The request does not suit this model; another one may take it."""
    RATE_LIMITED = "rate_limited"
    ACCOUNT = "account"
    """No key, a refused key or no credit: says nothing about the model."""
    OUTRUN = "outrun"
    """A second start was quicker; says nothing against the server."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try that gave no answer, and why."""

    target: Target
    error: str
    kind: ErrorKind = ErrorKind.OTHER
    seconds: float | None = None
    """From the request until it was given up."""


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
    error_kind: ErrorKind | None = None
    """The reason of `error`; None without an error and when nothing could be tried."""
    retry_after_s: float | None = None
    """When failed: seconds until a provider may be asked again; None = not known."""
    wait_s: float | None = None
    """From the first request to the first piece, failed tries included."""
    served_by: str | None = None
    """Who answered behind a provider that passes requests on, where it says so."""
