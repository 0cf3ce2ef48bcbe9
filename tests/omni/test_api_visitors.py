"""What the server does for the one who asks: conversations, privacy, rules, budgets, judgements."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from omni.api import Guard, create_api
from omni.budgets import Budgets, Limits
from omni.conditions import Conditions, Sticky
from omni.gateway import Chunk, Gateway, Provider, Question, build_gateway
from omni.gateway.client import OpenAIServer
from omni.learning import FeedbackBoard
from omni.router import Router
from omni.store import Store, open_store
from omni.types import Decision
from tests.omni.api_server import HELLO, SERVED, ask, build_services, error_of, post, run_api, serve, wait_until
from tests.upstream import Step, Upstream

CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
EMAIL = "maria.keller@example.org"
SECRET = "zebra-4711"
AWAY = Provider(name="away", base_url="http://models.example/v1")
PARTS = ("role", "content", "tool_calls", "tool_call_id", "name")


@dataclass
class WatchedRouter:
    """A router that keeps the conditions it was given and may change what it decides."""

    router: Router
    changes: dict[str, Any] = field(default_factory=dict)
    seen: list[Conditions] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.router, name)

    def route(self, *args: Any, conditions: Conditions | None = None) -> Decision:
        assert conditions is not None
        self.seen.append(conditions)
        return replace(self.router.route(*args, conditions=conditions), **self.changes)

    @property
    def sticky(self) -> Sticky | None:
        return self.seen[-1].sticky


@pytest.fixture
def watched(router: Router) -> WatchedRouter:
    return WatchedRouter(router)


@pytest.fixture
def url(watched: Any, upstream: Upstream) -> Iterator[str]:
    """The server with a router that can be looked into."""
    upstream.models = SERVED
    with run_api(watched, upstream.base_url) as url:
        yield url


@pytest.fixture
def echo(upstream: Upstream) -> Upstream:
    """A model that says what it was asked."""
    upstream.models = SERVED
    upstream.fail_at_random(1, 0.0)
    return upstream


def said(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"role": role, "content": text} for role, text in pairs]


def test_a_conversation_keeps_to_its_model(url, watched):
    """The client sends all messages each time; the second turn is known by the first ones."""
    first = ask(url)
    assert watched.sticky is None
    ask(url, messages=[*HELLO, *said(("assistant", "Because."), ("user", "And at night?"))])
    assert (watched.sticky.model_id, watched.sticky.is_locked) == (first.headers["x-omni-model"], False)


@pytest.mark.parametrize("answer", [[], [{"role": "tool", "tool_call_id": "c", "content": "rain"}]])
def test_a_tool_loop_holds_to_its_model(url, watched, answer):
    """While a call waits for its answer, and while the answer waits for the model."""
    ask(url)
    ask(url, messages=[*HELLO, {"role": "assistant", "content": None, "tool_calls": [CALL]}, *answer])
    assert watched.sticky.is_locked


def test_another_conversation_is_free(url, watched):
    """Other words, another `user`, or another name in the header."""
    ask(url)
    ask(url, messages=said(("user", "Something else?")))
    assert watched.sticky is None
    ask(url, user="b")
    assert watched.sticky is None
    ask(url, headers={"x-omni-session": "mine"})
    assert watched.sticky is None


def test_a_named_session_is_found_whatever_is_said(url, watched):
    """For clients that shorten the conversation."""
    ask(url, headers={"x-omni-session": "mine"})
    ask(url, messages=said(("user", "Go on, please.")), headers={"x-omni-session": "mine"})
    assert watched.sticky is not None


def test_after_a_failure_the_conversation_is_free(url, watched, upstream):
    """Not even a tool loop holds to a model that did not answer."""
    ask(url)
    upstream.script("*", *[Step(status=400)] * 8)
    assert ask(url).status_code == 400
    ask(url)
    assert watched.sticky is None


@pytest.mark.parametrize("stream", [True, False])
def test_private_values_stay_here_and_come_back(router, echo, stream):
    """The model gets placeholders, the client its own words; in tool descriptions, too."""
    messages = said(("user", f"Write to {EMAIL} today, please."))
    tools = [{"type": "function", "function": {"name": "mail", "description": f"Mails {EMAIL}", "parameters": {}}}]
    with run_api(router, echo.base_url) as url:
        fields = {"messages": messages, "tools": tools, "stream": stream}
        reply = ask(url, **fields, headers={"x-omni-privacy": "anonymise"})
    assert EMAIL not in json.dumps(echo.requests)
    text = reply.text if not stream else "".join(_contents(reply.text))
    assert f"Write to {EMAIL} today, please." in text


def _contents(lines: str) -> Iterator[str]:
    for line in lines.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                yield choice["delta"].get("content") or ""


def test_private_values_go_out_when_nobody_minds(router, echo):
    """The default sends what was written."""
    with run_api(router, echo.base_url) as url:
        ask(url, messages=said(("user", f"Write to {EMAIL}.")))
    assert EMAIL in json.dumps(echo.requests)


@pytest.mark.parametrize("wish", [{"headers": {"x-omni-privacy": "local"}}, {"omni": {"local_only": True}}])
def test_local_asks_this_machine_only(router, upstream, wish):
    """A server on loopback is asked; one elsewhere is not, whoever names its model."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url) as url:
        assert ask(url, **wish).status_code == 200
    ids = [card.model_id for card in router.catalog.models]
    away = build_gateway([Provider(name="away", base_url="http://192.0.2.1/v1")], ids)
    with serve(create_api(replace(build_services(router), gateway=away))) as url:
        assert ask(url, **wish).status_code == 400
        assert error_of(ask(url, model=SERVED[0], **wish)) == (503, "no_model_available")


