"""The OpenAI-compatible server over real HTTP: the official client, plain HTTP, errors, keys and figures."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest

from omni.api import Guard, create_api, mount_api
from omni.budgets import Budgets, Limits
from omni.commands.route import decision_to_json
from omni.explain import explain
from omni.router import Router
from omni.store import open_store
from omni.types import Conversation, Preferences
from tests.omni.api_server import (
    DEADLINE_S,
    HELLO,
    SERVED,
    ask,
    build_services,
    error_of,
    post,
    run_api,
    run_chunks,
    serve,
    wait_until,
)
from tests.upstream import DEFAULT_TEXT, Step, Upstream

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
]
SECRET = "zebra-4711-secret"


@pytest.fixture
def url(router: Router, upstream: Upstream) -> Iterator[str]:
    """The server over one upstream that serves two models of the catalog."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    """The official client, which does not try again by itself."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=DEADLINE_S) as client:
        yield client


def test_official_client_gets_an_answer(client, upstream):
    """Not streamed: text, usage, a finish reason, and the decision in headers."""
    raw = client.chat.completions.with_raw_response.create(model="omni", messages=HELLO)
    completion = raw.parse()
    assert completion.choices[0].message.content == DEFAULT_TEXT
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.completion_tokens == 34
    assert completion.model == raw.headers["x-omni-model"] == upstream.requests[0]["model"]
    assert raw.headers["x-omni-provider"] == "server 1"
    assert raw.headers["x-omni-attempts"] == "1"
    assert float(raw.headers["x-omni-cost-usd"]) > 0


