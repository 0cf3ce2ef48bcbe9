"""What a client asks for: checked once, here. Fields that this module does not name go to the model unchanged."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from omni.api.errors import ApiError
from omni.bodies import BodyRefused
from omni.caps import check_patterns
from omni.conversations import build_conversation, check_lengths
from omni.errors import CapExceeded, InputError
from omni.types import Conversation, Preferences, Preset

if TYPE_CHECKING:
    from omni.api.parts import Parts

ALIASES: Mapping[str, Preset] = {
    "omni": "balanced",
    "omni:balanced": "balanced",
    "omni:quality": "quality",
    "omni:fast": "fast",
    "omni:cheap": "cheap",
}
Form = TypeVar("Form", bound=BaseModel)
_OWN_FIELDS = ("model", "omni", "stream", "stream_options")
_REASONING = ("reasoning", "reasoning_content", "reasoning_details")
MAX_BYTES_INLINE = 64_000
"""Up to here a request is parsed in a few milliseconds; a thread would take longer."""


class _Wishes(BaseModel):
    """The optional field `omni` of a request."""

    model_config = ConfigDict(extra="forbid")

    max_cost_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    allow: list[str] = []
    deny: list[str] = []
    licences_denied: list[str] = []
    local_only: bool = False


class _StreamOptions(BaseModel):
    include_usage: bool | None = None


class _Chat(BaseModel):
    model: str = Field(default="omni", min_length=1, max_length=300)
    messages: list[dict[str, Any]] = Field(min_length=1)
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    omni: _Wishes | None = None


class FeedbackRequest(BaseModel):
    """Body of POST /v1/feedback: a rating of one answer, or which of two was better."""

    decision_id: str = Field(min_length=1, max_length=64)
    rating: float | None = Field(default=None, ge=-1, le=1, allow_inf_nan=False)
    """-1 = bad, 1 = good; 0 says nothing and is not kept."""
    model_id: str | None = Field(default=None, max_length=300)
    """The model that answered; left out = the last that answered this decision."""
    other_model_id: str | None = Field(default=None, max_length=300)
    """The model whose answer was compared with it."""
    winner: str | None = Field(default=None, max_length=300)
    """`model_id`, `other_model_id` or "tie"."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "FeedbackRequest":
        is_vote = self.other_model_id is not None or self.winner is not None
        if is_vote == (self.rating is not None):
            raise ValueError("expected a rating from -1 to 1, or other_model_id and winner")
        if is_vote and (self.model_id is None or self.model_id == self.other_model_id):
            raise ValueError("a vote needs model_id and another other_model_id")
        if is_vote and self.winner not in (self.model_id, self.other_model_id, "tie"):
            raise ValueError("winner is model_id, other_model_id or tie")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat request, taken apart."""

    model: str
    preferences: Preferences | None
    """None = the model is named and served as is."""
    conversation: Conversation | None = field(repr=False)
    """What a decision reads; None = the model is named."""
    is_stream: bool
    wants_usage: bool
    """Whether a stream ends with a usage chunk."""
    local_only: bool
    """Whether only models on this machine may be asked, also when one is named."""
    n_chars: int
    """Characters of everything but pictures."""
    body: dict[str, Any] = field(repr=False)
    """For the upstream, without the model; always a stream with usage."""


async def read_object(parts: "Parts", request: Request, visitor: str) -> dict[str, Any]:
    """The body as an object, for the small forms.

    Raises:
        ApiError: see `read_chat`.
    """
    return parse_object(await _read(parts, request, visitor))


async def read_chat(parts: "Parts", request: Request, visitor: str) -> ChatRequest:
    """The request; a large one is parsed in a thread, in the visitor's turn.

    Raises:
        ApiError: 408 too slow, 413 too large, 429 the visitor's share is used, 415 not sent as JSON, 400 not a JSON
            object, above a cap, or with a wrong field.
    """
    raw = await _read(parts, request, visitor)
    if len(raw) <= MAX_BYTES_INLINE:
        return parse_chat(parse_object(raw))
    return await parts.services.heavy.run(visitor, lambda: parse_chat(parse_object(raw)))


async def _read(parts: "Parts", request: Request, visitor: str) -> bytes:
    # A page of another origin may post text/plain without asking; asking for JSON makes the browser ask first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "Send the request with the header content-type: application/json.")
    try:
        return await parts.bodies.read(request.receive, request.headers, visitor)
    except BodyRefused as error:
        raise ApiError(error.status, str(error), code=error.code, headers=error.headers) from None


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ApiError: 400; it is none.
    """
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
        if b"\\ud" in raw.lower():
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeError are ValueErrors
        raise ApiError(400, f"The body is not JSON in UTF-8 ({type(error).__name__}).", code="invalid_json") from None
    if not isinstance(body, dict):
        message = 'The body is not a JSON object; expected {"model": "omni", "messages": […]}.'
        raise ApiError(400, message, code="invalid_json")
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_chat(raw: Mapping[str, Any]) -> ChatRequest:
    """The request, checked where this server reads it.

    Raises:
        ApiError: 400 with the field's name.
    """
    try:
        check_lengths(raw)
        return _parse_chat(raw)
    except CapExceeded as error:
        code = "string_above_max_length" if "characters" in str(error) else "array_above_max_length"
        raise ApiError(400, str(error), param=error.name, code=code) from None
    except InputError as error:
        raise ApiError(400, str(error), param="messages", code="invalid_value") from None