@pytest.mark.parametrize("wish", [{"headers": {"x-omni-privacy": "local"}}, {"omni": {"local_only": True}}])
def test_local_does_not_ask_what_a_server_here_passes_on(router, upstream, wish):
    """Ollama's cloud models are named by it and run elsewhere."""
    upstream.models = (*SERVED, "kimi-k2:1t-cloud")
    with run_api(router, upstream.base_url) as url:
        assert error_of(ask(url, model="kimi-k2:1t-cloud", **wish)) == (503, "no_model_available")
        assert ask(url, model="kimi-k2:1t-cloud").status_code == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "headers", [{"x-omni-privacy": "secret"}, {"x-omni-hedge": "perhaps"}, {"x-omni-session": "x" * 201}]
)
def test_headers_that_are_not_known_are_refused(url, upstream, headers):
    """A misspelt wish for privacy must not send anything."""
    assert error_of(ask(url, headers=headers)) == (400, "invalid_value")
    assert upstream.requests == []


@pytest.mark.parametrize("stream", [True, False])
def test_a_rule_answers_instead_of_a_model(url, watched, upstream, stream):
    """A completion like any other, which ends with content_filter."""
    watched.changes = {"action": "refuse", "message": "Call 112 now."}
    reply = ask(url, stream=stream)
    assert reply.status_code == 200
    assert "Call 112 now." in reply.text
    assert '"finish_reason":"content_filter"' in reply.text
    assert "x-omni-model" not in reply.headers
    assert reply.headers["x-omni-decision-id"]
    assert upstream.requests == []


@pytest.mark.parametrize(("word", "asked"), [("unsafe", 0), ("safe", 1)])
def test_a_guard_is_asked_first(router, upstream, word, asked):
    """Where a rule wants it; the answer waits for its word."""
    guard = next(card.model_id for card in router.catalog.models if card.role == "guard")
    upstream.models = (*SERVED, guard)
    upstream.script(guard, Step(text=word))
    watched = WatchedRouter(router, {"action": "ask_guard", "message": "Not that."})
    with run_api(watched, upstream.base_url) as url:  # type: ignore[arg-type]
        reply = ask(url)
    assert ("Not that." in reply.text) == (not asked)
    assert len(upstream.requests) == 1 + asked


@dataclass
class Elsewhere:
    """A server that is not on this machine and offers the given models."""

    names: tuple[str, ...]
    provider: Provider = field(default=AWAY)
    asked: list[str] = field(default_factory=list)

    async def list_models(self) -> tuple[str, ...]:
        return self.names

    async def stream(self, served_name: str, _: Question, __: str | None = None) -> AsyncGenerator[Chunk]:
        self.asked.append(served_name)
        yield Chunk(text="safe")
        yield Chunk(finish_reason="stop")

    async def close(self) -> None:
        return None