def test_official_client_streams(client):
    """Piece by piece, without a usage chunk unless asked for, under one id."""
    chunks = list(client.chat.completions.create(model="omni:fast", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == DEFAULT_TEXT
    assert len({chunk.id for chunk in chunks}) == 1
    assert len(chunks) > 3


def test_a_stream_ends_with_usage_when_asked(client):
    """The usage chunk comes last and has no choices."""
    options = {"include_usage": True}
    *_, last = client.chat.completions.create(model="omni", messages=HELLO, stream=True, stream_options=options)
    assert (last.choices, last.usage.prompt_tokens) == ([], 12)


def test_async_client_runs_answers_side_by_side(url):
    """Streamed and whole at once."""

    async def both() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:

            async def streamed() -> str:
                stream = await client.chat.completions.create(model="omni", messages=HELLO, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            whole, pieces = await asyncio.gather(
                client.chat.completions.create(model="omni:cheap", messages=HELLO), streamed()
            )
            return whole.choices[0].message.content, pieces

    assert asyncio.run(both()) == (DEFAULT_TEXT, DEFAULT_TEXT)


def test_tools_pass_through_both_ways(router):
    """The tool list reaches the model; the pieces of its call become one call."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"ci'}}
    more = {"index": 0, "function": {"arguments": 'ty": 1}'}}
    with (
        run_chunks(SERVED, {"role": "assistant", "tool_calls": [call]}, {"tool_calls": [more]}) as server,
        run_api(router, server.url) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
    ):
        message = client.chat.completions.create(model="omni", messages=HELLO, tools=TOOLS, tool_choice="auto")
        [made] = message.choices[0].message.tool_calls
        assert (made.id, made.function.name, json.loads(made.function.arguments)) == ("call_1", "weather", {"city": 1})
        with client.chat.completions.stream(model="omni", messages=HELLO, tools=TOOLS) as stream:
            [streamed] = stream.get_final_completion().choices[0].message.tool_calls
        assert streamed.function.arguments == '{"city": 1}'
    assert server.requests[0]["tools"] == TOOLS
    assert server.requests[0]["tool_choice"] == "auto"


def test_json_schema_reaches_the_model(client, upstream):
    """The official client parses the answer into the caller's own class."""
    from pydantic import BaseModel

    class Sky(BaseModel):
        colour: str

    upstream.script("*", Step(text='{"colour": "blue"}'))
    completion = client.chat.completions.parse(model="omni", messages=HELLO, response_format=Sky)
    assert completion.choices[0].message.parsed == Sky(colour="blue")
    assert upstream.requests[0]["response_format"]["json_schema"]["name"] == "Sky"


def test_every_other_field_passes_through(url, upstream):
    """Also those that no SDK knows; this server's own field does not."""
    fields = {"n": 1, "stop": ["x"], "seed": 7, "temperature": 0.1, "top_p": 0.9, "max_tokens": 5, "min_p": 0.2}
    assert ask(url, **fields, omni={"deny": ["none/*"]}).status_code == 200
    sent = upstream.requests[0]
    assert {name: sent[name] for name in fields} == fields
    assert "omni" not in sent


def test_pictures_pass_through(url, upstream):
    """A message of parts reaches the model as it came."""
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]
    assert ask(url, model=SERVED[0], messages=[{"role": "user", "content": parts}]).status_code == 200
    assert upstream.requests[0]["messages"][0]["content"] == parts


def test_several_choices_are_kept_apart(router):
    """With n = 2 the pieces come mixed."""
    with run_chunks(SERVED, {"content": "a"}, {"content": "b"}) as server, run_api(router, server.url) as url:
        server.chunks[1]["choices"][0]["index"] = 1
        choices = ask(url, n=2).json()["choices"]
    assert [(choice["index"], choice["message"]["content"]) for choice in choices] == [(0, "a"), (1, "b")]


def test_thinking_is_kept_apart_and_never_sent_back(router):
    """`reasoning` comes out as `reasoning_content`, streamed or not; what a client returns of it is left out."""
    messages = [*HELLO, {"role": "assistant", "content": "So.", "reasoning_content": "Hm."}, *HELLO]
    deltas = ({"reasoning": "Well, "}, {"reasoning": "light."}, {"content": "Blue."})
    with run_chunks(SERVED, *deltas) as server, run_api(router, server.url) as url:
        message = ask(url, messages=messages).json()["choices"][0]["message"]
        streamed = ask(url, stream=True).text
    assert (message["reasoning_content"], message["content"]) == ("Well, light.", "Blue.")
    assert '"reasoning_content":"Well, "' in streamed
    assert all("reasoning_content" not in sent for sent in server.requests[0]["messages"])


@pytest.mark.parametrize("model", [*SERVED, "my-own:7b"])
def test_a_named_model_is_served_as_is(upstream, router, model):
    """Without a decision, also when the catalog does not know it."""
    upstream.models = (*SERVED, "my-own:7b")
    with run_api(router, upstream.base_url) as url:
        reply = ask(url, model=model)
    assert upstream.requests[0]["model"] == reply.headers["x-omni-model"] == model
    assert "x-omni-decision-id" not in reply.headers


def test_plain_http_stream_ends_with_done(url):
    """As curl shows it."""
    reply = ask(url, stream=True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.startswith('data: {"id":"chatcmpl-')
    assert reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [True, False])
def test_failover_is_counted(url, upstream, stream):
    """An error before the first piece moves on; the header says how many were asked."""
    upstream.script("*", Step(status=503))
    reply = ask(url, stream=stream)
    assert (reply.status_code, reply.headers["x-omni-attempts"]) == (200, "2")
    metrics = httpx.get(f"{url}/metrics").text
    assert 'omni_failovers_total{error="server",provider="server 1"} 1.0' in metrics


def test_a_whole_answer_that_breaks_is_asked_again(url, upstream):
    """Nothing was shown, so nothing is lost."""
    upstream.script("*", Step(cut=True))
    reply = ask(url)
    assert reply.json()["choices"][0]["message"]["content"] == DEFAULT_TEXT
    assert reply.headers["x-omni-attempts"] == "2"


def test_a_broken_stream_is_said(client, upstream):
    """The official client raises; what had come was right."""
    upstream.script("*", Step(cut=True))
    pieces = []
    stream = client.chat.completions.create(model="omni", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        pieces.extend(chunk.choices[0].delta.content for chunk in stream)
    assert DEFAULT_TEXT.startswith("".join(pieces))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (Step(status=401), (502, "provider_account")),
        (Step(status=402), (502, "provider_account")),
        (Step(status=400), (400, "upstream_refused_request")),
        (Step(status=413), (413, "upstream_refused_request")),
        (Step(status=404), (404, "model_not_found")),
        (Step(status=429, retry_after="7"), (429, "upstream_rate_limit")),
        (Step(status=500), (502, "upstream_error")),
        (Step(status=503), (503, "upstream_unavailable")),
        (Step(empty=True), (502, "upstream_error")),
    ],
)
def test_upstream_errors_keep_their_meaning(url, upstream, steps, expected):
    """Status and code say whose problem it is."""
    upstream.script("*", *[steps] * 8)
    reply = ask(url, model=SERVED[0])
    assert error_of(reply) == expected
    assert int(reply.headers["x-omni-attempts"]) >= 1
    assert expected[0] != 429 or reply.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "nobody/nothing", "messages": HELLO}, (404, "model_not_found")),
        ({"model": "omni:slow", "messages": HELLO}, (404, "model_not_found")),
        ({"model": "omni"}, (400, "invalid_value")),
        ({"model": "omni", "messages": []}, (400, "invalid_value")),
        ({"model": "omni", "messages": [{"role": "king", "content": "x"}]}, (400, "invalid_value")),
        ({"model": "omni", "messages": [{"role": "user", "content": " "}]}, (400, "invalid_value")),
        ({"model": "omni", "messages": HELLO, "omni": {"max_cost_usd": -1}}, (400, "invalid_value")),
        ({"model": "omni", "messages": HELLO, "omni": {"allow": ["none/*"]}}, (400, "no_model_available")),
        ([1], (400, "invalid_json")),
    ],
)
def test_bad_requests_are_refused(url, upstream, body, expected):
    """Before any model is asked."""
    assert error_of(post(url, body)) == expected
    assert upstream.requests == []


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"model": NaN}', b'{"messages": "\\ud800"}', b"[" * 100])
def test_what_is_not_json_is_refused(url, raw):
    """In one shape, whatever is wrong with it."""
    reply = httpx.post(f"{url}/v1/chat/completions", content=raw, headers={"content-type": "application/json"})
    assert error_of(reply) == (400, "invalid_json")


