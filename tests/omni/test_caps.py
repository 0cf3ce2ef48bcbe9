"""Each cap at its edge: at it a request passes, one above is refused with the cap and the value in the message."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from omni import caps
from omni.api import Guard
from omni.bodies import Bodies, BodyRefused
from omni.budgets import Budgets, Limits
from omni.errors import BudgetExceeded, CapExceeded, InputError
from omni.fair_pool import FairPool
from omni.json_scan import JsonScan
from omni.router import Router
from omni.types import Conversation
from omni.types import Message as Turn
from omni.ui.wishes import Wishes
from tests.omni.api_server import DEADLINE_S, HELLO, SERVED, error_of, post, run_api
from tests.upstream import Step, Upstream

AT_MOST = "{value:,} {unit}; {cap:,} at most"


@pytest.fixture(scope="module")
def url(router: Router) -> Iterator[str]:
    """The server without a model server: it decides."""
    with run_api(router) as url:
        yield url


def turns(n: int) -> list[dict[str, str]]:
    return [{"role": "user" if row % 2 == 0 else "assistant", "content": "Go on."} for row in range(n)]


def parts(n: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}] * n}]}


def tools(n: int) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": f"f{row}"}} for row in range(n)]}


def deny(*patterns: str) -> dict[str, Any]:
    return {"omni": {"deny": list(patterns)}}


EDGES = [
    (lambda n: {"messages": turns(n - 1) + HELLO}, caps.MAX_MESSAGES, "messages", "messages"),
    (parts, caps.MAX_PARTS, "parts", "messages.content"),
    (tools, caps.MAX_TOOLS, "tools", "tools"),
    (lambda n: deny(*["x"] * n), caps.MAX_PATTERNS, "patterns", "omni.deny"),
    (lambda n: deny("x" * n), caps.MAX_PATTERN_CHARS, "characters", "omni.deny.0"),
    (lambda n: deny(*["x" * 100] * 79, "x" * (n - 7_900)), caps.MAX_PATTERNS_CHARS, "characters", "omni.deny"),
]


@pytest.mark.parametrize(("build", "cap", "unit", "field"), EDGES, ids=[f"{edge[3]} {edge[2]}" for edge in EDGES])
def test_lists_pass_at_their_cap_and_are_refused_above(url, build, cap, unit, field):
    """In OpenAI's form, with the field."""
    at, above = (post(url, {"messages": HELLO, **build(n)}, "route") for n in (cap, cap + 1))
    assert at.status_code == 200, at.text
    assert error_of(above)[0] == 400
    error = above.json()["error"]
    assert error["param"] == field
    assert error["code"] == ("string_above_max_length" if unit == "characters" else "array_above_max_length")
    assert AT_MOST.format(value=cap + 1, unit=unit, cap=cap) in error["message"]


@pytest.mark.parametrize("path", ["route", "chat/completions"])
def test_a_named_model_gets_no_more_than_a_routed_one(url, path):
    """What is passed on unread keeps to the caps, too."""
    reply = post(url, {"model": SERVED[0], "messages": turns(caps.MAX_MESSAGES + 1)}, path)
    assert error_of(reply) == (400, "array_above_max_length")


def test_bytes_pass_at_their_cap_and_are_refused_above(router):
    """Whether the length is announced or not."""
    body = json.dumps({"messages": HELLO}).encode()
    headers = {"content-type": "application/json"}
    for cap, status in ((len(body), 200), (len(body) - 1, 413)):
        with run_api(router, guard=Guard(max_body_bytes=cap)) as url:
            for content in (body, iter([body])):
                reply = httpx.post(f"{url}/v1/route", content=content, headers=headers)
                assert reply.status_code == status
                assert status == 200 or f"{len(body):,} bytes or more; {cap:,} at most" in reply.text


