"""What one visitor can do to the others: each attack beside a second visitor who asks for decisions; figures by hand.

    python -m tests.omni.api_attacks [--seconds 6] [NAME …]

The server runs in a process of its own, over a scripted model server; everything stays on loopback.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import omni
from tests.omni.api_server import HELLO, SERVED, serve
from tests.upstream import free_port

ROOT = Path(omni.__file__).parent.parent
KEYS = ("attacker", "visitor")
PAUSE_S = 0.02
PATIENCE_S = 120.0
"""For one reply: longer than any attack holds a server that has no caps."""
HOLD = "hold"
HEAD = "POST /v1/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer attacker\r\ncontent-type: application/json\r\n"


@dataclass(slots=True)
class Waits:
    """Of the second visitor, in seconds."""

    seconds: list[float] = field(default_factory=list)
    n_refused: int = 0

    @property
    def worst_s(self) -> float:
        return max(self.seconds)

    @property
    def typical_s(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        ordered = sorted(self.seconds)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        figures = f"p50 {self.typical_s:6.3f}  p99 {p99:6.3f}  worst {self.worst_s:6.3f} s"
        return f"{figures}  {len(ordered)} asked, {self.n_refused} refused"


Attack = Callable[[str, threading.Event], None]
"""Goes on until the event is set."""


def send_again_and_again(body: bytes, *, path: str = "chat/completions", n_at_once: int = 2) -> Attack:
    """The same body over several connections, as soon as the reply to the one before is there."""

    def send(url: str, stop: threading.Event) -> None:
        headers = {"authorization": "Bearer attacker", "content-type": "application/json"}
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S) as client:
            while not stop.is_set():
                with suppress(httpx.HTTPError):
                    client.post(f"/v1/{path}", content=body)

    def attack(url: str, stop: threading.Event) -> None:
        threads = [threading.Thread(target=send, args=(url, stop), daemon=True) for _ in range(n_at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return attack


def hold_sockets(n: int, content: bytes, *, n_bytes: int | None = None) -> Attack:
    """Many connections that send this and then stand still.

    Args:
        n_bytes: the length that is announced; None = what is sent.
    """

    def attack(url: str, stop: threading.Event) -> None:
        address, length = httpx.URL(url), len(content) if n_bytes is None else n_bytes
        head = f"{HEAD.format(path='chat/completions')}content-length: {length}\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(n):
                if stop.is_set():
                    return
                with suppress(OSError):
                    held = stack.enter_context(socket.create_connection((address.host, address.port or 0), timeout=10))
                    held.sendall(head + content)
            stop.wait()

    return attack


def _chat(**fields: Any) -> bytes:
    return json.dumps({"model": "omni", "messages": HELLO, **fields}).encode()


def _turns(n: int, text: str = "Why is the sky blue, and what is the weather like?") -> list[dict[str, str]]:
    return [{"role": "user" if row % 2 == 0 else "assistant", "content": text} for row in range(n)]


def build_attacks() -> dict[str, Attack]:
    """Every attack by name."""
    keys = ",".join(f'"k{row}":0' for row in range(2_500_000))
    return {
        "900,000 empty messages": send_again_and_again(b'{"messages":[' + b"{}," * 899_999 + b"{}]}"),
        "10 M lists": send_again_and_again(b'{"messages":[' + b"[]," * 9_999_999 + b"[]]}"),
        "10 M lists in each other": send_again_and_again(b'{"messages":' + b"[" * 10_000_000),
        "2.5 M keys": send_again_and_again(f'{{"messages":[],{keys}}}'.encode()[:31_000_000]),
        "100,000 patterns": send_again_and_again(_chat(omni={"deny": [f"*a*{n}*b" for n in range(100_000)]})),
        "dear patterns within the caps": send_again_and_again(
            _chat(omni={"deny": ["*a" * 39 + str(n) for n in range(100)]}), path="route", n_at_once=8
        ),
        "10,000 turns": send_again_and_again(_chat(messages=_turns(10_000)), n_at_once=8),
        "2,048 turns, 8 at once": send_again_and_again(_chat(messages=_turns(2_047)), path="route", n_at_once=8),
        "a million tokens, 8 at once": send_again_and_again(
            _chat(messages=_turns(1, "Why is the sky blue? " * 190_000)), path="route", n_at_once=8
        ),
        "256 half-sent bodies": hold_sockets(256, b'{"model": "omni", ', n_bytes=1_000),
        "500 idle streams": hold_sockets(
            500, _chat(model=SERVED[0], stream=True, messages=[{"role": "user", "content": HOLD}])
        ),
    }


async def _on_models(_: Request) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in SERVED]})


async def _on_chat(request: Request) -> Response:
    """Three chunks; whoever asks to be held gets the first only."""
    body = await request.json()
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    is_held = body["messages"][-1]["content"] == HOLD

    async def events() -> Any:
        for delta, finish_reason in (({"content": "Blue."}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            yield f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode()
            if is_held:
                await asyncio.Event().wait()
        yield b"data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@contextmanager
def run_program(*command: str, **environment: str) -> Iterator[str]:
    """A program of this project as people start it, in a process of its own, once it is up; gives its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        own = {"OMNI_PORT": str(port), "OMNI_DB": f"{folder}/figures.duckdb", "OMNI_DISCOVER": "0"}
        quiet = {"HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
        settings = {**os.environ, **own, **quiet, **environment}
        with (Path(folder) / "log").open("w") as log:
            process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=settings, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Returns once the server answers."""
    ends_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_at and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args} did not start")


@contextmanager
def run_victim_server() -> Iterator[str]:
    """The real server over the scripted model server; gives its address."""
    routes = [Route("/v1/models", _on_models), Route("/v1/chat/completions", _on_chat, methods=["POST"])]
    with (
        serve(Starlette(routes=routes), lifespan="off") as upstream_url,
        run_program("-m", "omni", "serve", OMNI_BASE_URL=f"{upstream_url}/v1", OMNI_API_KEYS=",".join(KEYS)) as url,
    ):
        yield url


def _run_attack(name: str, url: str, begun: Any, stop: Any) -> None:
    attack = build_attacks()[name]
    begun.set()
    attack(url, stop)


@contextmanager
def under_attack(name: str | None, url: str) -> Iterator[None]:
    """The attack goes on meanwhile, from a process of its own; None = none does."""
    if name is None:
        yield
        return
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    process = context.Process(target=_run_attack, args=(name, url, begun, stop), daemon=True)
    process.start()
    begun.wait(PATIENCE_S)
    time.sleep(0.1)
    try:
        yield
    finally:
        stop.set()
        process.join(timeout=2)
        process.kill()


def measure(url: str, attack: str | None, *, seconds: float) -> Waits:
    """The waits of a second visitor while the attack goes on: decisions and short answers in turn."""
    waits, headers = Waits(), {"authorization": "Bearer visitor"}
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S) as client, under_attack(attack, url):
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            for path in ("route", "chat/completions"):
                _ask(client, path, waits)
            time.sleep(PAUSE_S)
    return waits


def _ask(client: httpx.Client, path: str, waits: Waits) -> None:
    began = time.monotonic()
    reply = client.post(f"/v1/{path}", json={"model": "omni", "messages": HELLO})
    waits.seconds.append(time.monotonic() - began)
    waits.n_refused += reply.status_code != 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line per attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=6.0)
    args = parser.parse_args(arguments)
    for name in args.names or ("nothing", *build_attacks()):
        with run_victim_server() as url:
            waits = measure(url, None if name == "nothing" else name, seconds=args.seconds)
        print(f"{name:32} {waits}", flush=True)


if __name__ == "__main__":
    main()