def test_other_pages_cannot_post_without_asking(url):
    """A browser sends text/plain across origins unasked; that is not served."""
    reply = httpx.post(f"{url}/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
    assert reply.status_code == 415


def test_unknown_paths_and_methods_have_the_same_shape(url):
    """The path is not repeated."""
    reply = httpx.get(f"{url}/v1/{SECRET}")
    assert error_of(reply) == (404, None)
    assert SECRET not in reply.text
    assert error_of(httpx.get(f"{url}/v1/chat/completions")) == (405, None)


def test_large_bodies_are_refused(router):
    """With a stated length and without one."""
    with run_api(router, guard=Guard(max_body_bytes=1000)) as url:
        assert error_of(ask(url, messages=[{"role": "user", "content": "x" * 2000}])) == (413, "request_too_large")
        headers = {"content-type": "application/json"}
        pieces = iter([b'{"a": "', b"x" * 2000])
        reply = httpx.post(f"{url}/v1/chat/completions", content=pieces, headers=headers)
        assert error_of(reply) == (413, "request_too_large")


def test_without_a_server_only_decisions_are_given(router):
    """The reply says what to set."""
    with run_api(router) as url:
        assert error_of(ask(url)) == (503, "no_provider")
        assert post(url, {"messages": HELLO}, "route").status_code == 200


def test_keys_are_asked_for(router, upstream):
    """Missing and wrong keys are refused everywhere but at /healthz; any of the keys opens."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url, guard=Guard(api_keys=("one", "two"))) as url:
        assert error_of(ask(url)) == (401, "invalid_api_key")
        assert httpx.get(f"{url}/metrics").status_code == 401
        assert httpx.get(f"{url}/healthz").status_code == 200
        for key, status in (("two", 200), ("three", 401)):
            assert httpx.get(f"{url}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == status
        with (
            openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
    assert "one" not in repr(Guard(api_keys=("one",)))


def test_a_full_server_says_so(router, upstream):
    """Politely, with a time to come back."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url, budgets=Budgets(Limits(max_running=0))) as url:
        reply = ask(url)
    assert error_of(reply) == (503, "server_busy")
    assert reply.headers["retry-after"] == "5"


def test_who_sends_half_a_request_is_not_waited_for(router, upstream):
    """Others would wait for it for ever."""
    upstream.models = SERVED
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\ncontent-type: application/json\r\n\r\n"
    )
    with run_api(router, upstream.base_url, guard=Guard(read_s=0.05)) as url:
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port or 0), timeout=DEADLINE_S) as half:
            half.sendall(head.encode())
            assert half.makefile("rb").readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        wait_until(lambda: ask(url).status_code == 200)


