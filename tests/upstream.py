"""A scripted OpenAI-compatible server on loopback: real HTTP and server-sent events, no sleeps.

`Upstream.script(model, *steps)` says what the next requests for a model get; without a script a model answers
`DEFAULT_TEXT` word by word. A step may wait for an event that the test sets with `release`.
"""

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

DEFAULT_TEXT = "The scripted server answers in a few words."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One reply. `hold` stops the stream after the first piece until the test releases that name."""

    text: str = DEFAULT_TEXT
    reasoning: str = ""
    status: int = 200
    cut: bool = False
    """Close the connection in the middle."""
    empty: bool = False
    """End the stream without a piece."""
    no_finish: bool = False
    """End without a finish reason."""
    usage: tuple[int, int] | None = (12, 34)
    hold: str | None = None
    retry_after: str | None = None


@dataclass(slots=True)
class Upstream:
    """The running server, what it was asked, and its scripts."""

    models: Sequence[str] = ()
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    disconnected: threading.Event = field(default_factory=threading.Event)
    list_status: int = 200
    _scripts: dict[str, deque[Step]] = field(default_factory=dict)
    _gates: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, model: str, *steps: Step) -> None:
        """Queues replies for a model; "*" is for any."""
        self._scripts.setdefault(model, deque()).extend(steps)

    def release(self, name: str) -> None:
        self._gate(name).set()

    def reset(self) -> None:
        for gate in self._gates.values():
            gate.set()
        self.requests.clear()
        self.authorizations.clear()
        self.disconnected.clear()
        self._scripts.clear()
        self._gates.clear()
        self.list_status = 200

    def _gate(self, name: str) -> threading.Event:
        return self._gates.setdefault(name, threading.Event())

    def _next_step(self, model: str) -> Step:
        for key in (model, "*"):
            if self._scripts.get(key):
                return self._scripts[key].popleft()
        return Step()

    async def on_models(self, request: Request) -> Response:
        self.authorizations.append(request.headers.get("authorization"))
        if self.list_status != 200:
            return JSONResponse({"error": {"message": "no list"}}, status_code=self.list_status)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def on_chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.authorizations.append(request.headers.get("authorization"))
        step = self._next_step(body["model"])
        if step.status != 200:
            headers = {"retry-after": step.retry_after} if step.retry_after else None
            return JSONResponse({"error": {"message": "scripted"}}, status_code=step.status, headers=headers)
        return StreamingResponse(self._events(body["model"], step), media_type="text/event-stream")

    async def _events(self, model: str, step: Step) -> AsyncIterator[bytes]:
        if step.empty:
            yield b"data: [DONE]\n\n"
            return
        words = step.text.split(" ")
        pieces = [words[0], *(f" {word}" for word in words[1:])]
        if step.reasoning:
            yield _event(model, {"reasoning_content": step.reasoning})
        for index, piece in enumerate(pieces):
            yield _event(model, {"content": piece})
            if step.cut and index == len(pieces) // 2:
                raise ConnectionAbortedError("scripted cut")
            if step.hold and index == 0:
                await self._wait(step.hold)
        if not step.no_finish:
            yield _event(model, {}, finish_reason="stop")
        if step.usage:
            usage = {
                "prompt_tokens": step.usage[0],
                "completion_tokens": step.usage[1],
                "total_tokens": sum(step.usage),
            }
            yield _event(model, None, usage=usage)
        yield b"data: [DONE]\n\n"

    async def _wait(self, name: str) -> None:
        """Until the test releases `name`; the server cancels this when the client goes away."""
        gate = self._gate(name)
        try:
            while not gate.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.disconnected.set()
            raise


def _event(
    model: str,
    delta: dict[str, str] | None,
    *,
    finish_reason: str | None = None,
    usage: dict[str, int] | None = None,
) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": choices}
    if usage:
        body["usage"] = usage
    return f"data: {json.dumps(body)}\n\n".encode()


@contextmanager
def run_upstream(models: Sequence[str] = ()) -> Iterator[Upstream]:
    """The server in a thread of its own, on a free port."""
    upstream = Upstream(models=models)
    app = Starlette(
        routes=[
            Route("/v1/models", upstream.on_models),
            Route("/v1/chat/completions", upstream.on_chat, methods=["POST"]),
        ]
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    upstream.port = listener.getsockname()[1]
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.reset()
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()
