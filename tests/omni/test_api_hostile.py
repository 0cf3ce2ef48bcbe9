"""Requests and upstreams that nobody would wish for: each gets an answer, or an error that says what to do."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from omni.router import Router
from tests.omni.api_server import DEADLINE_S, HELLO, SERVED, ask, error_of, post, run_api, run_chunks, wait_until
from tests.upstream import BEFORE_FIRST, DEFAULT_TEXT, Step, Upstream

TOOLS: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
SHAPES: dict[str, dict[str, Any]] = {
    "whole": {},
    "streamed": {"stream": True},
    "tools": {"tools": TOOLS, "n": 2},
    "tools streamed": {"tools": TOOLS, "n": 2, "stream": True},
}
SECRET = "zebra-4711-secret"


@pytest.fixture
def url(router: Router, upstream: Upstream) -> Iterator[str]:
    """The server over one upstream that serves two models of the catalog."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url) as url:
        yield url


def text_of(reply: httpx.Response) -> str:
    """What the client got, streamed or not."""
    if reply.headers["content-type"] == "application/json":
        return str(reply.json()["choices"][0]["message"]["content"])
    *lines, done = [line for line in reply.text.split("\n\n") if line]
    assert done == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_fails_before_the_first_piece_is_asked_elsewhere(url, upstream, shape):
    """Statuses, pages, empty and broken streams, closed connections: the client sees one answer."""
    for step in BEFORE_FIRST:
        upstream.script("*", step)
        reply = ask(url, **SHAPES[shape])
        assert (reply.status_code, text_of(reply)) == (200, DEFAULT_TEXT), step
        assert int(reply.headers["x-omni-attempts"]) >= 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_what_only_the_operator_can_mend_is_said(url, upstream, shape, status):
    """Streamed or not, as an error with a status, before any piece."""
    upstream.script("*", *[Step(status=status, retry_after="60")] * 6)
    reply = ask(url, **SHAPES[shape])
    expected = (429, "upstream_rate_limit") if status == 429 else (502, "provider_account")
    assert error_of(reply) == expected


@pytest.mark.parametrize("step", [Step(cut=True), Step(no_finish=True)])
@pytest.mark.parametrize("shape", ["streamed", "tools streamed"])
def test_a_break_after_the_first_piece_is_the_last_event(url, upstream, shape, step):
    """Never joined with another model's answer, never ended as if it were whole."""
    upstream.script("*", step)
    *pieces, last = [line for line in ask(url, **SHAPES[shape]).text.split("\n\n") if line]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "interrupted"
    texts = [json.loads(piece.removeprefix("data: "))["choices"][0]["delta"].get("content", "") for piece in pieces]
    assert DEFAULT_TEXT.startswith("".join(texts))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_break_after_the_finish_reason_takes_nothing_from_the_answer(url, upstream, shape):
    """The answer is whole: it is neither called broken nor paid for twice."""
    upstream.script("*", Step(cut_last=True))
    reply = ask(url, **SHAPES[shape] | {"n": 1})
    assert (text_of(reply), reply.headers["x-omni-attempts"]) == (DEFAULT_TEXT, "1")


@pytest.mark.parametrize("last", [{"error": {"message": "x"}}, [1], {"choices": "x"}])
@pytest.mark.parametrize("stream", [True, False])
def test_what_makes_no_sense_behind_a_whole_answer_is_left_out(router, stream, last):
    """The server had said that it is finished."""
    with run_chunks(SERVED, {"content": "a"}) as server, run_api(router, server.url) as url:
        server.chunks = [*server.chunks, last]
        assert text_of(ask(url, stream=stream)) == "a"
        assert len(server.requests) == 1


@pytest.mark.parametrize("piece_chars", [100_000, 10_000_000])
@pytest.mark.parametrize("stream", [True, False])
def test_ten_megabytes_come_through(url, upstream, stream, piece_chars):
    """In a hundred pieces or in one."""
    upstream.script("*", Step(text="0123456789" * 1_000_000, piece_chars=piece_chars))
    text = text_of(ask(url, stream=stream))
    assert (len(text), text[-10:]) == (10_000_000, "0123456789")