def _parse_chat(raw: Mapping[str, Any]) -> ChatRequest:
    chat = parse(_Chat, raw)
    for place, message in enumerate(chat.messages):
        _check_content(message.get("content"), f"messages.{place}.content")
    wishes = chat.omni or _Wishes()
    body = {name: value for name, value in raw.items() if name not in _OWN_FIELDS}
    body["messages"] = [_without_reasoning(message) for message in chat.messages]
    body["stream"] = True
    body["stream_options"] = {**(raw.get("stream_options") or {}), "include_usage": True}
    preferences = _preferences(chat.model, wishes)
    return ChatRequest(
        model=chat.model,
        preferences=preferences,
        conversation=None if preferences is None else build_conversation(body),
        is_stream=bool(chat.stream),
        wants_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        local_only=wishes.local_only,
        n_chars=_n_chars(body),
        body=body,
    )


def _preferences(model: str, wishes: _Wishes) -> Preferences | None:
    preset = ALIASES.get(model)
    for name in ("allow", "deny", "licences_denied"):
        check_patterns(f"omni.{name}", getattr(wishes, name))
    if preset is None:
        return None
    return Preferences(
        preset=preset,
        max_cost_usd=wishes.max_cost_usd,
        allow=tuple(wishes.allow),
        deny=tuple(wishes.deny),
        licences_denied=tuple(wishes.licences_denied),
        local_only=wishes.local_only,
    )


def _n_chars(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_n_chars(item) for name, item in value.items() if name != "image_url")
    return sum(map(_n_chars, value)) if isinstance(value, list) else 0


def _check_content(content: object, place: str) -> None:
    """Also where the model is named: a server that fails over what is no message must not be held to be ill.

    Raises:
        ApiError: 400; neither text nor a list of parts.
    """
    parts = content if isinstance(content, list) else []
    is_known = isinstance(content, str | list | None)
    if not is_known or not all(isinstance(part, dict) and isinstance(part.get("text"), str | None) for part in parts):
        message = f'{place}: expected text, or a list of parts as {{"type": "text", "text": "…"}}.'
        raise ApiError(400, message, param=place, code="invalid_value")


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """A model's thinking is shown, never sent back."""
    return {name: value for name, value in message.items() if name not in _REASONING}


def parse(form: type[Form], raw: Mapping[str, Any]) -> Form:
    """The values of a form.

    Raises:
        ApiError: 400; names the first wrong field, not its value.
    """
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].partition(" or instance of ")[0]
        raise ApiError(400, f"{place}: {said}.", param=place or None, code="invalid_value") from None