@pytest.mark.parametrize("wish", [{"headers": {"x-omni-privacy": "local"}}, {"omni": {"local_only": True}}, {}])
def test_a_guard_elsewhere_hears_nothing_of_what_stays_here(router, upstream, wish):
    """Whether a header, the request or a rule wants it."""
    upstream.models = SERVED
    away = Elsewhere(tuple(card.model_id for card in router.catalog.models if card.role == "guard"))
    here = OpenAIServer(provider=Provider(name="here", base_url=upstream.base_url))
    gateway = Gateway([away, here], [card.model_id for card in router.catalog.models])
    asyncio.run(gateway.board.refresh())
    rule = {} if wish else {"local_only": True}
    watched = WatchedRouter(router, {"action": "ask_guard", "message": "Not that.", **rule})
    with serve(create_api(replace(build_services(watched), gateway=gateway))) as url:  # type: ignore[arg-type]
        assert ask(url, **wish).status_code == 200
    assert (away.asked, len(upstream.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(max_usd_per_visitor=1e-12), (429, "budget_exceeded")),
        (Limits(max_usd_per_day=1e-12), (429, "budget_exceeded")),
        (Limits(max_running=0), (503, "server_busy")),
    ],
)
@pytest.mark.parametrize("model", ["omni", SERVED[0]])
def test_ceilings_are_kept(router, upstream, limits, expected, model):
    """Before a model is asked, with a sentence and a time to come back."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url, budgets=Budgets(limits)) as url:
        reply = ask(url, model=model)
    assert error_of(reply) == expected
    assert int(reply.headers["retry-after"]) > 0
    assert upstream.requests == []


@pytest.mark.parametrize("step", [Step(), Step(cut=True), Step(status=400)])
@pytest.mark.parametrize("stream", [True, False])
def test_a_place_is_given_back(router, upstream, stream, step):
    """Whatever becomes of the answer; what it cost is counted."""
    upstream.models = SERVED
    budgets = Budgets(Limits(max_usd_per_day=1.0, max_running=3))
    with run_api(router, upstream.base_url, budgets=budgets) as url:
        upstream.script("*", *[step] * 8)
        ask(url, stream=stream)
        wait_until(lambda: budgets.left("anyone").n_running == 3)
    assert (budgets.left("anyone").day_usd < 1.0) == (step.status == 200)


def spent(router: Router, upstream: Upstream, *steps: Step, store: Store | None = None, **options: Any) -> float:
    """US dollars of the day's budget that an answer took."""
    upstream.models = SERVED
    budgets = Budgets(Limits(max_usd_per_day=1.0))
    with run_api(router, upstream.base_url, budgets=budgets, store=store) as url:
        upstream.script("*", *steps)
        assert ask(url, **options).status_code == 200
        wait_until(lambda: budgets.left("anyone").day_usd != 1.0)
    return 1.0 - (budgets.left("anyone").day_usd or 0.0)


def test_a_budget_outlives_the_server_whoever_chose_the_model(router, upstream, tmp_path):
    """What answers of named models cost is found again after a restart."""
    with open_store(tmp_path / "figures.duckdb") as store:
        usd = spent(router, upstream, model=SERVED[0], store=store)
        start = datetime.now(UTC) - timedelta(days=1)
        assert 0 < store.spent_usd(start) == pytest.approx(usd)


def test_a_try_that_broke_off_is_paid_for_too(router, upstream):
    """The client sees one answer; the account is charged for both."""
    assert spent(router, upstream, Step(cut=True)) > 1.5 * spent(router, upstream)


def test_leaving_gives_the_place_back(router, upstream):
    """The client goes in the middle of a stream."""
    upstream.models = SERVED
    budgets = Budgets(Limits(max_running=1))
    upstream.script("*", Step(hold="for ever"))
    with run_api(router, upstream.base_url, budgets=budgets) as url:
        body = {"model": "omni", "messages": HELLO, "stream": True}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body) as reply:
            next(reply.iter_bytes())
        wait_until(lambda: budgets.left("anyone").n_running == 1)


