"""A second start beside a slow server, seen from the relay."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from omni.api.relay import AllFailed, Ask, Opening, Relay
from omni.gateway import Hedge, Provider, Timeouts, build_gateway
from tests.omni.api_server import HELLO, SERVED, run_chunks
from tests.upstream import DEFAULT_TEXT, Step, Upstream

HEDGE = Hedge(after_s=0.02, max_extra_usd=1.0)


def relayed(upstream: Upstream, hedge: Hedge | None) -> tuple[Opening, str]:
    """The answer of two models at one server, the first of which is named first."""
    upstream.models = SERVED

    async def run() -> tuple[Opening, str]:
        gateway = build_gateway([Provider(name="one", base_url=upstream.base_url, is_found=True)], SERVED)
        await gateway.board.refresh()
        relay = Relay(gateway)
        body: dict[str, Any] = {"messages": HELLO, "stream": True}
        opening, events = await relay.collect(
            relay.search(Ask(targets=gateway.targets(SERVED), body=body, hedge=hedge))
        )
        await relay.close()
        await gateway.close()
        choices = [choice for event in events for choice in event["choices"]]
        return opening, "".join(choice["delta"].get("content") or "" for choice in choices)

    return asyncio.run(run())


def test_a_slow_start_is_outrun(upstream):
    """The second model answers, the first call is ended, and both are counted."""
    upstream.script(SERVED[0], Step(hold_first="for ever"))
    opening, text = relayed(upstream, HEDGE)
    assert (opening.target.model_id, text, opening.n_attempts) == (SERVED[1], DEFAULT_TEXT, 2)
    assert opening.failures[0].attempt.kind.value == "outrun"
    assert upstream.disconnected.wait(5.0)


def test_a_quick_start_is_alone(upstream):
    """Nothing is spent twice."""
    opening, _ = relayed(upstream, Hedge(after_s=5.0, max_extra_usd=1.0))
    assert (opening.n_attempts, len(upstream.requests)) == (1, 1)


@pytest.mark.parametrize("hedge", [None, HEDGE])
def test_an_error_moves_on(upstream, hedge):
    """With a second start allowed or not."""
    upstream.script(SERVED[0], Step(status=400))
    opening, text = relayed(upstream, hedge)
    assert (opening.target.model_id, text, opening.n_attempts) == (SERVED[1], DEFAULT_TEXT, 2)


@pytest.mark.parametrize(
    "step", [Step(cut_first=True), Step(html=True), Step(broken_json=True), Step(error_event=True)]
)
def test_every_break_has_its_kind(upstream, step):
    """A closed connection is no time-out, whatever the transport calls it."""
    upstream.script("*", step)
    opening, text = relayed(upstream, None)
    expected = "connection" if step.cut_first else "server" if step.error_event else "broken"
    assert (opening.failures[0].attempt.kind.value, text) == (expected, DEFAULT_TEXT)


def begun(upstream: Upstream, *steps: Step) -> float | None:
    """What the health board knows of first pieces while the rest of the answer is still to come."""
    upstream.models = SERVED
    upstream.script("*", *steps)

    async def run() -> float | None:
        gateway = build_gateway([Provider(name="one", base_url=upstream.base_url)], SERVED)
        await gateway.board.refresh()
        relay = Relay(gateway)
        opening = await relay.open(relay.search(Ask(targets=gateway.targets(SERVED), body={"messages": HELLO})))
        seen = gateway.health.snapshot().model("one", opening.target.model_id)
        await opening.close()
        await relay.close()
        return seen.first_token_s if seen else None

    return asyncio.run(run())


def test_the_first_piece_is_learned_when_it_comes(upstream):
    """Not when the answer ends, which may be minutes later: the next request is decided in between."""
    assert begun(upstream, Step(hold="for ever")) is not None


@pytest.mark.parametrize(("ends", "is_whole"), [((0, 1), True), ((0,), False)])
def test_a_connection_that_ends_with_an_open_choice_is_a_break(ends, is_whole):
    """With n = 2, both choices must have ended, unless the server says itself that it is done."""
    choices = [{"index": index, "delta": {"content": "x"}} for index in (0, 1)]
    choices += [{"index": index, "delta": {}, "finish_reason": "stop"} for index in ends]
    with run_chunks(SERVED) as server:
        server.chunks, server.says_done = [{"choices": [choice]} for choice in choices], False

        async def kinds() -> set[str]:
            """Of the tries that failed; none where one answered."""
            gateway = build_gateway([Provider(name="one", base_url=server.url)], SERVED)
            await gateway.board.refresh()
            relay = Relay(gateway)
            search = relay.search(Ask(targets=gateway.targets(SERVED[:1]), body={"messages": HELLO, "n": 2}))
            try:
                await relay.collect(search)
            except AllFailed as failed:
                return {failure.attempt.kind.value for failure in failed.failures}
            finally:
                await relay.close()
            return set()

        assert asyncio.run(kinds()) == (set() if is_whole else {"broken"})


def test_a_found_server_is_asked_where_it_is_now(upstream):
    """It may come back at another port under the same name; one that is gone is a failure like any other."""
    upstream.models = SERVED
    here = Provider(name="llama.cpp", base_url=upstream.base_url, is_found=True)
    found = [here, replace(here, base_url=upstream.base_url.replace("127.0.0.1", "localhost")), None]

    async def find() -> tuple[Provider, ...]:
        provider = found.pop(0)
        return () if provider is None else (provider,)

    async def ask() -> AllFailed:
        gateway = build_gateway([], SERVED, find=find)
        relay = Relay(gateway)
        for _ in range(2):
            await gateway.board.refresh()
            targets = gateway.targets(SERVED)
            await relay.collect(relay.search(Ask(targets=targets, body={"messages": HELLO})))
        await gateway.board.refresh()
        with pytest.raises(AllFailed) as failed:
            await relay.collect(relay.search(Ask(targets=targets, body={"messages": HELLO})))
        await relay.close()
        assert all(health.in_flight == 0 for health in gateway.health.snapshot().providers)
        return failed.value

    assert {failure.attempt.kind.value for failure in asyncio.run(ask()).failures} == {"connection"}
    assert [sent.host for sent in upstream.sent] == ["127.0.0.1", "localhost"]


@pytest.mark.parametrize("step", [Step(hold="for ever"), Step(hold_first="for ever")])
def test_silence_is_a_time_out(upstream, step):
    """Before the first piece and in the middle; the connection is closed, and somebody else answers."""
    upstream.models = SERVED
    upstream.script("*", step)

    async def kinds() -> list[str]:
        gateway = build_gateway([Provider(name="one", base_url=upstream.base_url)], SERVED)
        await gateway.board.refresh()
        relay = Relay(gateway, timeouts=Timeouts(first_piece_s=0.05, silence_s=0.05))
        ask = Ask(targets=gateway.targets(SERVED), body={"messages": HELLO})
        opening, _ = await relay.collect(relay.search(ask))
        await relay.close()
        return [failure.attempt.kind.value for failure in opening.failures]

    assert asyncio.run(kinds()) == ["timeout"]
    assert upstream.disconnected.wait(5.0)


def test_a_client_that_reads_slowly_is_no_silence(upstream):
    """The server had sent in time; who was late is the reader."""
    upstream.models = SERVED

    async def read() -> int:
        gateway = build_gateway([Provider(name="one", base_url=upstream.base_url)], SERVED)
        await gateway.board.refresh()
        relay = Relay(gateway, timeouts=Timeouts(silence_s=0.02))
        opening = await relay.open(relay.search(Ask(targets=gateway.targets(SERVED), body={"messages": HELLO})))
        await asyncio.sleep(0.05)
        n_lists = 0
        while await opening.next():
            n_lists += 1
        await opening.close()
        await relay.close()
        return n_lists

    assert asyncio.run(read())
