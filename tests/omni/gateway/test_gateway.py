"""Streaming, failover and errors against the scripted server."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from omni.gateway import Answer, AnswerStatus, Gateway, OpenAIServer, Provider, Question, remaining
from omni.types import Conversation
from tests.upstream import Step, Upstream

QUESTION = Question(conversation=Conversation.from_prompt("Why is the sky blue?"))


def _gateway(upstream: Upstream) -> Gateway:
    provider = Provider(name="local", base_url=upstream.base_url, api_key="key-1")
    return Gateway([OpenAIServer(provider=provider)], (), frame_s=0.0, count_tokens=lambda text: len(text.split()))


def _ask(upstream: Upstream, models: Sequence[str] = ("a",), question: Question = QUESTION) -> list[Answer]:
    async def collect() -> list[Answer]:
        gateway = _gateway(upstream)
        answers = [answer async for answer in gateway.answer(models, question)]
        await gateway.close()
        return answers

    return asyncio.run(collect())


def test_an_answer_streams_to_its_end(upstream: Upstream) -> None:
    """Text, reasoning, tokens and times arrive, and the key goes along."""
    upstream.script("a", Step(text="Because of scattering.", reasoning="Rayleigh", usage=(5, 7)))
    last = _ask(upstream)[-1]
    assert last.status is AnswerStatus.DONE
    assert (last.text, last.reasoning, last.finish_reason) == ("Because of scattering.", "Rayleigh", "stop")
    assert last.usage is not None
    assert (last.usage.input_tokens, last.usage.output_tokens, last.usage.is_estimated) == (5, 7, False)
    assert 0 <= (last.time_to_first_token_s or -1) <= (last.total_s or -1)
    assert upstream.authorizations == ["Bearer key-1"]


def test_missing_usage_is_estimated_and_flagged(upstream: Upstream) -> None:
    """A server that counts nothing gets estimated tokens, marked as such."""
    upstream.script("a", Step(text="one two three", usage=None))
    usage = _ask(upstream)[-1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.is_estimated) == (5, 3, True)


@pytest.mark.parametrize("step", [Step(status=500), Step(status=429), Step(status=404), Step(empty=True)])
def test_an_error_before_the_first_piece_moves_on(upstream: Upstream, step: Step) -> None:
    """The next model answers, and the failed try is kept."""
    upstream.script("a", step)
    upstream.script("b", Step(text="Here."))
    last = _ask(upstream, ("a", "b"))[-1]
    assert (last.status, last.text) == (AnswerStatus.DONE, "Here.")
    assert [attempt.target.model_id for attempt in last.attempts] == ["a"]
    assert last.target is not None
    assert last.target.model_id == "b"


@pytest.mark.parametrize(("status", "word"), [(401, "key"), (402, "credit"), (403, "key")])
def test_account_problems_stop_at_once(upstream: Upstream, status: int, word: str) -> None:
    """A refused key or an empty account is the account's problem: no other model is tried."""
    upstream.script("a", Step(status=status))
    last = _ask(upstream, ("a", "b"))[-1]
    assert last.status is AnswerStatus.FAILED
    assert word in (last.error or "")
    assert "key-1" not in (last.error or "")
    assert len(upstream.requests) == 1


def test_a_cut_stream_keeps_its_text_and_is_not_repeated(upstream: Upstream) -> None:
    """After the first piece an interruption is shown; no other model is asked."""
    upstream.script("a", Step(text="one two three four", cut=True))
    last = _ask(upstream, ("a", "b"))[-1]
    assert last.status is AnswerStatus.INTERRUPTED
    assert last.text.startswith("one")
    assert last.error
    assert len(upstream.requests) == 1


def test_a_stream_without_an_end_is_an_interruption(upstream: Upstream) -> None:
    """A stream that just stops looks complete to the SDK; the missing finish reason gives it away."""
    upstream.script("a", Step(text="one two", no_finish=True))
    assert _ask(upstream)[-1].status is AnswerStatus.INTERRUPTED


def test_an_unreachable_server_is_said_plainly() -> None:
    """Nobody listens on port 9; the sentence names the provider."""
    gateway = Gateway([OpenAIServer(provider=Provider(name="down", base_url="http://127.0.0.1:9/v1"))], ())

    async def last() -> Answer:
        answers = [answer async for answer in gateway.answer(["a"], QUESTION)]
        await gateway.close()
        return answers[-1]

    answer = asyncio.run(last())
    assert answer.status is AnswerStatus.FAILED
    assert answer.error == "down cannot be reached or closed the connection."


@pytest.mark.parametrize("step", [Step(text="one two", hold="never"), Step(hold_first="never")], ids=["text", "wait"])
def test_stop_reaches_the_server_within_half_a_second(upstream: Upstream, step: Step) -> None:
    """Before the first piece and after it, by the server's own log."""
    upstream.script("a", step)

    async def stop() -> float:
        gateway = _gateway(upstream)
        stream = gateway.answer(["a"], QUESTION)
        async for answer in stream:
            while not upstream.sent:
                await asyncio.sleep(0.001)
            if answer.text or step.hold_first:
                break
        stopped_s = time.monotonic()
        await stream.aclose()
        await gateway.close()
        return stopped_s

    stopped_s = asyncio.run(stop())
    assert upstream.disconnected.wait(5)
    assert (upstream.sent[0].left_s or 1e9) - stopped_s < 0.5


def test_an_interrupted_answer_goes_on_with_the_next_model(upstream: Upstream) -> None:
    """As an answer of its own: the broken text stays what it was, and the broken model is not asked again."""
    upstream.script("a", Step(text="one two three four", cut=True))
    broken = _ask(upstream, ("a", "b", "c"))[-1]
    others = remaining(("a", "b", "c"), broken)
    whole = _ask(upstream, others)[-1]
    assert (broken.status, broken.text, others) == (AnswerStatus.INTERRUPTED, "one two three", ("b", "c"))
    assert (whole.status, whole.text) == (AnswerStatus.DONE, Step().text)
    assert [body["model"] for body in upstream.requests] == ["a", "b"]
    assert [message["content"] for message in upstream.requests[1]["messages"]] == ["Why is the sky blue?"]


def test_models_that_failed_come_last_when_an_answer_goes_on(upstream: Upstream) -> None:
    """They may be well again, but others are likelier to be."""
    upstream.script("a", Step(status=404))
    upstream.script("b", Step(text="one two", cut=True))
    broken = _ask(upstream, ("a", "b", "c"))[-1]
    assert remaining(("a", "b", "c"), broken) == ("c", "a")


def test_who_answered_behind_a_router_is_kept(upstream: Upstream) -> None:
    """The header says it."""
    upstream.script("a", Step(headers=(("x-inference-provider", "novita"),)))
    assert _ask(upstream)[-1].served_by == "novita"
    assert _ask(upstream)[-1].served_by is None


def test_pictures_travel_with_their_message(upstream: Upstream) -> None:
    """A message with a picture becomes parts, picture first."""
    url = "data:image/png;base64,AAAA"
    _ask(upstream, question=Question(conversation=QUESTION.conversation, images={0: (url,)}))
    (message,) = upstream.requests[0]["messages"]
    assert message["content"][0] == {"type": "image_url", "image_url": {"url": url}}
    assert message["content"][1]["text"] == "Why is the sky blue?"
