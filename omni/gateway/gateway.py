"""From an ordered list of models to one streamed answer, moving on to the next model while nothing has been shown."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace

from omni.errors import ProviderError, Retryable
from omni.gateway.client import ModelServer, OpenAIServer
from omni.gateway.messages import Answer, AnswerStatus, Attempt, Question, Target, Usage
from omni.gateway.providers import Provider
from omni.gateway.served import ServedBoard

FRAME_S = 0.04
"""Time between two updates of a streamed answer: 25 a second."""
MAX_TRIES = 4
MAX_ANSWER_S = 900.0


class Gateway:
    """The connected servers. Holds no request's data."""

    def __init__(
        self,
        servers: Sequence[ModelServer],
        catalog_ids: Collection[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        frame_s: float = FRAME_S,
        count_tokens: Callable[[str], int] | None = None,
    ) -> None:
        """`count_tokens` estimates the tokens of a text, for servers that report no usage."""
        self._servers = {server.provider.name: server for server in servers}
        self._clock = clock
        self._frame_s = frame_s
        self._count_tokens = count_tokens
        self.board = ServedBoard(servers, catalog_ids)

    @property
    def providers(self) -> tuple[Provider, ...]:
        return tuple(server.provider for server in self._servers.values())

    @property
    def is_connected(self) -> bool:
        """True when a provider is configured; it may still be unreachable."""
        return bool(self._servers)

    def targets(self, model_ids: Sequence[str]) -> tuple[Target, ...]:
        """The first tries for an answer: models in the order given, each at every provider that offers it."""
        found = [target for model_id in model_ids for target in self.board.targets(model_id)]
        return tuple(found[:MAX_TRIES])

    async def answer(self, model_ids: Sequence[str], question: Question) -> AsyncIterator[Answer]:
        """The answer as it grows, at most one update a frame, the last one with its final status.

        An error that another model may not have (`Retryable`) moves on to the next target as long as no piece of an
        answer has come. After that, the text so far is kept and the interruption is said.
        """
        latest, changed = Answer(), asyncio.Event()

        async def pump() -> None:
            nonlocal latest
            async for answer in self._run(self.targets(model_ids), question):
                latest = answer
                changed.set()

        task = asyncio.create_task(pump())
        task.add_done_callback(lambda _: changed.set())
        shown: Answer | None = None
        try:
            while not task.done():
                await changed.wait()
                changed.clear()
                if latest is not shown:
                    shown = latest
                    yield shown
                    await asyncio.sleep(self._frame_s)
            if latest is not shown:
                yield latest
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, targets: Sequence[Target], question: Question) -> AsyncIterator[Answer]:
        started = self._clock()
        answer = Answer()
        if not targets:
            error = "No connected provider offers this model."
            yield replace(answer, status=AnswerStatus.FAILED, error=error, total_s=0.0)
            return
        for target in targets:
            answer = replace(answer, status=AnswerStatus.WAITING, target=target)
            yield answer
            requested = self._clock()
            try:
                async with asyncio.timeout(MAX_ANSWER_S):
                    async for chunk in self._servers[target.provider].stream(target.served_name, question):
                        answer = answer.with_chunk(chunk, first_token_s=self._clock() - requested)
                        yield answer
                usage = answer.usage or self._estimate_usage(answer, question)
                yield replace(answer, status=AnswerStatus.DONE, usage=usage, total_s=self._clock() - started)
                return
            except (ProviderError, TimeoutError) as error:
                total_s = self._clock() - started
                sentence = str(error) or f"{target.provider} took longer than {MAX_ANSWER_S:.0f} s."
                if answer.text or answer.reasoning:
                    usage = answer.usage or self._estimate_usage(answer, question)
                    interrupted = AnswerStatus.INTERRUPTED
                    yield replace(answer, status=interrupted, usage=usage, error=sentence, total_s=total_s)
                    return
                answer = replace(answer, attempts=(*answer.attempts, Attempt(target=target, error=sentence)))
                if not isinstance(error, Retryable | TimeoutError):
                    break
        last = answer.attempts[-1].error
        yield replace(answer, status=AnswerStatus.FAILED, error=last, total_s=self._clock() - started)

    async def close(self) -> None:
        """Closes the connections; must run on the loop that streamed."""
        for server in self._servers.values():
            await server.close()

    def _estimate_usage(self, answer: Answer, question: Question) -> Usage | None:
        if self._count_tokens is None:
            return None
        sent = sum(self._count_tokens(message.text) for message in question.conversation.messages)
        received = self._count_tokens(answer.text) + self._count_tokens(answer.reasoning)
        return Usage(input_tokens=sent, output_tokens=received, is_estimated=True)


def build_gateway(
    providers: Sequence[Provider], catalog_ids: Collection[str], *, count_tokens: Callable[[str], int] | None = None
) -> Gateway:
    """A gateway to the given providers; nothing is contacted before `board.start()` or the first answer."""
    servers = [OpenAIServer(provider=provider) for provider in providers]
    return Gateway(servers, catalog_ids, count_tokens=count_tokens)
