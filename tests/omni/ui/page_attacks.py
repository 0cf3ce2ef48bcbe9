"""What one visitor can do to the others on the page: each attack beside a second visitor who sends prompts.

    python -m tests.omni.ui.page_attacks [--seconds 6] [NAME …]

The app runs in a process of its own, without a model server: a prompt ends with its decision. The visitors have two
addresses of loopback, which Linux gives without asking.
"""

import argparse
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import httpx

from tests.omni.api_attacks import PATIENCE_S, PAUSE_S, Waits, run_program

ATTACKER, VISITOR = "127.0.0.1", "127.0.0.2"
PROMPT = "Why is the sky blue?"
Body = Callable[[int], bytes]
"""The body of the n-th call."""


class PageClient:
    """A program that calls the page's own functions, as its script does."""

    def __init__(self, url: str, address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        headers = {"sec-fetch-site": "same-origin", "content-type": "application/json"}
        self._http = httpx.Client(base_url=url, transport=transport, headers=headers, timeout=PATIENCE_S)
        self._http.get("/")
        config = self._http.get("/config").json()
        self._components = {each["id"]: each for each in config["components"]}
        self._functions = {str(each["api_name"]): each for each in config["dependencies"]}
        self._n_sessions = 0

    def body(self, function: str, session: str, *first: Any, **values: Any) -> bytes:
        """A call: the first inputs, then what the page shows at its start, but for those named by their element."""
        inputs = self._functions[function]["inputs"]
        rest = [self._value(id_, values) for id_ in inputs[len(first) :]]
        call = {"fn_index": self._functions[function]["id"], "session_hash": session, "data": [*first, *rest]}
        return json.dumps(call).encode()

    def post(self, body: bytes) -> int:
        """Puts a call into the queue; gives the status."""
        return self._http.post("/gradio_api/queue/join", content=body).status_code

    def send(self, prompt: str) -> int:
        """Sends a prompt and waits for what comes of it; gives the status."""
        self._n_sessions += 1
        session = f"visitor{self._n_sessions}"
        status = self.post(self.body("on_send", session, {"text": prompt, "files": []}, []))
        if status == 200:
            with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as reply:
                for line in reply.iter_lines():
                    if '"process_completed"' in line:
                        return 200 if json.loads(line.removeprefix("data:"))["success"] else 500
        return status

    def _value(self, id_: int, values: dict[str, Any]) -> Any:
        props = self._components[id_]["props"]
        return values.get(props.get("elem_id") or "", props.get("value"))


def build_bodies(client: PageClient) -> dict[str, Body]:
    """What each attack sends, by name."""
    sent = {"text": PROMPT, "files": []}
    patterns = ",".join(f"*a*{n}*b" for n in range(100_000))
    turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": PROMPT} for n in range(10_000)]
    fixed = {
        "100,000 patterns": client.body("on_send", "p", sent, [], allow=patterns, deny=patterns),
        "10,000 turns": client.body("on_send", "t", sent, turns),
        "a million tokens": client.body("on_send", "m", {"text": PROMPT * 190_000, "files": []}, []),
        "900,000 empty messages": b'{"fn_index": 0, "session_hash": "e", "data": [' + b"{}," * 899_999 + b"{}]}",
    }
    bodies: dict[str, Body] = {name: (lambda _, body=body: body) for name, body in fixed.items()}  # type: ignore[misc]
    bodies["small calls that wait"] = lambda n: client.body("on_replay", f"r{n}", "korbench", ["knn"], n)
    return bodies


NAMES = ("small calls that wait", "100,000 patterns", "10,000 turns", "a million tokens", "900,000 empty messages")


def _attack(name: str, url: str, begun: Any, stop: Any) -> None:
    client = PageClient(url, ATTACKER)
    body = build_bodies(client)[name]
    begun.set()

    def send(first: int) -> None:
        number = first
        while not stop.is_set():
            with suppress(httpx.HTTPError):
                client.post(body(number))
            number += 4

    threads = [threading.Thread(target=send, args=(first,), daemon=True) for first in range(4)]
    for thread in threads:
        thread.start()
    stop.wait()


def measure(url: str, attack: str | None, *, seconds: float) -> Waits:
    """The waits of a second visitor for a decision while the attack goes on; None = none does."""
    waits, visitor = Waits(), PageClient(url, VISITOR)
    visitor.send(PROMPT)
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    process = context.Process(target=_attack, args=(attack, url, begun, stop), daemon=True)
    if attack is not None:
        process.start()
        begun.wait(PATIENCE_S)
        time.sleep(0.3)
    try:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            began = time.monotonic()
            waits.n_refused += visitor.send(PROMPT) != 200
            waits.seconds.append(time.monotonic() - began)
            time.sleep(PAUSE_S)
    finally:
        stop.set()
        if attack is not None:
            process.join(timeout=2)
            process.kill()
    return waits


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line per attack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=float, default=6.0)
    args = parser.parse_args(arguments)
    for name in args.names or ("nothing", *NAMES):
        with run_program("app.py") as url:
            waits = measure(url, None if name == "nothing" else name, seconds=args.seconds)
        print(f"{name:32} {waits}", flush=True)


if __name__ == "__main__":
    main()
