"""Starts the OpenAI-compatible server for a test, and an upstream that sends given chunks."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from omni.api import Guard, create_api
from omni.explain import explain
from omni.gateway import Provider, build_gateway
from omni.router import Router
from omni.services import Services

DEADLINE_S = 10.0
SERVED = ("Qwen/Qwen3-8B", "zai-org/GLM-4.6")
HELLO: list[Any] = [{"role": "user", "content": "Why is the sky blue?"}]


@contextmanager
def serve(app: ASGIApp, *, lifespan: str = "on") -> Iterator[str]:
    """An app in a thread of its own, on a free port; gives its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who asks before the server is up waits instead of being refused
    config = uvicorn.Config(app, log_level="critical", lifespan=lifespan, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=DEADLINE_S)
        listener.close()


def build_services(
    router: Router, base_urls: Sequence[str] = (), *, references: Callable[..., Any] | None = None, **changes: Any
) -> Services:
    """Services over servers that have been asked what they serve."""
    providers = [Provider(name=f"server {index}", base_url=url) for index, url in enumerate(base_urls, start=1)]
    gateway = build_gateway(providers, [card.model_id for card in router.catalog.models])
    asyncio.run(gateway.board.refresh())
    return Services(
        router=router,
        gateway=gateway,
        explain=explain,
        references=references or (lambda _: ()),
        **changes,
    )


@contextmanager
def run_api(router: Router, *base_urls: str, guard: Guard | None = None, **services: Any) -> Iterator[str]:
    """The server over scripted upstreams; gives its address, without /v1."""
    with serve(create_api(build_services(router, base_urls, **services), guard=guard)) as url:
        yield url


def post(url: str, body: Any, path: str = "chat/completions", **options: Any) -> httpx.Response:
    """A request as curl sends it."""
    return httpx.post(f"{url}/v1/{path}", json=body, timeout=DEADLINE_S, **options)


def ask(url: str, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """A chat request with a prompt."""
    return post(url, {"model": "omni", "messages": HELLO, **fields}, headers=headers)


def error_of(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of an error in OpenAI's shape."""
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return reply.status_code, error["code"]


def wait_until(condition: Callable[[], Any]) -> None:
    """Returns as soon as the condition holds; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"


@dataclass(slots=True)
class ChunkServer:
    """Sends the given chunks, whatever is asked, and keeps what was asked."""

    chunks: Sequence[dict[str, Any]]
    models: Sequence[str]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    says_done: bool = True

    async def on_models(self, _: Request) -> Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in self.models]
        return Response(json.dumps({"object": "list", "data": data}), media_type="application/json")

    async def on_chat(self, request: Request) -> Response:
        self.requests.append(await request.json())
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield f"data: {json.dumps(chunk)}\n\n".encode()
        if self.says_done:
            yield b"data: [DONE]\n\n"


@contextmanager
def run_chunks(models: Sequence[str], *deltas: dict[str, Any], finish_reason: str = "stop") -> Iterator[ChunkServer]:
    """An upstream whose every answer is made of these deltas."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish_reason})
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    server = ChunkServer([{**head, "choices": [choice]} for choice in choices], models)
    routes = [
        Route("/v1/models", server.on_models),
        Route("/v1/chat/completions", server.on_chat, methods=["POST"]),
    ]
    with serve(Starlette(routes=routes), lifespan="off") as url:
        server.url = f"{url}/v1"
        yield server
