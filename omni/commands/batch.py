"""python -m omni route --batch: one decision a line of JSON, as the lines come in."""

import json
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TextIO

from omni.conversations import build_conversation
from omni.errors import InputError, OmniError
from omni.router import BATCH, Router
from omni.types import Conversation, Decision, Preferences


class _Line(NamedTuple):
    line_id: Any
    conversation: Conversation | None
    error: str | None


def run_batch(router: Router, preferences: Preferences, source: TextIO, target: TextIO) -> None:
    """Reads lines with `prompt` or `messages` and an optional `id`; writes a line of JSON for each, in order.

    Lines that wait are decided side by side; a line that cannot be decided gets `error` and the others go on.
    """
    for lines in _as_they_come(source):
        parsed = [_parse(text, number) for number, text in lines if text.strip()]
        for result in _decide(router, preferences, parsed):
            target.write(json.dumps(result, ensure_ascii=False) + "\n")
        target.flush()


def _as_they_come(source: TextIO) -> Iterator[list[tuple[int, str]]]:
    """Numbered lines, up to `BATCH` at a time, without waiting for more than are there."""
    waiting: queue.Queue[tuple[int, str] | Exception | None] = queue.Queue(maxsize=4 * BATCH)

    def feed() -> None:
        try:
            for numbered in enumerate(source, start=1):
                waiting.put(numbered)
            waiting.put(None)
        except (OSError, UnicodeDecodeError) as error:
            waiting.put(error)

    threading.Thread(target=feed, daemon=True, name="batch-input").start()
    lines: list[tuple[int, str]] = []
    while True:
        item = waiting.get()
        if isinstance(item, tuple):
            lines.append(item)
            if len(lines) < BATCH and not waiting.empty():
                continue
        if lines:
            yield lines
        lines = []
        if isinstance(item, Exception):
            raise InputError(f"The lines cannot be read ({type(item).__name__}); give UTF-8 text.") from item
        if item is None:
            return


def _parse(text: str, number: int) -> _Line:
    try:
        raw = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        return _Line(number, None, f"line {number}: not JSON ({error}); expected an object with prompt or messages.")
    if not isinstance(raw, dict):
        return _Line(number, None, f"line {number}: expected an object with prompt or messages.")
    line_id = raw.get("id", number)
    try:
        return _Line(line_id, _conversation(raw, f"line {number}"), None)
    except InputError as error:
        return _Line(line_id, None, str(error))


def _conversation(raw: dict[str, Any], where: str) -> Conversation:
    if ("prompt" in raw) == ("messages" in raw):
        raise InputError(f"{where}: expected prompt or messages, one of them.")
    if "messages" in raw:
        return build_conversation(raw, where=where)
    if not isinstance(raw["prompt"], str):
        raise InputError(f"{where}: prompt is no text; expected a string.")
    return Conversation.from_prompt(raw["prompt"])


def _decide(router: Router, preferences: Preferences, lines: list[_Line]) -> Iterable[dict[str, Any]]:
    usable = [line for line in lines if line.conversation is not None]
    try:
        decisions: list[Decision | str] = list(
            router.route_batch([line.conversation for line in usable if line.conversation], preferences)
        )
    except OmniError:
        # one of them cannot be decided; which one is found one by one
        decisions = [_one(router, preferences, line) for line in usable]
    found = iter(decisions)
    for line in lines:
        outcome = line.error if line.conversation is None else next(found)
        yield {"id": line.line_id} | ({"error": outcome} if not isinstance(outcome, Decision) else to_line(outcome))


def _one(router: Router, preferences: Preferences, line: _Line) -> Decision | str:
    assert line.conversation is not None
    try:
        return router.route(line.conversation, preferences)
    except OmniError as error:
        return str(error)


def to_line(decision: Decision) -> dict[str, Any]:
    """The figures of one decision; unknown is null."""
    first = decision.candidates[:2]
    return {
        "chosen": first[0].model_id,
        "quality": first[0].quality,
        "cost_usd": first[0].cost_usd,
        "latency_s": first[0].latency_s,
        "runner_up": first[1].model_id if len(first) > 1 else None,
        "decision_id": decision.decision_id,
    }
