"""A stream of server-sent events cut into the JSON objects in it."""

import json
from codecs import BOM_UTF8
from typing import Any

import orjson

from omni.errors import BadReply

MAX_EVENT_BYTES = 64_000_000
DONE = b"[DONE]"
Event = dict[str, Any]


class EventReader:
    """Cuts bytes into the data of whole events; what is not whole yet waits for the next bytes."""

    def __init__(self) -> None:
        self.is_over = False
        """True once the stream has said that it is complete."""
        self._rest = b""
        self._more: list[bytes] = []
        """Bytes after `_rest` without an end of an event: joined once it comes, so that no byte is copied twice."""
        self._n_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that are whole now.

        Raises:
            BadReply: an event is larger than 64 MB.
        """
        if b"\n" not in data and b"\r" not in data:
            self._keep(data)
            return []
        text = b"".join((self._rest, *self._more, data))
        if b"\r" in text:
            held = text.endswith(b"\r")  # its line feed may be on the way
            text = text[: -1 if held else None].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        *whole, rest = text.split(b"\n\n")
        self._rest, self._more, self._n_bytes = b"", [], 0
        self._keep(rest)
        return self._payloads(whole)

    def end(self) -> list[bytes]:
        """The data of an event that the stream ended without closing."""
        text, self._rest, self._more = b"".join((self._rest, *self._more)), b"", []
        return self._payloads([text.replace(b"\r", b"\n")])

    def _keep(self, data: bytes) -> None:
        self._more.append(data)
        self._n_bytes += len(data)
        if self._n_bytes > MAX_EVENT_BYTES:
            raise BadReply("The server sent an event without an end.")

    def _payloads(self, texts: list[bytes]) -> list[bytes]:
        payloads = []
        for text in texts:
            if self.is_over:
                break
            # nearly every event is one line of data
            payload = text[5:].strip() if text.startswith(b"data:") and b"\n" not in text else _data_of(text)
            if payload.startswith(DONE):
                self.is_over = True
            elif payload:
                payloads.append(payload)
        return payloads


def _data_of(text: bytes) -> bytes:
    lines = text.removeprefix(BOM_UTF8).split(b"\n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")).strip()


def to_json(payload: bytes) -> object:
    """What the data of an event says.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return json.loads(payload)  # takes half of a surrogate pair, too


def dump_json(data: object) -> bytes:
    """The data as JSON, in UTF-8."""
    try:
        return orjson.dumps(data)
    except TypeError:
        # ASCII: half a surrogate pair from an upstream must not break the encoding
        return json.dumps(data, separators=(",", ":")).encode()


def sse(data: object) -> bytes:
    """One server-sent event."""
    return b"data: " + dump_json(data) + b"\n\n"