def test_who_never_takes_the_answer_loses_the_place(router, upstream):
    """After a time that no answer takes."""
    upstream.models = SERVED
    upstream.script("*", Step(hold_first="for ever"))
    with run_api(router, upstream.base_url, guard=Guard(serve_s=0.05), budgets=Budgets(Limits(max_running=1))) as url:
        assert ask(url).status_code == 500
        assert "omni_answers_active 0.0" in httpx.get(f"{url}/metrics").text


def test_leaving_a_stream_stops_the_model(client, upstream):
    """The upstream sees the connection close."""
    upstream.script("*", Step(hold="for ever"))
    stream = client.chat.completions.create(model="omni", messages=HELLO, stream=True)
    next(iter(stream))
    stream.close()
    assert upstream.disconnected.wait(DEADLINE_S)


def test_leaving_before_the_answer_stops_the_model(url, upstream):
    """Also while nothing has been sent."""
    upstream.script("*", Step(hold="for ever"))

    async def leave() -> None:
        async with httpx.AsyncClient() as client:
            body = {"model": "omni", "messages": HELLO}
            asked = asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=body, timeout=None))
            await asyncio.to_thread(wait_until, lambda: upstream.requests)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(leave())
    assert upstream.disconnected.wait(DEADLINE_S)


def test_models_are_listed(client):
    """The names of the router, then what is served."""
    listed = [model.id for model in client.models.list()]
    assert listed == ["omni", "omni:balanced", "omni:quality", "omni:fast", "omni:cheap", *SERVED]
    assert client.models.retrieve(SERVED[1]).owned_by == "zai-org"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")


def test_another_omni_behind_this_one_adds_no_second_router(router, upstream):
    """Its names for routing mean this one here."""
    upstream.models = (*SERVED, "omni", "omni:fast", "own-model")
    with run_api(router, upstream.base_url) as url:
        listed = [model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]]
    assert listed == ["omni", "omni:balanced", "omni:quality", "omni:fast", "omni:cheap", *SERVED, "own-model"]


def test_route_gives_the_same_as_the_command_line(router):
    """A decision only; no model is asked."""
    with run_api(router) as url:
        given = post(url, {"model": "omni:quality", "messages": HELLO}, "route").json()
    conversation = Conversation.from_prompt(HELLO[0]["content"])
    conditions = build_services(router).gateway.conditions()
    decision = router.route(conversation, Preferences(preset="quality"), conditions=conditions)
    expected = decision_to_json(decision, explain(decision, router.catalog).to_text())
    assert given == json.loads(json.dumps(expected))


def test_decisions_are_found_again(router, upstream):
    """From memory with all figures; from the store after a restart; 404 for others."""
    upstream.models = SERVED
    with open_store(":memory:") as store:
        with run_api(router, upstream.base_url, store=store) as url:
            reply = ask(url)
            decision_id, model_id = reply.headers["x-omni-decision-id"], reply.headers["x-omni-model"]
            found = httpx.get(f"{url}/v1/decisions/{decision_id}").json()
            assert (found["decision_id"], found["answered_by"]) == (decision_id, model_id)
            assert len(found["candidates"]) == len(SERVED)
        with run_api(router, store=store) as url:
            stored = httpx.get(f"{url}/v1/decisions/{decision_id}").json()
            assert (stored["model_id"], stored["answer"]["output_tokens"]) == (model_id, 34)
            assert error_of(httpx.get(f"{url}/v1/decisions/0000")) == (404, "decision_not_found")


