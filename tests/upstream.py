"""A scripted OpenAI-compatible server on loopback: real HTTP and server-sent events, no sleeps.

`Upstream.script(model, *steps)` says what the next requests for a model get; without a script a model answers
`DEFAULT_TEXT` word by word. A step may wait for an event that the test sets with `release`. `fail_at_random` makes a
share of the requests fail, the same ones for the same seed. `sent` is the log: what was put on the wire for whom.
"""

import asyncio
import json
import random
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
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
    cut_last: bool = False
    """Close the connection after the finish reason: no usage, no [DONE]."""
    usage: tuple[int, int] | None = (12, 34)
    hold: str | None = None
    retry_after: str | None = None
    hold_first: str | None = None
    """Send nothing before the test releases this name: a slow first piece, or a stall when it never does."""
    cut_first: bool = False
    """Close the connection before the first piece."""
    broken_json: bool = False
    """Send half a JSON object instead of the first piece."""
    html: bool = False
    """Send a page, with `status`."""
    error_event: bool = False
    """Send an error inside the stream, before the first piece."""
    twice: bool = False
    """Send every piece twice."""
    piece_chars: int | None = None
    """Length of the pieces; None = words."""
    message: str = "scripted"
    """The text of an error."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent along with an answer."""

    @property
    def pieces(self) -> list[str]:
        """What a whole answer is made of."""
        if self.piece_chars is not None:
            return [self.text[i : i + self.piece_chars] for i in range(0, len(self.text), self.piece_chars)]
        words = self.text.split(" ")
        parts = [words[0], *(f" {word}" for word in words[1:])]
        return [part for part in parts for _ in range(2)] if self.twice else parts


