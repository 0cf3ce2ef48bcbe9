"""What a client asks for: checked once, here. Fields that this module does not name go to the model unchanged."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import ClientDisconnect, Request

from omni.api.errors import ApiError
from omni.api.guard import Guard
from omni.types import Preferences, Preset

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
MAX_DEPTH = 100
"""Lists and objects inside each other in a request: a schema of a tool needs about three a level."""
_Patterns = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=100)]
"""Each is compared with every model of the catalog."""


class _Wishes(BaseModel):
    """The optional field `omni` of a request."""

    model_config = ConfigDict(extra="forbid")

    max_cost_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    allow: _Patterns = []
    deny: _Patterns = []
    licences_denied: _Patterns = []
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
    is_stream: bool
    wants_usage: bool
    """Whether a stream ends with a usage chunk."""
    local_only: bool
    """Whether only models on this machine may be asked, also when one is named."""
    body: dict[str, Any] = field(repr=False)
    """For the upstream, without the model; always a stream with usage."""


async def read_json(request: Request, guard: Guard) -> dict[str, Any]:
    """The body as an object.

    Raises:
        ApiError: 408 too slow or 413 too large for the guard, 415 not sent as JSON, 400 not a JSON object, or too much
            of it in each other.
    """
    # A page of another origin may post text/plain without asking; asking for JSON makes the browser ask first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "Send the request with the header content-type: application/json.")
    try:
        async with asyncio.timeout(guard.read_s):
            raw = await _read(request, guard.max_body_bytes)
    except TimeoutError:
        message = f"The request did not arrive whole within {guard.read_s:g} s."
        raise ApiError(408, message, code="request_timeout", headers={"connection": "close"}) from None
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
        if b"\\ud" in raw.lower():
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeError are ValueErrors
        raise ApiError(400, f"The body is not JSON in UTF-8 ({type(error).__name__}).", code="invalid_json") from None
    if not isinstance(body, dict):
        message = 'The body is not a JSON object; expected {"model": "omni", "messages": […]}.'
        raise ApiError(400, message, code="invalid_json")
    if _is_deep(body):
        message = f"The body has more than {MAX_DEPTH} lists and objects inside each other. Send a flatter one."
        raise ApiError(400, message, code="invalid_json")
    return body


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = ApiError(413, f"The request is larger than {max_bytes / 1e6:g} MB.", code="request_too_large")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise too_large
    raw = bytearray()
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > max_bytes:
                raise too_large
    except ClientDisconnect:
        raise ApiError(400, "The connection closed before the request was complete.") from None
    return bytes(raw)


def _is_deep(body: dict[str, Any]) -> bool:
    """Whether reading it part by part would take more than `MAX_DEPTH` steps down."""
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        children = chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        level = [child for child in children if isinstance(child, dict | list)]
    return bool(level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_chat(raw: Mapping[str, Any]) -> ChatRequest:
    """The request, checked where this server reads it.

    Raises:
        ApiError: 400 with the field's name.
    """
    chat = parse(_Chat, raw)
    for place, message in enumerate(chat.messages):
        _check_content(message.get("content"), f"messages.{place}.content")
    preset = ALIASES.get(chat.model)
    wishes = chat.omni or _Wishes()
    preferences = None
    if preset is not None:
        preferences = Preferences(
            preset=preset,
            max_cost_usd=wishes.max_cost_usd,
            allow=tuple(wishes.allow),
            deny=tuple(wishes.deny),
            licences_denied=tuple(wishes.licences_denied),
            local_only=wishes.local_only,
        )
    body = {name: value for name, value in raw.items() if name not in _OWN_FIELDS}
    body["messages"] = [_without_reasoning(message) for message in chat.messages]
    body["stream"] = True
    body["stream_options"] = {**(raw.get("stream_options") or {}), "include_usage": True}
    return ChatRequest(
        model=chat.model,
        preferences=preferences,
        is_stream=bool(chat.stream),
        wants_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        local_only=wishes.local_only,
        body=body,
    )


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