@pytest.mark.parametrize(("rating", "kept"), [(1, [("like", 1.0)]), (-0.5, [("dislike", -0.5)]), (0, [])])
def test_feedback_is_kept_for_the_model_that_answered(router, upstream, rating, kept):
    """As a figure; a rating of 0 says nothing."""
    upstream.models = SERVED
    with open_store(":memory:") as store, run_api(router, upstream.base_url, store=store) as url:
        upstream.script("*", Step(status=503))
        reply = ask(url)
        body = {"decision_id": reply.headers["x-omni-decision-id"], "rating": rating}
        assert post(url, body, "feedback").json()["model_id"] == reply.headers["x-omni-model"]
        rows = store.read("SELECT kind, value FROM feedback")
        assert list(rows.itertuples(index=False, name=None)) == kept
        assert error_of(post(url, body | {"rating": 2}, "feedback")) == (400, "invalid_value")
        assert error_of(post(url, body | {"decision_id": "0"}, "feedback")) == (404, "decision_not_found")


def test_figures_hold_no_text(router, upstream, caplog):
    """Neither metrics nor logs nor the store repeat what was written or answered, nor keys."""
    upstream.models = SERVED
    caplog.set_level(logging.INFO)
    with (
        open_store(":memory:") as store,
        run_api(router, upstream.base_url, guard=Guard(api_keys=("k-4711",)), store=store) as url,
    ):
        headers = {"authorization": "Bearer k-4711"}
        for step in (Step(text=f"{SECRET} answer"), Step(cut=True, text=f"{SECRET} a b c"), Step(status=400)):
            upstream.script("*", step)
            body = {"model": "omni", "messages": [{"role": "user", "content": f"Say {SECRET}"}], "stream": True}
            post(url, body, headers=headers)
        metrics = httpx.get(f"{url}/metrics", headers=headers).text
        tables = [store.read(f"SELECT * FROM {table}").to_csv() for table in ("decisions", "answers", "feedback")]
    assert 'omni_requests_total{route="/v1/chat/completions",status="200"} 3.0' in metrics
    assert "omni_time_to_first_token_seconds_count 3.0" in metrics
    for text in (metrics, caplog.text, *tables):
        assert SECRET not in text
        assert "k-4711" not in text


def test_a_bug_gives_an_error_without_text(router, upstream, caplog):
    """The client hears that it failed; the log names type and place only."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(router, name)

        def route(self, *_: Any, **__: Any) -> Any:
            raise KeyError(SECRET)

    upstream.models = SERVED
    with run_api(Broken(), upstream.base_url) as url:  # type: ignore[arg-type]
        assert error_of(ask(url)) == (500, "internal_error")
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text


def test_mounted_in_an_app_the_paths_stay_the_same(router, upstream):
    """The app keeps its own pages, and its own start and end."""
    from fastapi import FastAPI
    from starlette.responses import PlainTextResponse

    seen = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        seen.append("start")
        yield
        seen.append("end")

    upstream.models = SERVED
    options = {"quiet": True, "app_kwargs": {"lifespan": lifespan}}
    mounted = mount_api(options, create_api(build_services(router, [upstream.base_url])))
    assert mounted["quiet"]
    app = FastAPI(**mounted["app_kwargs"])
    app.add_api_route("/{path:path}", lambda path: PlainTextResponse(f"page {path}"), response_model=None)
    with serve(app) as url:
        assert httpx.get(f"{url}/v2").text == "page v2"
        assert httpx.get(f"{url}/healthz").json()["status"] == "ok"
        assert ask(url, stream=True).text.endswith("data: [DONE]\n\n")
        assert error_of(httpx.get(f"{url}/v1/nothing")) == (404, None)
    assert seen == ["start", "end"]