def test_a_vote_between_two_is_learned(router, upstream):
    """As figures: who was better at which tasks, and a mark instead of a name."""
    upstream.models = SERVED
    board = FeedbackBoard()
    with (
        open_store(":memory:") as store,
        run_api(router, upstream.base_url, guard=Guard(api_keys=("k-4711",)), store=store, feedback=board) as url,
    ):
        headers = {"authorization": "Bearer k-4711"}
        decision_id = ask(url, headers=headers).headers["x-omni-decision-id"]
        vote = {"decision_id": decision_id, "model_id": SERVED[0], "other_model_id": SERVED[1], "winner": SERVED[1]}
        assert post(url, vote, "feedback", headers=headers).json()["learned"]
        [row] = store.read("SELECT * FROM feedback").to_dict("records")
    assert (row["kind"], row["value"], row["other_model_id"]) == ("vote", 0.0, SERVED[1])
    assert "k-4711" not in str(row)
    assert board.n_voices() == 2


def test_a_dislike_frees_the_conversation(router, upstream):
    """The next turn is decided anew, and the model comes last."""
    upstream.models = SERVED
    watched = WatchedRouter(router)
    with run_api(watched, upstream.base_url, feedback=FeedbackBoard()) as url:  # type: ignore[arg-type]
        reply = ask(url)
        post(url, {"decision_id": reply.headers["x-omni-decision-id"], "rating": -1}, "feedback")
        again = ask(url)
    assert watched.sticky is None
    assert again.headers["x-omni-model"] != reply.headers["x-omni-model"]


def test_a_dislike_during_the_next_answer_is_not_forgotten(router, upstream):
    """The session is kept again when that answer ends."""
    upstream.models = SERVED
    with run_api(router, upstream.base_url, feedback=FeedbackBoard()) as url:
        reply = ask(url)
        upstream.script("*", Step(hold="judged"))
        body = {"model": "omni", "messages": HELLO, "stream": True}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body) as next_one:
            post(url, {"decision_id": reply.headers["x-omni-decision-id"], "rating": -1}, "feedback")
            upstream.release("judged")
            next_one.read()
        assert ask(url).headers["x-omni-model"] != reply.headers["x-omni-model"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"rating": 1, "winner": "tie"},
        {"winner": "tie"},
        {"model_id": SERVED[0], "other_model_id": SERVED[1], "winner": "me"},
        {"model_id": SERVED[0], "other_model_id": SERVED[0], "winner": "tie"},
    ],
)
def test_half_a_judgement_is_refused(url, fields):
    """Neither a rating nor a vote."""
    decision_id = ask(url).headers["x-omni-decision-id"]
    assert error_of(post(url, {"decision_id": decision_id, **fields}, "feedback")) == (400, "invalid_value")


def test_odd_requests_are_refused_in_the_same_shape(router, upstream, caplog):
    """Random values in every field, with keys asked for: never a failure of the server, no text in the log."""
    upstream.models = SERVED
    chance = random.Random(4)
    odd: list[Any] = [None, True, -1, 1e308, "", "x", "\x00", [], [None], {}, {"a": None}, [[]], [{}], SECRET]
    fields = (
        "model",
        "messages",
        "stream",
        "stream_options",
        "omni",
        "tools",
        "response_format",
        "n",
        "user",
        "rating",
    )
    headers = {"authorization": "Bearer k"}
    with run_api(router, upstream.base_url, guard=Guard(api_keys=("k",))) as url, httpx.Client(headers=headers) as http:
        for path in ("chat/completions", "route", "feedback"):
            for _ in range(60):
                body = {"model": "omni", "messages": HELLO}
                if chance.random() < 0.5:
                    body["messages"] = [{"role": "user", "content": "x", chance.choice(PARTS): chance.choice(odd)}]
                body |= {name: chance.choice(odd) for name in chance.sample(fields, 2)}
                reply = http.post(f"{url}/v1/{path}?key={SECRET}", json=body)
                assert reply.status_code < 500, body
                if reply.status_code >= 400:
                    error_of(reply)
    assert SECRET not in caplog.text
