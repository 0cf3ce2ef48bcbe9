"""Between the chat window's messages and a conversation.

From the page, messages come back normalised (lists of parts); from code they are plain strings. Messages that only the
page shows (receipts, notices, thoughts) carry metadata and never go to a model.
"""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omni.errors import InputError
from omni.gateway import Question
from omni.types import Conversation, Message
from omni.ui import text

MAX_PICTURE_MB = 8
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
PAGE_ONLY = frozenset({"receipt", "notice", "thought"})

ChatMessage = dict[str, Any]


def user_messages(prompt: str, files: Sequence[str]) -> list[ChatMessage]:
    """What a visitor sent, as messages of the chat window: pictures first."""
    pictures: list[ChatMessage] = [{"role": "user", "content": {"path": path}} for path in files]
    return [*pictures, {"role": "user", "content": prompt}] if prompt.strip() else pictures


def page_message(kind: str, content: str, **metadata: Any) -> ChatMessage:
    """A message that only the page shows; `kind` is one of `PAGE_ONLY`."""
    return {"role": "assistant", "content": content, "metadata": {"id": kind, **metadata}}


def is_page_only(message: Mapping[str, Any]) -> bool:
    """True for receipts, notices and thoughts."""
    metadata = message.get("metadata") or {}
    return bool(metadata.get("title")) or metadata.get("id") in PAGE_ONLY


def cut_at_prompt(history: Sequence[ChatMessage], index: int) -> list[ChatMessage]:
    """The history up to and with the last user message at or before `index`; empty when there is none."""
    ends = [row for row, message in enumerate(history[: index + 1]) if message["role"] == "user"]
    if not ends:
        return []
    end = ends[-1]
    while end + 1 < len(history) and history[end + 1]["role"] == "user":
        end += 1
    return list(history[: end + 1])


def to_question(history: Sequence[ChatMessage]) -> Question:
    """The conversation a model gets. A picture and its prompt are one message; prompts without an answer are left out.

    Raises:
        InputError: A file is not a picture, or too large.
    """
    messages: list[Message] = []
    images: dict[int, tuple[str, ...]] = {}
    is_turn_over = False
    for entry in history:
        if is_page_only(entry):
            is_turn_over = True
            continue
        prompt, urls = _read_content(entry["content"])
        if messages and messages[-1].role == entry["role"]:
            last = messages.pop()
            last_urls = images.pop(len(messages), ())
            if not is_turn_over:
                prompt = "\n\n".join(part for part in (last.text, prompt) if part)
                urls = (*last_urls, *urls)
        is_turn_over = False
        if urls:
            images[len(messages)] = urls
        messages.append(Message(role=entry["role"], text=prompt, n_images=len(urls)))
    return Question(conversation=Conversation(messages=tuple(messages)), images=images)


def _read_content(content: Any) -> tuple[str, tuple[str, ...]]:
    parts = content if isinstance(content, list) else [content]
    texts, urls = [], []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(part["text"])
        elif isinstance(part, Mapping):
            urls.append(to_data_url(Path((part.get("file") or part)["path"])))
    return "\n\n".join(texts), tuple(urls)


def to_data_url(path: Path) -> str:
    """A picture as a data URL.

    Raises:
        InputError: The file is not a picture, or larger than 8 MB.
    """
    kind = mimetypes.guess_type(path.name)[0]
    if kind not in PICTURE_TYPES:
        raise InputError(text.NOT_A_PICTURE.format(name=path.name))
    size_mb = path.stat().st_size / 1e6
    if size_mb > MAX_PICTURE_MB:
        raise InputError(text.TOO_LARGE_PICTURE.format(name=path.name, size_mb=size_mb))
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
