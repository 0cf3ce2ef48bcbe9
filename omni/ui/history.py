"""Between the chat window's messages and a conversation.

From the page, messages come back normalised (lists of parts); from code they are plain strings. Messages that only the
page shows (receipts, notices, thoughts) carry metadata and never go to a model. Prompts and answers stand in the window
as text that is safe to show, and go to a model as they were written.
"""

import base64
import inspect
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omni.errors import InputError
from omni.gateway import Question
from omni.safe_text import to_raw_text, to_safe_markdown
from omni.types import Conversation, Message
from omni.ui import text

MAX_PICTURE_MB = 8
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
PAGE_ONLY = frozenset({"receipt", "notice", "thought", "cut", "divider"})

ChatMessage = dict[str, Any]


def user_messages(prompt: str, files: Sequence[str]) -> list[ChatMessage]:
    """What a visitor sent, as messages of the chat window: pictures first."""
    pictures: list[ChatMessage] = [{"role": "user", "content": {"path": path}} for path in files]
    return [*pictures, _written("user", prompt)] if prompt.strip() else pictures


def answer_message(written: str) -> ChatMessage:
    """What a model answered."""
    return _written("assistant", written)


def thought_message(written: str, *, status: str) -> ChatMessage:
    """What a model thought before it answered, folded; never sent back."""
    return page_message("thought", _shown(written), title=text.THINKING, status=status)


def _written(role: str, written: str) -> ChatMessage:
    return {"role": role, "content": _shown(written)}


def _shown(written: str) -> Any:
    """The text as the window shows it; a part of its own where Gradio would pull lines to the left (6.31)."""
    shown = to_safe_markdown(written)
    return shown if inspect.cleandoc(shown) == shown else [{"type": "text", "text": shown}]


def page_message(kind: str, content: Any, **metadata: Any) -> ChatMessage:
    """A message that only the page shows; `kind` is one of `PAGE_ONLY`, `content` is safe to show."""
    return {"role": "assistant", "content": content, "metadata": {"id": kind, **metadata}}


def is_page_only(message: Mapping[str, Any]) -> bool:
    """True for receipts, notices, thoughts and the mark above which nothing is sent."""
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


def leave_out_oldest(history: Sequence[ChatMessage]) -> Iterator[list[ChatMessage]]:
    """The history with a mark above which nothing is sent, ever further down: 1, 2, 4 … turns, and all but the last."""
    begin = _begin(history)
    starts = [
        row
        for row, message in enumerate(history)
        if row > begin and message["role"] == "user" and history[row - 1]["role"] != "user"
    ]
    row = 0
    while row < len(starts):
        mark = page_message("cut", text.CUT)
        above = [message for message in history[: starts[row]] if (message.get("metadata") or {}).get("id") != "cut"]
        yield [*above, mark, *history[starts[row] :]]
        row = len(starts) - 1 if row < len(starts) - 1 < 2 * row + 1 else 2 * row + 1


def _begin(history: Sequence[ChatMessage]) -> int:
    """The row from which messages are sent."""
    marks = [row for row, message in enumerate(history) if (message.get("metadata") or {}).get("id") == "cut"]
    return marks[-1] + 1 if marks else 0


def answer_id_at(history: Sequence[ChatMessage], index: int) -> int | None:
    """The answer whose thumbs stand at a row: the last one of its bubble. None where no answer stands.

    The chat window shows all that follows a prompt in one bubble, with one pair of thumbs at its end.
    """
    found = None
    for row in range(after_prompt(history, index), len(history)):
        message = history[row]
        if message["role"] == "user":
            break
        if (message.get("metadata") or {}).get("id") == "receipt":
            found = receipt_log(message)[0]
    return found


def after_prompt(history: Sequence[ChatMessage], index: int) -> int:
    """The first row after the last prompt at or before `index`."""
    rows = [row for row, message in enumerate(history[: index + 1]) if message["role"] == "user"]
    return rows[-1] + 1 if rows else 0


def receipt_log(message: Mapping[str, Any]) -> tuple[int | None, str]:
    """What a receipt remembers: the answer's number, and the model."""
    number, _, model_id = str((message.get("metadata") or {}).get("log") or "").partition(" ")
    return (int(number) if number.isdigit() else None), model_id


def to_question(history: Sequence[ChatMessage]) -> Question:
    """The conversation a model gets. A picture and its prompt are one message; prompts without an answer are left out,
    and so is everything above the mark of `leave_out_oldest`.

    Raises:
        InputError: A file is not a picture, or too large.
    """
    messages: list[Message] = []
    images: dict[int, tuple[str, ...]] = {}
    is_turn_over = False
    for entry in history[_begin(history) :]:
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
            texts.append(to_raw_text(part))
        elif isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(to_raw_text(part["text"]))
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