BEFORE_FIRST: tuple[Step, ...] = (
    Step(status=500),
    Step(status=503),
    Step(status=408),
    Step(status=404),
    Step(status=400),
    Step(status=429),
    Step(status=502, html=True),
    Step(html=True),
    Step(empty=True),
    Step(broken_json=True),
    Step(cut_first=True),
    Step(error_event=True),
)
"""Ways to fail before a piece has been sent, all at once: none needs a time-out."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """One request and the content that went out for it."""

    model: str
    prompt: str
    """The text of the last message."""
    step: Step
    parts: list[str] = field(default_factory=list)
    is_complete: bool = False
    """True when a finish reason was sent."""
    authorization: str | None = None
    cookie: str | None = None
    host: str | None = None
    """By which name it was asked."""
    left_s: float | None = None
    """When the client was seen to have gone, on `time.monotonic`; None = it stayed, or was not waited for."""

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class Upstream:
    """The running server, what it was asked, and its scripts."""

    models: Sequence[str | dict[str, Any]] = ()
    """Names, or whole entries of the listing."""
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    disconnected: threading.Event = field(default_factory=threading.Event)
    list_status: int = 200
    sent: list[Sent] = field(default_factory=list)
    is_dead: bool = False
    """Close every connection without an answer."""
    _chance: Callable[[str, str], Step] | None = None
    _scripts: dict[str, deque[Step]] = field(default_factory=dict)
    _gates: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, model: str, *steps: Step) -> None:
        """Queues replies for a model; "*" is for any."""
        self._scripts.setdefault(model, deque()).extend(steps)

    def fail_at_random(
        self, seed: int, rate: float, failures: Sequence[Step] = BEFORE_FIRST, *, text: Callable[[str], str] = str
    ) -> None:
        """From now on, `rate` (0..1) of the requests without a script get one of `failures`, the others `text` of their
        prompt. The draw depends on the seed, prompt, model and how often it was asked, not on the order of requests.
        """
        asked: Counter[tuple[str, str]] = Counter()

        def draw(model: str, prompt: str) -> Step:
            asked[model, prompt] += 1
            chance = random.Random(f"{seed}/{model}/{prompt}/{asked[model, prompt]}")
            failing = chance.random() < rate
            return replace(chance.choice(failures), text=text(prompt)) if failing else Step(text=text(prompt))

        self._chance = draw

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
        self.sent.clear()
        self.is_dead = False
        self._chance = None

    def _gate(self, name: str) -> threading.Event:
        return self._gates.setdefault(name, threading.Event())

    def _next_step(self, model: str, prompt: str) -> Step:
        if self.is_dead:
            return Step(cut_first=True)
        for key in (model, "*"):
            if self._scripts.get(key):
                return self._scripts[key].popleft()
        return self._chance(model, prompt) if self._chance else Step()

    async def on_models(self, request: Request) -> Response:
        self.authorizations.append(request.headers.get("authorization"))
        if self.list_status != 200:
            return JSONResponse({"error": {"message": "no list"}}, status_code=self.list_status)
        bare = {"object": "model", "created": 0, "owned_by": "test"}
        data = [{"id": model, **bare} if isinstance(model, str) else model for model in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def on_chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.authorizations.append(request.headers.get("authorization"))
        prompt = _prompt_of(body)
        step = self._next_step(body["model"], prompt)
        sent = Sent(
            model=body["model"],
            prompt=prompt,
            step=step,
            authorization=request.headers.get("authorization"),
            cookie=request.headers.get("cookie"),
            host=request.url.hostname,
        )
        self.sent.append(sent)
        if step.html:
            return HTMLResponse("<html><body><h1>Bad gateway</h1></body></html>", status_code=step.status)
        if step.status != 200:
            headers = {"retry-after": step.retry_after} if step.retry_after else None
            return JSONResponse({"error": {"message": step.message}}, status_code=step.status, headers=headers)
        return StreamingResponse(self._events(sent), media_type="text/event-stream", headers=dict(step.headers))

    async def _events(self, sent: Sent) -> AsyncIterator[bytes]:
        """The script; the server cancels or closes this when the client goes away."""
        try:
            async for data in self._script_of(sent):
                yield data
        except (asyncio.CancelledError, GeneratorExit):
            sent.left_s = time.monotonic()
            self.disconnected.set()
            raise

    async def _script_of(self, sent: Sent) -> AsyncIterator[bytes]:
        step, model = sent.step, sent.model
        if step.hold_first:
            await self._wait(step.hold_first)
        if step.cut_first:
            raise ConnectionAbortedError("scripted cut")
        if step.broken_json:
            yield b'data: {"id": "x", "choices": [{"del\n\n'
        if step.error_event:
            yield b'data: {"error": {"message": "scripted", "type": "server_error"}}\n\n'
        if step.empty or step.broken_json or step.error_event:
            yield b"data: [DONE]\n\n"
            return
        if step.reasoning:
            yield _event(model, {"reasoning_content": step.reasoning})
        pieces = step.pieces
        for index, piece in enumerate(pieces):
            sent.parts.append(piece)
            yield _event(model, {"content": piece})
            if step.cut and index == len(pieces) // 2:
                raise ConnectionAbortedError("scripted cut")
            if step.hold and index == 0:
                await self._wait(step.hold)
        if not step.no_finish:
            sent.is_complete = True
            yield _event(model, {}, finish_reason="stop")
        if step.cut_last:
            raise ConnectionAbortedError("scripted cut")
        if step.usage:
            usage = {
                "prompt_tokens": step.usage[0],
                "completion_tokens": step.usage[1],
                "total_tokens": sum(step.usage),
            }
            yield _event(model, None, usage=usage)
        yield b"data: [DONE]\n\n"

    async def _wait(self, name: str) -> None:
        """Until the test releases `name`."""
        gate = self._gate(name)
        while not gate.is_set():
            await asyncio.sleep(0.005)


def _prompt_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1].get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


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


def free_port() -> int:
    """A port of this machine that nobody has at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    # with the protocol named, asyncio sends small pieces at once; otherwise each answer waits 40 ms for the client
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
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
