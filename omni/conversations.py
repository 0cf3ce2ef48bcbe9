"""OpenAI-style requests to conversations."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from omni.caps import MAX_MESSAGES, MAX_PARTS, MAX_TOOLS, check_length, check_number
from omni.errors import InputError
from omni.types import Conversation, Message, Preferences

MAX_CHARS_AT_ONCE = 20_000
"""Characters that are read and decided in a few milliseconds."""
CHARS_PER_MESSAGE = 100
"""A message without a word takes as long to read as so many characters."""
CHARS_PER_PATTERN_CHAR = 10
"""A character of a glob takes as long as so many of a prompt: each is compared with every model."""


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


def takes_long(conversation: Conversation, preferences: Preferences) -> bool:
    """Whether a decision takes more than a few milliseconds, so that others would feel it on the thread that serves."""
    n_chars = sum(len(message.text) + CHARS_PER_MESSAGE for message in conversation.messages)
    patterns = (*preferences.allow, *preferences.deny)
    return n_chars + CHARS_PER_PATTERN_CHAR * sum(map(len, patterns)) > MAX_CHARS_AT_ONCE


def check_lengths(request: Mapping[str, Any]) -> None:
    """Whether the lists of a request keep to their caps; looks at nothing else.

    Raises:
        CapExceeded: too many messages, parts or tools.
    """
    for name, at_most in (("messages", MAX_MESSAGES), ("tools", MAX_TOOLS), ("functions", MAX_TOOLS)):
        if isinstance(request.get(name), list):
            check_length(name, request[name], at_most, unit=name)
    messages = request.get("messages")
    contents = [one.get("content") for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    check_number("messages.content", sum(len(c) for c in contents if isinstance(c, list)), MAX_PARTS, unit="parts")


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
