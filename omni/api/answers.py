"""The upstream's chunks in OpenAI's shape, one by one or merged into a completion."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

_WHOLE = ("id", "type", "role", "index", "name")
"""Strings of a delta that come whole; some servers repeat them in every piece."""


class _Pieces(list[str]):
    """Pieces of one text; joined once, so that a long answer costs no more than its length."""


def to_chunk(event: dict[str, Any], *, completion_id: str, created: int, model: str) -> dict[str, Any]:
    """The event, changed into a chunk under this server's names; the model's thinking is in `reasoning_content`."""
    choices = event["choices"] = event.get("choices") or []
    event["id"], event["object"] = completion_id, "chat.completion.chunk"
    event["created"], event["model"] = created, model
    for choice in choices:
        choice["index"] = choice.get("index") or 0
        delta = choice["delta"] = choice.get("delta") or {}
        if isinstance(thought := delta.get("reasoning"), str):
            del delta["reasoning"]
            delta.setdefault("reasoning_content", thought)
    return event


def new_names() -> dict[str, Any]:
    """Id and time of an answer, for `to_chunk`."""
    return {"completion_id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time())}


def merge(chunks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A whole completion from the chunks of `to_chunk`."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        whole |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for piece in chunk["choices"]:
            choice = choices.setdefault(piece["index"], {"index": piece["index"], "finish_reason": None})
            message = choice.setdefault("message", {"role": "assistant", "content": None})
            _add(message, piece["delta"])
            if isinstance(piece.get("logprobs"), dict):
                _add(choice.setdefault("logprobs", {}), piece["logprobs"])
            choice |= {
                name: value for name, value in piece.items() if name not in ("delta", "logprobs") and value is not None
            }
    whole["object"] = "chat.completion"
    whole["choices"] = [_joined(choices[index]) for index in sorted(choices)]
    for choice in whole["choices"]:
        for call in choice["message"].get("tool_calls") or ():
            call.pop("index", None)
    return whole


def _add(into: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        old = into.get(name)
        if value is None:
            into.setdefault(name, None)
        elif isinstance(value, str) and name not in _WHOLE:
            if isinstance(old, _Pieces):
                old.append(value)
            else:
                into[name] = _Pieces([value])
        elif isinstance(value, dict):
            into[name] = old if isinstance(old, dict) else {}
            _add(into[name], value)
        elif isinstance(value, list):
            into[name] = old if type(old) is list else []
            _extend(into[name], value)
        elif value != "" or old is None:
            into[name] = value


def _extend(into: list[Any], items: list[Any]) -> None:
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("index"), int):
            into.append(item)
            continue
        same = next((old for old in into if isinstance(old, dict) and old.get("index") == item["index"]), None)
        if same is None:
            same = {}
            into.append(same)
        _add(same, item)


def _joined(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined(item) for name, item in value.items()}
    return [_joined(item) for item in value] if isinstance(value, list) else value
