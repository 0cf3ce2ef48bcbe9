"""What may not leave this machine is asked of nobody else, whatever fails here."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from omni.errors import BadReply
from omni.gateway import Answer, AnswerStatus, Chunk, Gateway, Provider, Question
from omni.gateway.guard import ask_guard
from omni.types import Conversation

MODEL = "org/Model-8B"
HERE = Provider(name="here", base_url="http://127.0.0.1:1/v1")
THERE = Provider(name="there", base_url="http://models.example/v1")


@dataclass
class _Server:
    provider: Provider
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    async def list_models(self) -> tuple[str, ...]:
        return (MODEL,)

    async def stream(self, served_name: str, question: Question, api_key: str | None = None) -> AsyncGenerator[Chunk]:
        self.asked.append(question.conversation.last_user_text)
        if self.fails:
            raise BadReply(f"{self.provider.name} sent an empty answer to {served_name}, {api_key}.")
        yield Chunk(text="safe")
        yield Chunk(finish_reason="stop")

    async def close(self) -> None:
        return None


def _answer(*servers: _Server, only_local: bool) -> Answer:
    async def last() -> Answer:
        gateway = Gateway(servers, [MODEL], frame_s=0.0, repeat_pause_s=0.0)
        await gateway.board.refresh()
        question = Question(conversation=Conversation.from_prompt("Hi"))
        return [answer async for answer in gateway.answer((MODEL,), question, only_local=only_local)][-1]

    return asyncio.run(last())


def test_another_machine_is_not_asked_when_this_one_fails() -> None:
    """Nor is it asked when it comes first; without the wish it helps out."""
    here, there = _Server(HERE, fails=True), _Server(THERE)
    assert _answer(there, here, only_local=True).status is AnswerStatus.FAILED
    assert here.asked
    assert there.asked == []
    assert _answer(here, there, only_local=False).status is AnswerStatus.DONE


def test_a_guard_elsewhere_is_not_asked_either() -> None:
    """It would read the prompt."""
    there = _Server(THERE)

    async def verdict() -> bool | None:
        gateway = Gateway([there], [MODEL], frame_s=0.0)
        await gateway.board.refresh()
        return (await ask_guard(gateway, [MODEL], Conversation.from_prompt("Hi"), only_local=True)).is_safe

    assert asyncio.run(verdict()) is None
    assert there.asked == []
