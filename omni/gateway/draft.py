"""An answer while it grows. Pieces are joined only when somebody looks: a long answer stays cheap."""

import asyncio
from dataclasses import replace
from typing import Any

from omni.gateway.messages import Answer, AnswerStatus, Chunk


class _Pairs:
    """Joins signs that a server cut in half: a text with half a surrogate pair in it cannot be shown or written."""

    def __init__(self) -> None:
        self._half = ""

    def mend(self, piece: str) -> str:
        """What is whole after this piece; a half that nothing follows is left out, one in the middle replaced."""
        text, self._half = self._half + piece, ""
        if text.isascii():
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Draft:
    """Belongs to one task that writes and one that reads, both on one loop. `changed` is set by every change."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._answer = Answer()
        self._text_pairs, self._reasoning_pairs = _Pairs(), _Pairs()
        self._texts: list[str] = []
        self._reasonings: list[str] = []

    @property
    def answer(self) -> Answer:
        """The answer so far; the same value until something changes."""
        if self._texts or self._reasonings:
            text = "".join((self._answer.text, *self._texts))
            reasoning = "".join((self._answer.reasoning, *self._reasonings))
            self._texts, self._reasonings = [], []
            self._answer = replace(self._answer, text=text, reasoning=reasoning)
        return self._answer

    @property
    def has_content(self) -> bool:
        """True once a piece with text or reasoning has come."""
        return self._answer.status is AnswerStatus.STREAMING

    def begin(self, *, first_token_s: float, wait_s: float) -> None:
        """The first piece is here; times in seconds, from this request and from the first one."""
        self.update(status=AnswerStatus.STREAMING, time_to_first_token_s=first_token_s, wait_s=wait_s)

    def add(self, chunk: Chunk) -> None:
        """One more piece."""
        if chunk.text:
            self._texts.append(self._text_pairs.mend(chunk.text))
        if chunk.reasoning:
            self._reasonings.append(self._reasoning_pairs.mend(chunk.reasoning))
        if chunk.usage or chunk.finish_reason or chunk.served_by:
            self._answer = replace(
                self._answer,
                usage=chunk.usage or self._answer.usage,
                finish_reason=chunk.finish_reason or self._answer.finish_reason,
                served_by=chunk.served_by or self._answer.served_by,
            )
        self.changed.set()

    def drop_pieces(self) -> None:
        """Forgets what a failed try left: nothing of it was shown."""
        self.update(usage=None, finish_reason=None, served_by=None)

    def update(self, **fields: Any) -> None:
        """Replaces fields of the answer."""
        self._answer = replace(self.answer, **fields)
        self.changed.set()
