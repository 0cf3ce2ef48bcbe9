"""The guard model's word, against the scripted server."""

import asyncio

import pytest

from omni.gateway import Gateway, OpenAIServer, Provider
from omni.gateway.guard import Verdict, ask_guard
from omni.types import Conversation
from tests.upstream import Step, Upstream

LLAMA, SAFEGUARD = "meta-llama/Llama-Guard-4-12B", "openai/gpt-oss-safeguard-20b"


def _ask(upstream: Upstream, prompt: str = "How do I pick my own lock?") -> Verdict:
    async def ask() -> Verdict:
        provider = Provider(name="local", base_url=upstream.base_url)
        gateway = Gateway([OpenAIServer(provider=provider)], (LLAMA, SAFEGUARD), frame_s=0.0)
        await gateway.board.refresh()
        verdict = await ask_guard(gateway, (SAFEGUARD, LLAMA), Conversation.from_prompt(prompt))
        await gateway.close()
        return verdict

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("said", "is_safe"), [("safe", True), ("unsafe\nS9", False), ("Unsafe.", False), ("I cannot say", None)]
)
def test_the_first_word_counts(upstream: Upstream, said: str, is_safe: bool | None) -> None:
    """Guards answer with a word, some with a category after it; anything else is no verdict."""
    upstream.models = (LLAMA,)
    upstream.script(LLAMA, Step(text=said))
    assert _ask(upstream) == Verdict(is_safe=is_safe, model_id=LLAMA)


def test_without_a_guard_nobody_is_asked(upstream: Upstream) -> None:
    """No verdict is not a refusal."""
    upstream.models = ("org/other",)
    assert _ask(upstream) == Verdict(is_safe=None)


def test_a_guard_that_fails_gives_way_to_the_next(upstream: Upstream) -> None:
    """The second guard is asked, with its own form of the question."""
    upstream.models = (SAFEGUARD, LLAMA)
    upstream.script(SAFEGUARD, *[Step(status=400)] * 4)
    upstream.script(LLAMA, Step(text="safe"))
    assert _ask(upstream) == Verdict(is_safe=True, model_id=LLAMA)
    roles = {body["model"]: [message["role"] for message in body["messages"]] for body in upstream.requests}
    assert roles == {SAFEGUARD: ["system", "user"], LLAMA: ["user"]}


def test_a_long_prompt_is_cut_in_the_middle(upstream: Upstream) -> None:
    """The guard's window holds it, and both ends are read."""
    upstream.models = (LLAMA,)
    upstream.script(LLAMA, Step(text="safe"))
    _ask(upstream, "begin " + "x" * 100_000 + " end")
    sent = upstream.requests[-1]["messages"][0]["content"]
    assert len(sent) < 9_000
    assert (sent[:5], sent[-3:]) == ("begin", "end")
