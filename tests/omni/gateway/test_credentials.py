"""A visitor's own token goes to its provider with that visitor's request, and nowhere else."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from omni.gateway import (
    HUGGING_FACE,
    Answer,
    AnswerStatus,
    Credential,
    ErrorKind,
    Gateway,
    HealthBoard,
    OpenAIServer,
    Provider,
    Question,
    Target,
)
from omni.gateway.tries import Tries
from omni.types import Conversation
from tests.upstream import Step, Upstream

TOKENS = {"Ann": "hf_token-of-ann", "Ben": "hf_token-of-ben"}
CREDENTIALS = {name: Credential(provider=HUGGING_FACE, token=token) for name, token in TOKENS.items()}


def a_gateway(upstream: Upstream, *, api_key: str = "no-key", needs_credential: bool = True) -> Gateway:
    """A Space: the router is there, without a token of its own."""
    provider = Provider(
        name=HUGGING_FACE, base_url=upstream.base_url, api_key=api_key, needs_credential=needs_credential
    )
    return Gateway([OpenAIServer(provider=provider)], ("a", "b"), frame_s=0.0, repeat_pause_s=0.0)


def a_question(text: str = "Hello") -> Question:
    return Question(conversation=Conversation.from_prompt(text))


def ask(
    gateway: Gateway, credential: Credential | None, *, text: str = "Hello", models: Sequence[str] = ("a",)
) -> Answer:
    async def last() -> Answer:
        stream = gateway.answer(models, a_question(text), credential=credential)
        answers = [answer async for answer in stream]
        await gateway.close()
        return answers[-1]

    return asyncio.run(last())


def test_two_visitors_at_once_are_not_mixed_up(upstream: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty answers at one time, half of them failing first: each call carries the token of who asked, no log has it,
    and no error or repr."""
    caplog.set_level(logging.DEBUG)
    gateway = a_gateway(upstream)
    upstream.fail_at_random(3, 0.5)
    seen: list[str] = []

    async def visit(name: str) -> None:
        for number in range(10):
            question = a_question(f"{name} asks {number}")
            async for answer in gateway.answer(("a", "b"), question, credential=CREDENTIALS[name]):
                seen.append(repr(answer))

    async def both() -> None:
        await asyncio.gather(visit("Ann"), visit("Ben"))
        await gateway.close()

    asyncio.run(both())
    assert len(upstream.sent) > 20
    assert {sent.authorization == f"Bearer {TOKENS[sent.prompt[:3]]}" for sent in upstream.sent} == {True}
    everything = "".join([caplog.text, *seen, repr(gateway.status()), repr(gateway.health.snapshot())])
    assert not [token for token in TOKENS.values() if token in everything]


def test_a_token_does_not_show() -> None:
    """Whoever prints a credential or a row of tries sees the provider only."""
    tries = Tries([Target(model_id="a", provider=HUGGING_FACE, served_name="a")], HealthBoard())
    assert "hf_token" not in repr(CREDENTIALS["Ann"]) + repr(tries)


def test_without_a_token_nothing_is_asked(upstream: Upstream) -> None:
    """The visitor reads what to do, and the router is told that nobody serves."""
    gateway = a_gateway(upstream)
    upstream.models = ("a",)
    asyncio.run(gateway.board.refresh())
    answer = ask(gateway, None)
    assert (answer.status, answer.error_kind) == (AnswerStatus.FAILED, ErrorKind.ACCOUNT)
    assert "Sign in" in (answer.error or "")
    assert upstream.sent == []
    assert gateway.conditions().served is None
    assert gateway.conditions(credential=CREDENTIALS["Ann"]).served == {"a"}


def test_the_list_is_asked_for_without_a_key(upstream: Upstream) -> None:
    """A made-up key might be refused; the list is public."""
    upstream.models = ("a",)
    gateway = a_gateway(upstream)
    asyncio.run(gateway.board.refresh())
    assert upstream.authorizations == [None]
    assert gateway.board.served_ids() == {"a"}


def test_a_servers_own_token_is_not_mixed_with_a_visitors(upstream: Upstream) -> None:
    """With a token the visitor pays; without one the server's own key is used."""
    gateway = a_gateway(upstream, api_key="hf_server", needs_credential=False)
    assert ask(gateway, CREDENTIALS["Ann"]).status is AnswerStatus.DONE
    assert ask(gateway, None).status is AnswerStatus.DONE
    assert upstream.authorizations == ["Bearer hf_token-of-ann", "Bearer hf_server"]


def test_a_refused_token_is_not_replaced_by_the_servers(upstream: Upstream) -> None:
    """The visitor is told; nobody else pays for the answer."""
    upstream.script("a", Step(status=401))
    gateway = a_gateway(upstream, api_key="hf_server", needs_credential=False)
    answer = ask(gateway, CREDENTIALS["Ann"], models=("a", "b"))
    assert (answer.status, answer.error_kind) == (AnswerStatus.FAILED, ErrorKind.ACCOUNT)
    assert "your sign-in" in (answer.error or "")
    assert upstream.authorizations == ["Bearer hf_token-of-ann"]


def test_a_token_for_another_provider_is_not_sent(upstream: Upstream) -> None:
    """It belongs to one provider."""
    gateway = a_gateway(upstream, api_key="hf_server", needs_credential=False)
    ask(gateway, Credential(provider="elsewhere", token="secret"))
    assert upstream.authorizations == ["Bearer hf_server"]


@pytest.mark.parametrize("step", [Step(status=402), Step(status=429, retry_after="60")])
def test_one_visitors_account_is_not_everybodys(upstream: Upstream, step: Step) -> None:
    """An empty account or a limit of one visitor holds nobody else back and is not on the status page."""
    upstream.script("a", step)
    gateway = a_gateway(upstream)
    assert ask(gateway, CREDENTIALS["Ann"]).status is AnswerStatus.FAILED
    assert ask(gateway, CREDENTIALS["Ben"]).status is AnswerStatus.DONE
    (status,) = gateway.status().providers
    assert (status.account_problem, status.last_error, status.n_failed) == (None, None, 0)
    assert len(upstream.sent) == 2


def test_cookies_of_one_answer_are_not_sent_with_the_next(upstream: Upstream) -> None:
    """A server cannot mark one visitor and meet the mark at another."""
    upstream.script("a", Step(headers=(("set-cookie", "visitor=ann; path=/"),)))
    gateway = a_gateway(upstream)

    async def twice() -> None:
        for name in TOKENS:
            async for _ in gateway.answer(("a",), a_question(), credential=CREDENTIALS[name]):
                pass
        await gateway.close()

    asyncio.run(twice())
    assert [sent.cookie for sent in upstream.sent] == [None, None]
