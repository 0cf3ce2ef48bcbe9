"""Whatever a server does before the first piece, the next one answers; whatever it does after, it is said."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from omni.gateway import (
    Answer,
    AnswerStatus,
    BreakerState,
    ErrorKind,
    Gateway,
    OpenAIServer,
    Provider,
    Question,
    Timeouts,
)
from omni.types import Conversation
from tests.upstream import BEFORE_FIRST, Step, Upstream, run_upstream

QUESTION = Question(conversation=Conversation.from_prompt("Why is the sky blue?"))
PATIENT = Timeouts(patience_s=0.0)
HASTY = Timeouts(first_piece_s=0.3)


@pytest.fixture(scope="module")
def _second_server() -> Iterator[Upstream]:
    with run_upstream() as upstream:
        yield upstream


@pytest.fixture
def second(_second_server: Upstream) -> Iterator[Upstream]:
    """Another server, called "two"."""
    _second_server.reset()
    yield _second_server
    _second_server.reset()


def a_gateway(*upstreams: Upstream, timeouts: Timeouts = PATIENT) -> Gateway:
    """Providers "one", "two" ..., that list nothing: every model is tried everywhere."""
    names = ("one", "two", "three")
    servers = [
        OpenAIServer(provider=Provider(name=name, base_url=upstream.base_url, api_key=f"key-{name}"), timeouts=timeouts)
        for name, upstream in zip(names, upstreams, strict=False)
    ]
    return Gateway(servers, (), frame_s=0.0, repeat_pause_s=0.0, timeouts=timeouts)


async def last_of(gateway: Gateway, models: Sequence[str] = ("a",)) -> Answer:
    return [answer async for answer in gateway.answer(models, QUESTION)][-1]


def run(gateway: Gateway, work: Callable[[Gateway], Awaitable[Answer]] = last_of) -> Answer:
    """Asks, and closes the connections."""

    async def main() -> Answer:
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    return asyncio.run(main())


def tried(answer: Answer) -> list[tuple[str, str, ErrorKind]]:
    return [(attempt.target.model_id, attempt.target.provider, attempt.kind) for attempt in answer.attempts]


@pytest.mark.parametrize("step", BEFORE_FIRST, ids=repr)
def test_another_provider_answers(upstream: Upstream, second: Upstream, step: Step) -> None:
    """Every failure before the first piece moves the same model to the other provider, and the try is recorded."""
    upstream.script("a", step)
    last = run(a_gateway(upstream, second))
    assert (last.status, last.text) == (AnswerStatus.DONE, Step().text)
    assert [provider for _, provider, _ in tried(last)] == ["one"]
    assert last.attempts[0].seconds is not None
    assert last.attempts[0].error.startswith("one ")
    assert (len(upstream.sent), second.sent[0].text) == (1, last.text)


def test_another_provider_comes_before_another_model_of_the_failed_one(upstream: Upstream, second: Upstream) -> None:
    """The second model is asked at the second provider, when the first model is not offered there."""
    upstream.script("a", Step(status=500))
    second.script("a", Step(status=404))

    async def ask(gateway: Gateway) -> Answer:
        return await last_of(gateway, ("a", "b"))

    last = run(a_gateway(upstream, second), ask)
    assert tried(last) == [("a", "one", ErrorKind.SERVER), ("a", "two", ErrorKind.NOT_SERVED)]
    assert last.target is not None
    assert (last.target.model_id, last.target.provider) == ("b", "two")


def test_a_slow_first_piece_is_left_for_another_provider(upstream: Upstream, second: Upstream) -> None:
    """Silence before the first piece is a time-out; the slow request is closed."""

    async def ask(gateway: Gateway) -> Answer:
        await last_of(gateway)  # the connection is there: only the piece is slow
        upstream.script("a", Step(hold_first="never"))
        return await last_of(gateway)

    last = run(a_gateway(upstream, second, timeouts=HASTY), ask)
    assert tried(last) == [("a", "one", ErrorKind.TIMEOUT)]
    assert last.status is AnswerStatus.DONE
    assert upstream.disconnected.wait(5)


def test_the_last_one_may_be_slow(upstream: Upstream) -> None:
    """When nobody else can be asked, a slow answer is better than none."""
    upstream.script("a", Step(hold_first="later"))

    async def ask(gateway: Gateway) -> Answer:
        asyncio.get_running_loop().call_later(0.5, upstream.release, "later")
        return await last_of(gateway)

    assert run(a_gateway(upstream, timeouts=HASTY), ask).status is AnswerStatus.DONE


def test_a_stall_after_the_first_piece_is_an_interruption(upstream: Upstream, second: Upstream) -> None:
    """The text so far stays, nobody else is asked, and the kind is said."""
    upstream.script("a", Step(text="one two", hold="never"))
    last = run(a_gateway(upstream, second, timeouts=Timeouts(silence_s=0.1)))
    assert (last.status, last.text, last.error_kind) == (AnswerStatus.INTERRUPTED, "one", ErrorKind.TIMEOUT)
    assert second.sent == []


def test_a_break_after_the_finish_reason_takes_nothing_from_the_answer(upstream: Upstream) -> None:
    """It is whole, and not called broken."""
    upstream.script("a", Step(text="one two", cut_last=True))
    last = run(a_gateway(upstream))
    assert (last.status, last.text, last.finish_reason) == (AnswerStatus.DONE, "one two", "stop")


def test_pieces_sent_twice_are_kept_as_sent(upstream: Upstream) -> None:
    """A gateway cannot know that a repetition is a mistake: it passes on what came, byte for byte."""
    upstream.script("a", Step(text="one two", twice=True))
    assert run(a_gateway(upstream)).text == upstream.sent[0].text == "oneone two two"


def test_signs_cut_in_half_are_joined(upstream: Upstream) -> None:
    """Servers cut between the halves of a surrogate pair; no update of the answer shows a half."""
    upstream.script("a", Step(text="a\ud83d\ude00b\ud83dc\ud83d", reasoning="\ud83d\ude00", piece_chars=1))

    async def ask(gateway: Gateway) -> list[Answer]:
        question = Question(conversation=Conversation.from_prompt("Hi"))
        return [answer async for answer in gateway.answer(("a",), question)]

    answers = run(a_gateway(upstream), ask)
    assert all((answer.text + answer.reasoning).encode() is not None for answer in answers)
    assert (answers[-1].text, answers[-1].reasoning) == ("a😀b\ufffdc", "😀")


def test_ten_megabytes_arrive_whole(upstream: Upstream) -> None:
    """A very long answer loses nothing."""
    upstream.script("a", Step(text="0123456789" * 1_000_000, piece_chars=40_000))
    last = run(a_gateway(upstream))
    assert last.status is AnswerStatus.DONE
    assert last.text == upstream.sent[0].text


@pytest.mark.parametrize("status", [401, 402, 403])
def test_an_account_problem_moves_to_another_account(upstream: Upstream, second: Upstream, status: int) -> None:
    """The provider is not asked again for this answer, the model is not to blame, and the board says what is wrong."""
    upstream.script("*", Step(status=status))
    gateway = a_gateway(upstream, second)
    last = run(gateway)
    assert last.status is AnswerStatus.DONE
    assert tried(last) == [("a", "one", ErrorKind.ACCOUNT)]
    health, model = gateway.health.snapshot().provider("one"), gateway.health.snapshot().model("one", "a")
    assert health is not None
    assert health.account_error == last.attempts[0].error
    assert "key-one" not in health.account_error
    assert model is not None
    assert (model.state, model.success) == (BreakerState.CLOSED, None)


def test_a_pause_is_kept_without_waiting(upstream: Upstream, second: Upstream) -> None:
    """While a provider asked for a pause, its models are asked elsewhere and it is left alone."""
    upstream.script("a", Step(status=429, retry_after="60"))

    async def ask(gateway: Gateway) -> Answer:
        await last_of(gateway)
        return await last_of(gateway, ("a", "b"))

    last = run(a_gateway(upstream, second), ask)
    assert (last.status, last.attempts) == (AnswerStatus.DONE, ())
    assert (len(upstream.sent), len(second.sent)) == (1, 2)


def test_a_long_pause_of_everybody_is_said(upstream: Upstream) -> None:
    """Nobody is asked against their wish; the visitor reads when to come back."""
    upstream.script("a", Step(status=429, retry_after="60"))

    async def ask(gateway: Gateway) -> Answer:
        await last_of(gateway)
        return await last_of(gateway)

    last = run(a_gateway(upstream), ask)
    assert (last.status, last.attempts, len(upstream.sent)) == (AnswerStatus.FAILED, (), 1)
    assert "60 s" in (last.error or "")
    assert last.retry_after_s == pytest.approx(60.0, abs=2.0)


def test_a_short_pause_of_everybody_is_waited_for(upstream: Upstream) -> None:
    """A moment later the same provider answers; failing would help nobody."""
    upstream.script("a", Step(status=429, retry_after="0.1"))
    last = run(a_gateway(upstream, timeouts=Timeouts(patience_s=2.0)))
    assert (last.status, len(last.attempts), len(upstream.sent)) == (AnswerStatus.DONE, 1, 2)


def test_a_passing_error_of_the_only_one_is_tried_again(upstream: Upstream) -> None:
    """Two errors and then an answer: three requests to the same target."""
    upstream.script("a", Step(status=500), Step(empty=True))
    last = run(a_gateway(upstream))
    assert (last.status, len(last.attempts)) == (AnswerStatus.DONE, 2)
    assert [sent.is_complete for sent in upstream.sent] == [False, False, True]


def test_a_dead_server_is_left_alone_and_probed(upstream: Upstream, second: Upstream) -> None:
    """Two failures are enough for another provider of the same model to come first."""
    upstream.is_dead = True
    gateway = a_gateway(upstream, second)

    async def ask(gateway: Gateway) -> Answer:
        for _ in range(40):
            answer = await last_of(gateway)
            assert answer.status is AnswerStatus.DONE
        return answer

    run(gateway, ask)
    assert [target.provider for target in gateway.targets(["a"])] == ["two", "one"]
    health = gateway.health.snapshot().model("one", "a")
    assert health is not None
    assert health.errors == ((ErrorKind.CONNECTION, len(upstream.sent)),) == ((ErrorKind.CONNECTION, 2),)


def test_when_everybody_is_open_one_is_probed_at_once(upstream: Upstream) -> None:
    """A person who has just restarted the only server gets an answer now, not after the probe time."""
    upstream.is_dead = True
    gateway = a_gateway(upstream)

    async def ask(gateway: Gateway) -> Answer:
        for _ in range(3):
            failed = await last_of(gateway)
            assert failed.status is AnswerStatus.FAILED
        upstream.is_dead = False
        return await last_of(gateway)

    assert run(gateway, ask).status is AnswerStatus.DONE


def test_models_whose_every_provider_is_open_are_not_offered(upstream: Upstream) -> None:
    """The router is told what can be asked; when nothing can, everything is, since a probe may succeed."""
    upstream.models = ("a", "b")
    provider = Provider(name="one", base_url=upstream.base_url)
    gateway = Gateway([OpenAIServer(provider=provider)], ("a", "b"))
    asyncio.run(gateway.board.refresh())
    assert gateway.served_ids() == {"a", "b"}
    for name, rest in (("a", {"b"}), ("b", {"a", "b"})):
        (target,) = gateway.targets([name])
        while (call := gateway.health.begin(target)) is not None:
            gateway.health.fail(call, ErrorKind.BROKEN, "empty")
        assert gateway.served_ids() == rest


def test_stopping_leaves_no_load_behind(upstream: Upstream) -> None:
    """A visitor who stops is neither a success nor a failure."""
    upstream.script("a", Step(text="one two", hold="never"))
    gateway = a_gateway(upstream)

    async def take_first(gateway: Gateway) -> Answer:
        stream = gateway.answer(["a"], QUESTION)
        async for answer in stream:
            if answer.text:
                break
        await stream.aclose()
        return answer

    run(gateway, take_first)
    health = gateway.health.snapshot().model("one", "a")
    assert health is not None
    assert (health.in_flight, health.n_calls, health.success) == (0, 0, None)
