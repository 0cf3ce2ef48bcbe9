"""OpenAI-style requests to conversations."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from omni.errors import InputError
from omni.types import Conversation, Message


class _Part(BaseModel):
    type: str
    text: str | None = None


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _Function(BaseModel):
    name: str = ""


class _Tool(_Function):
    function: _Function | None = None


class _Request(BaseModel):
    messages: list[_Message]
    tools: list[_Tool] | None = None
    response_format: dict[str, Any] | None = None


def parse_messages(text: str, *, where: str) -> Conversation:
    """A conversation from JSON: a list of messages, or a request with `messages`, `tools` and `response_format`.

    Args:
        where: the file's name, for error texts.

    Raises:
        InputError: not JSON, or not of that form.
    """
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); expected a list of messages.") from error
    return build_conversation(raw if isinstance(raw, dict) else {"messages": raw}, where=where)


def build_conversation(request: dict[str, Any], *, where: str = "request") -> Conversation:
    """The same from a parsed request.

    Raises:
        InputError: the request has another form.
    """
    try:
        parsed = _Request.model_validate(request)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].partition(" or instance of ")[0]
        raise InputError(f'{where}: {place}: {said}; expected [{{"role": "user", "content": "…"}}].') from error
    return Conversation(
        messages=tuple(_message(message) for message in parsed.messages),
        tool_names=tuple((tool.function or tool).name for tool in parsed.tools or ()),
        wants_json=(parsed.response_format or {}).get("type") in ("json_object", "json_schema"),
    )


def _message(message: _Message) -> Message:
    parts = [_Part(type="text", text=message.content)] if isinstance(message.content, str) else message.content or []
    return Message(
        role="system" if message.role == "developer" else message.role,
        text="\n".join(part.text for part in parts if part.text),
        n_images=sum(part.type in ("image_url", "input_image", "image") for part in parts),
        n_tool_calls=len(message.tool_calls or ()),
    )
