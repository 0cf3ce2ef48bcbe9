"""What the server adds to an answer: time to the first piece, stalls, processor time, and memory over many requests.

An upstream, the server (`python -m omni serve`) and the client run in processes of their own. The client asks the
upstream directly and through the server in the same way, in turns; "added" is the difference of the two.

By hand: python -m tests.omni.api_bench                        one at a time, a burst, and a steady load of 200 streams
         python -m tests.omni.api_bench --memory 20000         resident memory every tenth of the requests
"""

import argparse
import asyncio
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.upstream import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
MODELS = ("Qwen/Qwen3-8B", "zai-org/GLM-4.6", "google/gemma-3-27b-it", "openai/gpt-oss-20b")
PIECE = b'"content":"'
STALL_S = 0.25
WORDS = Path(ROOT / "README.md").read_text(encoding="utf-8").split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the upstream answers."""

    first_s: float = 0.3
    n_pieces: int = 60
    gap_s: float = 0.05
    """Between two pieces."""

    @property
    def seconds(self) -> float:
        return self.first_s + self.n_pieces * self.gap_s


class UpstreamProtocol(asyncio.Protocol):
    """A server with as little work of its own as possible: it must not be what is measured."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return
        stated = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        length = int(stated[1]) if stated else 0
        if len(rest) < length:
            return
        self._buffer = bytearray(rest[length:])
        if head.startswith(b"GET"):
            body = json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]}).encode()
            start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self._transport.write(start.encode() + body)
            return
        self._at_s = asyncio.get_running_loop().time() + self._pace.first_s
        self._n_sent, self._n_pieces = 0, int(json.loads(rest[:length])["max_tokens"])
        self._timer = asyncio.get_running_loop().call_at(self._at_s, self._send)

    def _send(self) -> None:
        start = b""
        if not self._n_sent:
            start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._n_sent += 1
        if self._n_sent <= self._n_pieces:
            self._transport.write(start + _chunk(_event({"content": f" word{self._n_sent}"})))
            self._at_s += self._pace.gap_s
            self._timer = asyncio.get_running_loop().call_at(self._at_s, self._send)
            return
        usage = {"prompt_tokens": 40, "completion_tokens": self._n_pieces, "total_tokens": 40 + self._n_pieces}
        ends = _event({}, "stop"), _event(None, usage=usage), b"data: [DONE]\n\n"
        self._transport.write(b"".join(_chunk(end) for end in ends) + b"0\r\n\r\n")