@pytest.mark.parametrize("stream", [True, False])
def test_pieces_sent_twice_are_passed_on_as_they_came(url, upstream, stream):
    """They are the model's words as far as anybody here can tell."""
    upstream.script("*", Step(text="a b", twice=True))
    assert text_of(ask(url, stream=stream)) == "aa b b"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "delta",
    [{"tool_calls": "x"}, {"tool_calls": ["x"]}, {"tool_calls": {"index": 0}}, {"content": "a", "tool_calls": 1}],
)
def test_what_is_no_tool_call_is_no_answer(router, stream, delta):
    """Neither passed on nor a failure of this server."""
    with run_chunks(SERVED, delta) as server, run_api(router, server.url) as url:
        assert error_of(ask(url, stream=stream, tools=TOOLS)) == (502, "upstream_error")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("text", "logprob"), [("half a \ud83d pair", -1.0), ("a", float("-inf"))])
def test_what_json_cannot_write_is_still_answered(router, stream, text, logprob):
    """Half a surrogate pair, and the logarithm of nothing: the answer is there and paid for."""
    with run_chunks(SERVED, {"content": text}) as server, run_api(router, server.url) as url:
        server.chunks[0]["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": logprob}]}
        reply = ask(url, stream=stream)
        assert text_of(reply) == text
        assert "Infinity" not in reply.text


def test_impossible_counts_use_up_no_budget(router):
    """An upstream that counts a billion tokens and more is not believed."""
    with run_chunks(SERVED, {"content": "a"}) as server, run_api(router, server.url) as url:
        server.chunks[-1]["usage"] = {"prompt_tokens": 10**30, "completion_tokens": -5}
        assert float(ask(url).headers["x-omni-cost-usd"]) < 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hold", ["hold", "hold_first"])
def test_who_leaves_ends_the_call_within_half_a_second(url, upstream, shape, hold):
    """Before the first piece and after it, streamed or not."""
    upstream.script("*", Step(**{hold: "for ever"}))
    body = {"model": "omni", "messages": HELLO, **SHAPES[shape]}

    async def leave() -> float:
        async with httpx.AsyncClient() as client:
            asked = asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=body, timeout=None))
            await asyncio.to_thread(
                wait_until, lambda: upstream.sent and (upstream.sent[0].parts or hold == "hold_first")
            )
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        return time.monotonic()

    left_s = asyncio.run(leave())
    assert upstream.disconnected.wait(DEADLINE_S)
    assert (upstream.sent[0].left_s or 1e9) - left_s < 0.5


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": "weather"}]},
        {"tools": [{"type": "function", "function": {"name": 4}}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        {"stream_options": "usage"},
        {"omni": {"deny": ["*a*b*"] * 101}},
        {"omni": {"allow": ["x" * 301]}},
        {"metadata": nested(500)},
    ],
)
def test_wrong_types_are_refused_in_words(url, upstream, fields):
    """With what was expected, and no name of a class of ours; nobody is asked."""
    reply = ask(url, **fields)
    assert error_of(reply)[0] == 400
    assert "instance of" not in reply.text
    assert upstream.requests == []


@pytest.mark.parametrize("content", [5, {"text": "x"}, ["x"], [{"type": "text", "text": 5}], True])
def test_what_is_no_message_reaches_no_named_model_either(url, upstream, content):
    """A server that fails over it must not be held to be ill."""
    reply = ask(url, model=SERVED[0], messages=[{"role": "user", "content": content}])
    assert error_of(reply) == (400, "invalid_value")
    assert reply.json()["error"]["param"] == "messages.0.content"
    assert upstream.requests == []


@pytest.mark.parametrize("text", ["a\x00b", "\u202eabc\u200d\ufeff", "\U0010ffff \ufffe", "👩\u200d👩\u200d👧 e\u0301"])
def test_odd_characters_pass_through_unchanged(url, upstream, text):
    """To the model and, from a model that repeats them, back."""
    upstream.script("*", Step(text=text))
    assert text_of(ask(url, messages=[{"role": "user", "content": text}])) == text
    assert upstream.requests[0]["messages"][0]["content"] == text


def test_numbers_beyond_64_bits_reach_the_model(url, upstream):
    """JSON has no limit there."""
    assert ask(url, seed=10**40).status_code == 200
    assert upstream.requests[0]["seed"] == 10**40


def test_errors_repeat_nothing_that_was_sent(url, upstream, caplog):
    """Neither a wrong value nor a prompt, also where the upstream does; and no key."""
    upstream.script("*", *[Step(status=400, message=f"bad prompt: {SECRET}")] * 8)
    said = [{"role": "user", "content": f"Say {SECRET}"}]
    wrong = [{"messages": said, "stream": SECRET}, {"messages": [{"role": SECRET, "content": SECRET}]}]
    for body in ({"messages": said}, *wrong, {"messages": said, "omni": {"deny": SECRET}}):
        reply = post(url, body)
        assert reply.status_code == 400
        assert SECRET not in reply.text
    assert SECRET not in caplog.text
