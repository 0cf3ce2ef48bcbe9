"""From an ordered list of models to one streamed answer, moving on to the next model while nothing has been shown."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence

from omni.conditions import Conditions
from omni.errors import ProviderError, RateLimited
from omni.gateway.client import ModelServer, OpenAIServer, Timeouts
from omni.gateway.draft import Draft
from omni.gateway.failures import kind_of
from omni.gateway.health import HealthBoard
from omni.gateway.messages import Answer, AnswerStatus, Attempt, ErrorKind, Question, Target, Usage
from omni.gateway.providers import Provider
from omni.gateway.served import ServedBoard
from omni.gateway.tries import Tries, Try

FRAME_S = 0.04
"""Time between two updates of a streamed answer: 25 a second."""
MAX_ANSWER_S = 900.0
MIN_WAIT_S = 0.05
REPEAT_PAUSE_S = 0.2
"""Before a target that failed a moment ago is asked again."""


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
        timeouts: Timeouts | None = None,
        health: HealthBoard | None = None,
        repeat_pause_s: float = REPEAT_PAUSE_S,
    ) -> None:
        """`count_tokens` estimates the tokens of a text, for servers that report no usage."""
        self._servers = {server.provider.name: server for server in servers}
        self._clock = clock
        self._frame_s = frame_s
        self._count_tokens = count_tokens
        self._timeouts = timeouts or Timeouts()
        self._repeat_pause_s = repeat_pause_s
        self.board = ServedBoard(servers, catalog_ids)
        self.health = health or HealthBoard(clock=clock)

    @property
    def providers(self) -> tuple[Provider, ...]:
        return tuple(server.provider for server in self._servers.values())

    @property
    def is_connected(self) -> bool:
        """True when a provider is configured; it may still be unreachable."""
        return bool(self._servers)

    def targets(self, model_ids: Sequence[str]) -> tuple[Target, ...]:
        """Whom an answer may be asked of: models in the order given, each at every provider that offers it."""
        return tuple(target for model_id in model_ids for target in self.board.targets(model_id))

    def served_ids(self) -> frozenset[str] | None:
        """Catalog ids that a provider offers and may be asked for now; None when not known.

        Ids whose every provider is held back are left out, unless that leaves none: then all stay, since the gateway
        probes open breakers when nobody else is left.
        """
        served = self.board.served_ids()
        if served is None:
            return None
        health = self.health.snapshot()
        ready = {id_ for id_ in served if not all(health.is_open(target) for target in self.board.targets(id_))}
        return frozenset(ready) or served

    def conditions(self) -> Conditions:
        """What a decision should know of the servers."""
        return Conditions(served=self.served_ids())

    async def answer(self, model_ids: Sequence[str], question: Question) -> AsyncIterator[Answer]:
        """The answer as it grows, at most one update a frame, the last one with its final status.

        Until a piece of an answer has come, an error moves on to the next target, at another provider first. After
        that, the text so far is kept and the interruption is said: answers of two models are never joined.
        """
        draft = Draft()
        task = asyncio.create_task(self._run(self.targets(model_ids), question, draft))
        task.add_done_callback(lambda _: draft.changed.set())
        shown: Answer | None = None
        try:
            while not task.done():
                await draft.changed.wait()
                draft.changed.clear()
                if draft.answer is not shown:
                    shown = draft.answer
                    yield shown
                    if shown.status is AnswerStatus.STREAMING:
                        await asyncio.wait({task}, timeout=self._frame_s)
            if draft.answer is not shown:
                yield draft.answer
            await task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, targets: Sequence[Target], question: Question, draft: Draft) -> None:
        started = self._clock()
        tries = Tries(targets, self.health)
        while (attempt := await self._next(tries)) is not None:
            draft.update(status=AnswerStatus.WAITING, target=attempt.target)
            failure = await self._try(attempt, question, draft, started)
            if failure is None:
                return
            draft.update(attempts=(*draft.answer.attempts, failure))
            tries.learn(failure)
            if self._clock() - started > self._timeouts.give_up_s:
                break
        self._give_up(draft, tries, is_offered=bool(targets), total_s=self._clock() - started)

    async def _next(self, tries: Tries) -> Try | None:
        """The next try, after a short wait where every target is held back for a moment; None = give up."""
        patience_s = self._timeouts.patience_s
        while (attempt := tries.next()) is None:
            wait_s = tries.retry_after_s()
            if wait_s is None or wait_s > patience_s or not tries.may_go_on:
                return None
            wait_s = max(wait_s, self._repeat_pause_s)
            patience_s -= max(wait_s, MIN_WAIT_S)
            await asyncio.sleep(wait_s)
        return attempt

    async def _try(self, attempt: Try, question: Question, draft: Draft, started: float) -> Attempt | None:
        """One request; None when it began an answer, however that ended."""
        call, target = attempt.call, attempt.target
        try:
            if attempt.is_repeat:
                await asyncio.sleep(self._repeat_pause_s)
            requested = self._clock()
            try:
                await self._stream(attempt, question, draft, started)
            except (ProviderError, TimeoutError) as error:
                failed = Attempt(
                    target=target,
                    error=str(error) or f"{target.provider} did not answer in time.",
                    kind=kind_of(error),
                    seconds=self._clock() - requested,
                )
                pause_s = error.retry_after_s if isinstance(error, RateLimited) else None
                self.health.fail(call, failed.kind, failed.error, retry_after_s=pause_s)
                if not draft.has_content:
                    draft.drop_pieces()
                    return failed
                self._finish(draft, question, AnswerStatus.INTERRUPTED, started, failed=failed)
                return None
            self._finish(draft, question, AnswerStatus.DONE, started)
            answer = draft.answer
            self.health.succeed(
                call,
                first_token_s=answer.time_to_first_token_s,
                tokens_per_s=draft.tokens_per_s(self._clock() - requested),
            )
            return None
        finally:
            self.health.abandon(call)

    async def _stream(self, attempt: Try, question: Question, draft: Draft, started: float) -> None:
        requested, limits = self._clock(), self._timeouts
        loop = asyncio.get_running_loop()
        first_s = limits.silence_s if attempt.is_last else limits.first_piece_s
        stream = self._servers[attempt.target.provider].stream(attempt.target.served_name, question)
        async with asyncio.timeout(first_s) as timeout, contextlib.aclosing(stream):
            async for chunk in stream:
                if chunk.is_content and not draft.has_content:
                    timeout.reschedule(loop.time() + MAX_ANSWER_S)
                    now = self._clock()
                    draft.begin(first_token_s=now - requested, wait_s=now - started)
                draft.add(chunk)

    def _finish(
        self,
        draft: Draft,
        question: Question,
        status: AnswerStatus,
        started: float,
        *,
        failed: Attempt | None = None,
    ) -> None:
        draft.update(
            status=status,
            usage=draft.answer.usage or self._estimate_usage(draft.answer, question),
            total_s=self._clock() - started,
            error=failed.error if failed else None,
            error_kind=failed.kind if failed else None,
        )

    def _give_up(self, draft: Draft, tries: Tries, *, is_offered: bool, total_s: float) -> None:
        attempts, retry_after_s = draft.answer.attempts, tries.retry_after_s()
        account = next((attempt for attempt in attempts if attempt.kind is ErrorKind.ACCOUNT), None)
        if attempts:
            # an account's problem is the one that a person can mend
            error = (account or attempts[-1]).error
        elif is_offered:
            when = "soon" if retry_after_s is None else f"in {max(1.0, retry_after_s):.0f} s"
            error = f"Every provider of this model asks for a pause or is being probed. Try again {when}."
        else:
            error = "No connected provider offers this model."
        draft.update(
            status=AnswerStatus.FAILED,
            error=error,
            error_kind=(account or attempts[-1]).kind if attempts else None,
            retry_after_s=retry_after_s,
            total_s=total_s,
        )

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