def _event(delta: object, finish_reason: str | None = None, **more: object) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    head = {"id": "chatcmpl-upstream", "object": "chat.completion.chunk", "created": 1, "model": "upstream-name"}
    return b"data: " + json.dumps({**head, "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(slots=True)
class Sample:
    """One answer as the client saw it."""

    first_s: float | None = None
    n_pieces: int = 0
    longest_gap_s: float = 0.0
    n_stalls: int = 0
    is_whole: bool = False
    error: str = ""


class ClientProtocol(asyncio.Protocol):
    """Reads one streamed answer after the other from a connection."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes, allowed_gap_s: float) -> "asyncio.Future[None]":
        """Sends a request; the future is done when its answer is over."""
        self.sample, self._tail, self._allowed_s = Sample(), b"", allowed_gap_s
        self.done = asyncio.get_running_loop().create_future()
        self._started_s = self._last_s = time.perf_counter()
        self.transport.write(request)
        return self.done

    def connection_lost(self, _: Exception | None) -> None:
        if self.done and not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        now_s, seen = time.perf_counter(), self._tail + data
        n_pieces = seen.count(PIECE)
        self._tail = seen[seen.rfind(PIECE) + len(PIECE) :] if n_pieces else seen
        sample = self.sample
        if n_pieces:
            gap_s = now_s - self._last_s
            if sample.first_s is None:
                sample.first_s = gap_s
            else:
                sample.longest_gap_s = max(sample.longest_gap_s, gap_s)
                sample.n_stalls += gap_s > self._allowed_s
            self._last_s = now_s
            sample.n_pieces += n_pieces
        if self._tail.endswith(b"0\r\n\r\n") or seen.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")):
            sample.is_whole = b"[DONE]" in self._tail
            sample.error = "" if sample.is_whole else self._tail[-400:].decode(errors="replace")
            if self.done and not self.done.done():
                self.done.set_result(None)


@dataclass(slots=True)
class Client:
    """Connections to one address, kept open, as an OpenAI client keeps them."""

    url: str
    model: str
    pace: Pace
    seed: int = 1
    samples: list[Sample] = field(default_factory=list)
    _idle: list[ClientProtocol] = field(default_factory=list)

    async def ask(self, number: int) -> None:
        """One streamed answer to a prompt of its own, of 20 to 200 words."""
        chance = random.Random(f"{self.seed}/{number}")
        prompt = " ".join(chance.choices(WORDS, k=chance.randint(20, 200)))
        body = {"model": self.model, "stream": True, "max_tokens": self.pace.n_pieces}
        raw = json.dumps({**body, "messages": [{"role": "user", "content": prompt}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self.url}\r\ncontent-type: application/json\r\n"
        request = f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw
        connection = self._idle.pop() if self._idle else None
        if connection is None or connection.transport.is_closing():
            host, _, port = self.url.partition(":")
            _, connection = await asyncio.get_running_loop().create_connection(ClientProtocol, host, int(port))
        await connection.ask(request, self.pace.gap_s + STALL_S)
        self.samples.append(connection.sample)
        if connection.sample.is_whole:
            self._idle.append(connection)
        else:
            connection.transport.close()


Way = Callable[[Client], Coroutine[None, None, None]]


async def ask_in_turn(client: Client, n_requests: int) -> None:
    """One after the other."""
    for number in range(n_requests):
        await client.ask(number)


async def ask_at_once(client: Client, n_streams: int, n_bursts: int) -> None:
    """All in the same millisecond."""
    for burst in range(n_bursts):
        await asyncio.gather(*(client.ask(burst * n_streams + number) for number in range(n_streams)))


async def ask_steadily(client: Client, n_streams: int, seconds: float) -> None:
    """Poisson arrivals that keep `n_streams` under way on average; what came before they did is left out."""
    chance, loop = random.Random(client.seed), asyncio.get_running_loop()
    asked: list[asyncio.Task[None]] = []
    at_s = loop.time()
    warm_s, end_s = at_s + client.pace.seconds, at_s + client.pace.seconds + seconds
    is_warm = False
    while at_s < end_s:
        at_s += chance.expovariate(n_streams / client.pace.seconds)
        await asyncio.sleep(at_s - loop.time())
        if not is_warm and at_s > warm_s:
            is_warm = True
            client.samples.clear()
        asked.append(asyncio.create_task(client.ask(len(asked))))
    await asyncio.gather(*asked)


def at(values: list[float], share: float) -> float:
    """A quantile."""
    return sorted(values)[round(share * (len(values) - 1))]


def describe(client: Client, cpu_s: float) -> str:
    """The figures of a run. `cpu_s`: processor time of the asked process meanwhile."""
    samples = client.samples
    first_ms = [1000 * sample.first_s for sample in samples if sample.first_s is not None] or [math.nan]
    n_whole = sum(sample.is_whole and sample.n_pieces == client.pace.n_pieces for sample in samples)
    errors = Counter(sample.error for sample in samples if not sample.is_whole)
    return (
        f"first piece p50 {at(first_ms, 0.5):6.1f}  p95 {at(first_ms, 0.95):6.1f}  max {max(first_ms):6.1f} ms; "
        f"{n_whole}/{len(samples)} whole, {sum(sample.n_stalls for sample in samples)} stalls, "
        f"longest gap {1000 * max(sample.longest_gap_s for sample in samples):.0f} ms; "
        f"processor {1000 * cpu_s / len(samples):.2f} ms an answer"
        + "".join(f"\n  {n} times: {error}" for error, n in errors.most_common(3))
    )


def added(direct: Client, through: Client) -> str:
    """What the server adds at p50 and p95."""
    figures = []
    for share in (0.5, 0.95):
        both = [[1000 * (sample.first_s or 0.0) for sample in client.samples] for client in (direct, through)]
        figures.append(f"p{100 * share:.0f} {at(both[1], share) - at(both[0], share):.1f} ms")
    return "added to the first piece: " + ", ".join(figures)


@contextmanager
def run_process(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that says in its first line that it is ready."""
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait_for(url: str) -> None:
    """Returns when the server knows what the upstream offers."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://{url}/v1/models", timeout=5) as reply:
                if MODELS[0] in [model["id"] for model in json.load(reply)["data"]]:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not start")


@contextmanager
def run_both(pace: Pace) -> Iterator[tuple[dict[str, int], str, str]]:
    """Upstream and server: their process ids by address, the upstream's address, the server's."""
    upstream, server = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    this = ["-m", "tests.omni.api_bench", "--upstream", upstream, json.dumps([pace.first_s, pace.n_pieces, pace.gap_s])]
    with (
        tempfile.TemporaryDirectory() as folder,
        run_process(*this) as above,
        run_process(
            *("-m", "omni", "serve", "--port", server.partition(":")[2]),
            OMNI_DB=f"{folder}/figures.duckdb",
            OMNI_BASE_URL=f"http://{upstream}/v1",
            HF_TOKEN="",
            OMNI_SERVERS="",
            OMNI_DISCOVER="0",
            OMNI_MAX_RUNNING="1000",
        ) as served,
    ):
        wait_for(server)
        yield {upstream: above.pid, server: served.pid}, upstream, server


def run_speed(args: argparse.Namespace) -> None:
    """Prints the figures of each way of asking."""
    pace = Pace(gap_s=args.gap)
    short = replace(pace, n_pieces=5, gap_s=0.01)
    n_streams = args.streams
    ways: dict[str, tuple[Pace, Way]] = {
        "one at a time": (short, lambda client: ask_in_turn(client, 50)),
        f"a burst of {n_streams}": (pace, lambda client: ask_at_once(client, n_streams, 3)),
        f"{n_streams} in steady state": (pace, lambda client: ask_steadily(client, n_streams, args.seconds)),
    }
    with run_both(pace) as (pids, upstream, server):
        warm = Client(server, args.model or "omni", pace, seed=0)
        asyncio.run(ask_at_once(warm, 20, 2))
        for name, (rhythm, way) in ways.items():
            clients = []
            for url, model in ((upstream, MODELS[0]), (server, args.model or "omni")):
                client, before_s = Client(url, model, rhythm), cpu_s(pids[url])
                asyncio.run(way(client))
                clients.append(client)
                label = "direct" if url == upstream else "through"
                print(f"{name}, {label:7}: {describe(client, cpu_s(pids[url]) - before_s)}", flush=True)
            print(f"{name}: {added(*clients)}", flush=True)


def run_memory(n_requests: int, model: str | None) -> None:
    """Prints the server's resident memory while it answers, 16 requests at a time."""
    pace = Pace(first_s=0.0, n_pieces=20, gap_s=0.0)
    with run_both(pace) as (pids, _, server):

        async def ask() -> None:
            client, todo, n_done, n_whole = Client(server, model or "omni", pace), iter(range(n_requests)), 0, 0

            async def work() -> None:
                nonlocal n_done, n_whole
                for number in todo:
                    await client.ask(number)
                    n_done += 1
                    n_whole += client.samples.pop().is_whole
                    if n_done % (n_requests // 10) == 0:
                        print(f"{n_done:6} requests, {n_whole} whole: {rss_mb(pids[server]):.1f} MB", flush=True)

            print(f"     0 requests: {rss_mb(pids[server]):.1f} MB", flush=True)
            await asyncio.gather(*(work() for _ in range(16)))

        asyncio.run(ask())


async def serve_upstream(url: str, pace: Pace) -> None:
    host, _, port = url.partition(":")
    server = await asyncio.get_running_loop().create_server(lambda: UpstreamProtocol(pace), host, int(port))
    print("ready", flush=True)
    await server.serve_forever()


def main() -> None:
    """Reads the options and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0, help="of the steady load")
    parser.add_argument("--gap", type=float, default=0.05, help="seconds between two pieces of an answer")
    parser.add_argument("--model", help="ask for this model instead of the router's choice")
    parser.add_argument("--memory", type=int, metavar="N", help="answer N requests and print the memory")
    parser.add_argument("--upstream", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.upstream:
        first_s, n_pieces, gap_s = json.loads(args.upstream[1])
        try:
            asyncio.run(serve_upstream(args.upstream[0], Pace(first_s=first_s, n_pieces=n_pieces, gap_s=gap_s)))
        except KeyboardInterrupt:
            return
    elif args.memory:
        run_memory(args.memory, args.model)
    else:
        run_speed(args)


if __name__ == "__main__":
    main()