@pytest.mark.parametrize("step", [1, 7, 65_536])
def test_values_pass_at_their_cap_and_are_refused_above(step):
    """However the text is cut into pieces."""
    scan_in_pieces(f"[{','.join('1' * 99)}]", step, max_values=100)
    with pytest.raises(CapExceeded, match=r"^The request: 101 JSON values; 100 at most"):
        scan_in_pieces(f"[{','.join('1' * 100)}]", 1, max_values=100)


def test_depth_passes_at_its_cap_and_is_refused_above():
    """Brackets in strings count for nothing."""
    said = '"[[[[\\"[[[["'
    scan_in_pieces("[" * 3 + said + "]" * 3, 2, max_depth=3)
    with pytest.raises(CapExceeded, match=r"4 lists and objects inside each other; 3 at most"):
        scan_in_pieces("[" * 4 + said, 1, max_depth=3)


@pytest.mark.parametrize("text", ['"a,b\\\\"', '"\\\\\\","', '{"a\\"[":1}', '["é,一",{"b":"}"}]', '"\\u005b,"'])
@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_strings_and_escapes_are_counted_as_a_parser_does(text, step):
    """A quote after an escaped backslash ends the string."""

    def count(value: Any) -> int:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, children))

    assert scan_in_pieces(text, step).n_values == count(json.loads(text))


def scan_in_pieces(text: str, step: int, **limits: int) -> JsonScan:
    raw, scan = text.encode(), JsonScan(**limits)
    for start in range(0, len(raw), step):
        scan.feed(raw[start : start + step])
    return scan


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"messages":' + b"[" * caps.MAX_DEPTH, "request_too_complex"),
        (b'{"messages":[' + b"{}," * caps.MAX_VALUES, "request_too_complex"),
    ],
)
def test_what_is_too_much_is_refused_unparsed(url, body, code):
    """It is not even JSON, and nobody looks."""
    reply = httpx.post(f"{url}/v1/route", content=body, headers={"content-type": "application/json"})
    assert error_of(reply) == (400, code)
    assert "at most" in reply.text


def read(bodies: Bodies, pieces: Sequence[bytes], visitor: str) -> "asyncio.Task[bytes]":
    """A body whose pieces have come and whose end has not."""
    messages: asyncio.Queue[Message] = asyncio.Queue()
    for piece in pieces:
        messages.put_nowait({"type": "http.request", "body": piece, "more_body": True})
    return asyncio.ensure_future(bodies.read(messages.get, Headers(), visitor))


@pytest.mark.parametrize(
    ("limits", "pieces", "said"),
    [
        ({"max_per_visitor": 2}, [b" "], "2 of your requests have not arrived whole; 2 at most"),
        ({"max_bytes_per_visitor": 20}, [b" " * 10], "have 30 bytes; 20 at most"),
    ],
)
def test_half_sent_bodies_use_up_their_sender_only(limits, pieces, said):
    """At the share the request is read; one above is refused; another visitor's is read."""

    async def run() -> None:
        bodies = Bodies(**limits)
        held = [read(bodies, pieces, "one") for _ in range(2)]
        await asyncio.sleep(0)
        refused = read(bodies, [*pieces, b""], "one")
        other = read(bodies, pieces, "other")
        _, waiting = await asyncio.wait({*held, other}, timeout=0.05)
        assert len(waiting) == 3
        refused_now = bodies.read(_whole(pieces[0]), Headers(), "one")
        with pytest.raises(BodyRefused, match=said) as error:
            await refused_now
        assert error.value.status == 429
        for task in (*held, other, refused):
            task.cancel()
        await asyncio.gather(*held, other, refused, return_exceptions=True)
        assert await bodies.read(_whole(b"1"), Headers(), "one") == b"1"

    asyncio.run(run())


