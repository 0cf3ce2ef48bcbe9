"""A second start beside a slow one: when, for how much, and what becomes of the other."""

import asyncio
import time

import pytest

from omni.catalog.pricing import PricePair
from omni.gateway import (
    Answer,
    AnswerStatus,
    ErrorKind,
    Gateway,
    Hedge,
    OpenAIServer,
    Provider,
    Question,
    Target,
    race,
)
from omni.gateway.hedge import DEFAULT_AFTER_S
from omni.types import Conversation
from tests.omni.cards import model_card
from tests.upstream import Step, Upstream, run_upstream

QUESTION = Question(conversation=Conversation.from_prompt("Why is the sky blue?"))
SOON = Hedge(after_s=0.02, max_extra_usd=0.01)


class FakeStart:
    """Begins when it is told to."""

    def __init__(self, begins: bool | None, after_s: float = 0.0) -> None:
        self._begins, self._after_s = begins, after_s
        self.n_closed = 0
        self.was_cancelled = self.has_begun = False

    async def begin(self) -> bool:
        self.has_begun = True
        try:
            await asyncio.sleep(60 if self._begins is None else self._after_s)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return bool(self._begins)

    async def close(self) -> None:
        self.n_closed += 1


def a_gateway(*upstreams: Upstream, price: float | None = 1.0) -> Gateway:
    """Providers "one" and "two"; model a costs `price` US dollars for a million tokens."""
    servers = [
        OpenAIServer(provider=Provider(name=name, base_url=upstream.base_url))
        for name, upstream in zip(("one", "two"), upstreams, strict=False)
    ]
    card = model_card("a", price_in_usd_per_mtok=price, price_out_usd_per_mtok=price)
    return Gateway(servers, ("a",), frame_s=0.0, cards=[card])


def ask(gateway: Gateway, hedge: Hedge | None = SOON) -> Answer:
    async def last() -> Answer:
        answers = [answer async for answer in gateway.answer(("a",), QUESTION, hedge=hedge)]
        await gateway.close()
        return answers[-1]

    return asyncio.run(last())


def test_a_quick_first_start_stays_alone() -> None:
    """Nobody is asked twice for nothing."""
    first = FakeStart(True)
    ended = asyncio.run(race(first, lambda: pytest.fail("asked for a second"), after_s=5.0))
    assert (ended.winner, ended.lost, first.n_closed) == (first, None, 0)


def test_the_second_wins_when_the_first_is_silent() -> None:
    """The loser is cancelled and closed, the winner stays open."""
    first, second = FakeStart(None), FakeStart(True)
    ended = asyncio.run(race(first, lambda: second, after_s=0.01))
    assert (ended.winner, ended.lost, ended.failed) == (second, first, ())
    assert (first.was_cancelled, first.n_closed, second.n_closed) == (True, 1, 0)


def test_a_failing_second_leaves_the_first_running() -> None:
    """The first may still come."""
    first, second = FakeStart(True, after_s=0.04), FakeStart(False)
    ended = asyncio.run(race(first, lambda: second, after_s=0.01))
    assert (ended.winner, ended.failed, second.n_closed) == (first, (second,), 1)


def test_when_both_fail_nobody_wins() -> None:
    """Both are told, and closed."""
    first, second = FakeStart(False, after_s=0.03), FakeStart(False)
    ended = asyncio.run(race(first, lambda: second, after_s=0.01))
    assert (ended.winner, set(ended.failed)) == (None, {first, second})
    assert (first.n_closed, second.n_closed) == (1, 1)


def test_cancelling_closes_both() -> None:
    """A visitor who stops leaves nothing behind."""
    first, second = FakeStart(None), FakeStart(None)

    async def stop() -> None:
        task = asyncio.create_task(race(first, lambda: second, after_s=0.0))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stop())
    assert (first.n_closed, second.n_closed) == (1, 1)


@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("n_steps", range(12))
def test_cancelling_at_any_moment_leaves_no_winner_open(hedged: bool, n_steps: int) -> None:
    """Also in the moment in which the first piece comes: either it is handed over, or it is closed."""
    first, second = FakeStart(None if hedged else True), FakeStart(True)

    async def stop() -> bool:
        task = asyncio.create_task(race(first, lambda: second, after_s=0.0 if hedged else float("inf")))
        for _ in range(n_steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return not task.cancelled()

    is_handed_over = asyncio.run(stop())
    begun = second if hedged else first
    assert bool(begun.n_closed) == (begun.has_begun and not is_handed_over)


def test_another_provider_answers_in_place_of_a_silent_one(upstream: Upstream) -> None:
    """The first piece wins; the slow call ends within half a second, is no failure, and is in the answer's record."""
    upstream.script("a", Step(hold_first="never"))
    with run_upstream() as second:
        gateway = a_gateway(upstream, second)
        last = ask(gateway)
        done_s = time.monotonic()
    assert (last.status, last.text) == (AnswerStatus.DONE, Step().text)
    assert last.target is not None
    assert last.target.provider == "two"
    ((kind, provider),) = [(attempt.kind, attempt.target.provider) for attempt in last.attempts]
    assert (kind, provider) == (ErrorKind.OUTRUN, "one")
    assert upstream.disconnected.wait(1)
    assert (upstream.sent[0].left_s or 1e9) - done_s < 0.5
    health = gateway.health.snapshot().model("one", "a")
    assert health is not None
    assert (health.n_failed, health.success, health.in_flight) == (0, None, 0)


@pytest.mark.parametrize(
    ("hedge", "price"),
    [(None, 1.0), (Hedge(after_s=0.0, max_extra_usd=1e-6), 1.0), (SOON, None)],
    ids=["off", "too dear", "price unknown"],
)
def test_without_leave_nobody_else_is_asked(upstream: Upstream, hedge: Hedge | None, price: float | None) -> None:
    """Off by default; and a second start over the limit, or of unknown price, is not made."""
    upstream.script("a", Step(hold_first="soon"))
    with run_upstream() as second:
        gateway = a_gateway(upstream, second, price=price)

        async def later() -> Answer:
            asyncio.get_running_loop().call_later(0.05, upstream.release, "soon")
            answers = [answer async for answer in gateway.answer(("a",), QUESTION, hedge=hedge)]
            await gateway.close()
            return answers[-1]

        last = asyncio.run(later())
        assert (last.status, last.attempts, second.sent) == (AnswerStatus.DONE, (), [])


def test_the_wait_is_what_the_target_usually_needs(upstream: Upstream) -> None:
    """Ninety-five of a hundred first pieces come before it; with too few seen it is a fixed time."""
    gateway = a_gateway(upstream)
    target = Target(model_id="a", provider="one", served_name="a")
    assert gateway.hedge_after_s(Hedge(), target) == DEFAULT_AFTER_S
    for number in range(20):
        call = gateway.health.begin(target)
        assert call is not None
        gateway.health.succeed(call, first_token_s=1.0 + number / 10, tokens_per_s=None)
    assert gateway.hedge_after_s(Hedge(), target) == pytest.approx(2.9)
    assert gateway.hedge_after_s(Hedge(after_s=7.0), target) == 7.0


def test_the_price_of_a_target_is_the_cards_where_nobody_states_one(upstream: Upstream) -> None:
    """Reference prices are known from the start."""
    gateway = a_gateway(upstream, price=2.0)
    assert gateway.price(Target(model_id="a", provider="one", served_name="a")) == PricePair(2.0, 2.0)