def _whole(body: bytes) -> Any:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def test_one_visitor_has_half_of_the_places_unless_the_operator_says_otherwise():
    """At the share an answer starts, one above is refused with both numbers, and others start."""
    budgets = Budgets(Limits(max_running=4))
    with budgets.hold("one", None), budgets.hold("one", None):
        with pytest.raises(BudgetExceeded, match=r"^2 of your answers are under way; 2 at most\.") as error:
            budgets.check("one", None)
        assert error.value.is_share
        budgets.check("other", None)
    assert Limits(max_running=4, max_running_per_visitor=3).own_share == 3
    assert Limits().own_share == 256


def test_the_share_is_said_as_a_rate_limit(router, upstream):
    """429 with a time to come back, so that clients wait; 503 stays for a server that is full."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url, budgets=Budgets(Limits(max_running=2, max_running_per_visitor=0))) as url:
        reply = post(url, {"messages": HELLO})
    assert error_of(reply) == (429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == "5"


def test_a_proxy_with_one_key_has_200_streams(router: Router, upstream: Upstream) -> None:
    """All of them are under way at once."""
    upstream.models = SERVED
    upstream.script("*", *[Step(hold="all")] * 200)

    async def ask_all(url: str) -> list[int]:
        limits, headers = httpx.Limits(max_connections=None), {"authorization": "Bearer proxy"}
        async with httpx.AsyncClient(limits=limits, headers=headers, timeout=60) as client:
            body = {"model": "omni", "messages": HELLO, "stream": True}
            asked = [client.post(f"{url}/v1/chat/completions", json=body) for _ in range(200)]
            streams = asyncio.gather(*asked)
            while len(upstream.sent) < 200 and not streams.done():
                await asyncio.sleep(0.02)
            upstream.release("all")
            return [reply.status_code for reply in await streams]

    with run_api(router, upstream.base_url, guard=Guard(api_keys=("proxy",))) as url:
        assert asyncio.run(ask_all(url)) == [200] * 200


def test_a_million_tokens_are_decided(url):
    """A long conversation is no attack."""
    text = "Why is the sky blue? " * 10_000
    said = [{"role": "user" if row % 2 == 0 else "assistant", "content": text} for row in range(19)]
    assert sum(len(one["content"]) for one in said) > 3_900_000
    assert post(url, {"messages": said}, "route").status_code == 200


@pytest.mark.parametrize("n", [caps.MAX_MESSAGES, caps.MAX_MESSAGES + 1])
def test_the_router_itself_counts_messages(router: Router, n: int) -> None:
    """The page, the command line and the library come this way."""
    conversation = Conversation(messages=tuple(Turn(role="user", text="Hi") for _ in range(n)))
    if n == caps.MAX_MESSAGES:
        router.route(conversation)
        return
    with pytest.raises(InputError, match="2,049 messages; 2,048 at most"):
        router.route(conversation)


@pytest.mark.parametrize("field", ["allow", "deny"])
def test_the_pages_options_keep_to_the_same_caps(field: str) -> None:
    """The message names the field as the page does."""
    options = {"preset": "balanced", "cost_points": 2.0, "speed_points": 2.0, "max_cost_cents": None}
    wishes = Wishes(**options, **{"allow": None, "deny": None} | {field: ",".join("x" * 100)})  # type: ignore[arg-type]
    assert len(getattr(wishes.to_preferences(), field)) == 100
    with pytest.raises(CapExceeded, match="models: 101 patterns; 100 at most"):
        wishes._replace(**{field: ",".join("x" * 101)}).to_preferences()


def test_the_pool_takes_visitors_in_turn() -> None:
    """A row of one visitor's work does not come before another's."""
    pool, begun, go_on, done = FairPool(), threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        go_on.wait(DEADLINE_S)

    pool.submit("much", first)
    assert begun.wait(DEADLINE_S)
    waiting = [pool.submit("much", done.append, "much") for _ in range(3)]
    waiting.append(pool.submit("little", done.append, "little"))
    waiting[0].cancel()
    go_on.set()
    for future in waiting[1:]:
        future.result(DEADLINE_S)
    assert done.index("little") <= 1
    pool.close()
