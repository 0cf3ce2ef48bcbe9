"""From an ordered list of models to one streamed answer, moving on to the next model while nothing has been shown."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from omni.catalog.pricing import PricePair
from omni.conditions import Conditions
from omni.errors import ProviderError
from omni.gateway.begin import REPEAT_PAUSE_S, Start
from omni.gateway.client import ModelServer, OpenAIServer, Timeouts
from omni.gateway.discovery import Finder
from omni.gateway.draft import Draft
from omni.gateway.failures import ServerFailure
from omni.gateway.health import HealthBoard
from omni.gateway.hedge import DEFAULT_AFTER_S, MIN_AFTER_S, SHARE, Hedge, Race, race
from omni.gateway.messages import Answer, AnswerStatus, Attempt, Chunk, ErrorKind, Question, Target, Usage
from omni.gateway.outlook import Outlook
from omni.gateway.prices import FREE, ActualCost, actual_cost, expected_cost_usd, provider_price
from omni.gateway.providers import Credential, Provider
from omni.gateway.served import ServedBoard
from omni.gateway.status import GatewayStatus, build_status
from omni.gateway.tries import Tries, Try
from omni.types import ModelCard

FRAME_S = 0.04
"""Time between two updates of a streamed answer: 25 a second."""
MIN_WAIT_S = 0.05
CHARS_PER_TOKEN = 4
"""Where nothing counts tokens."""
_IS_CONTENT: Callable[[Chunk], bool] = attrgetter("is_content")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What one answer is asked with. Lives as long as the answer."""

    question: Question
    credential: Credential | None
    hedge: Hedge | None
    only_local: bool
    started_s: float


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
        cards: Iterable[ModelCard] = (),
        find: Finder | None = None,
    ) -> None:
        """A gateway to the given servers and to those that `find` comes upon.

        Args:
            count_tokens: Estimates the tokens of a text, for servers that report no usage.
            cards: What is known of the catalog's models: sizes, by which names are recognised, and reference prices.
        """
        self._clock = clock
        self._frame_s = frame_s
        self._count_tokens = count_tokens
        self._timeouts = timeouts or Timeouts()
        self._repeat_pause_s = repeat_pause_s
        cards = tuple(cards)
        self._reference_prices = {card.model_id: price for card in cards if (price := _reference(card)) is not None}
        sizes_b = {card.model_id: card.params_total_b for card in cards if card.params_total_b}
        self.board = ServedBoard(servers, catalog_ids, sizes_b=sizes_b, find=find)
        self.health = health or HealthBoard(clock=clock)
        self._outlook = Outlook(self.board, self.health, clock=clock, price_of=self.price)

    def also_know(self, cards: Sequence[ModelCard]) -> None:
        """Recognises these models too where a server names them exactly; those told of before are replaced."""
        self.board.also_know([card.model_id for card in cards])

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Whoever may be asked now; found servers come and go."""
        return self.board.providers

    @property
    def is_connected(self) -> bool:
        """True when there is a provider; it may still be unreachable."""
        return bool(self.providers)

    def provider(self, name: str) -> Provider | None:
        """The provider of that name, None when it is gone."""
        server = self.board.server(name)
        return None if server is None else server.provider

    def targets(
        self, model_ids: Sequence[str], *, credential: Credential | None = None, only_local: bool = False
    ) -> tuple[Target, ...]:
        """Whom an answer may be asked of: models in the order given, each at the provider that does best first.

        Providers that serve signed-in visitors only are left out without their `credential`; with `only_local`, all
        that are not on this machine.
        """
        targets = (target for model_id in model_ids for target in self._outlook.targets(model_id, credential))
        return tuple(target for target in targets if not only_local or self.board.is_on_this_machine(target))

    def conditions(self, *, credential: Credential | None = None) -> Conditions:
        """What a decision should know of the servers: who serves what here, and how it does.

        Models whose every provider is held back are left out of `served`, unless that leaves none: the gateway probes
        when nobody else is left. A model whose probe is due is in, with nothing held against it: somebody must ask.
        """
        return self._outlook.conditions(credential)

    def served_ids(self, *, credential: Credential | None = None) -> frozenset[str] | None:
        """Catalog ids that a provider offers and may be asked for now; None when not known."""
        return self.conditions(credential=credential).served

    def status(self) -> GatewayStatus:
        """How every provider, and every model that was asked, does now."""
        return build_status(self.providers, self.board.listings, self.health.snapshot())

    def price(self, target: Target, served_by: str | None = None) -> PricePair | None:
        """What the target asks for now, else the model's reference price; None when neither is known."""
        provider = self.provider(target.provider)
        if provider is not None and provider.is_found:
            return FREE
        stated = provider_price(self.board.facts_of(target), served_by)
        return stated or self._reference_prices.get(target.model_id)

    def cost(self, answer: Answer, card: ModelCard | None) -> ActualCost | None:
        """What an answer cost, at the price of whoever gave it; None when tokens or price are unknown."""
        if answer.target is None:
            return None
        return self.cost_of(answer.target, answer.usage, card, served_by=answer.served_by)

    def cost_of(
        self, target: Target, usage: Usage | None, card: ModelCard | None, *, served_by: str | None = None
    ) -> ActualCost | None:
        """The same from its parts; `card` has the price where the provider states none."""
        provider = self.provider(target.provider)
        if provider is not None and provider.is_found:
            return actual_cost(card, usage, price=FREE)
        return actual_cost(card, usage, price=provider_price(self.board.facts_of(target), served_by))

    def hedge_after_s(self, hedge: Hedge, target: Target) -> float:
        """Silence in seconds after which somebody else is asked beside the target."""
        if hedge.after_s is not None:
            return hedge.after_s
        usual_s = self.health.first_token_s(target, SHARE)
        return DEFAULT_AFTER_S if usual_s is None else max(MIN_AFTER_S, usual_s)

    def may_hedge(self, hedge: Hedge, target: Target, input_tokens: int) -> bool:
        """Whether a second start at the target is expected to cost no more than the limit."""
        cost_usd = expected_cost_usd(self.price(target), input_tokens)
        return cost_usd is not None and cost_usd <= hedge.max_extra_usd

    async def answer(
        self,
        model_ids: Sequence[str],
        question: Question,
        *,
        credential: Credential | None = None,
        hedge: Hedge | None = None,
        only_local: bool = False,
    ) -> AsyncIterator[Answer]:
        """The answer as it grows, at most one update a frame, the last one with its final status.

        Until a piece of an answer has come, an error moves on to the next target, at another provider first. After
        that, the text so far is kept and the interruption is said: answers of two models are never joined. To go on
        elsewhere, ask anew for the `remaining` models.

        Args:
            credential: The visitor's own token: for that provider and this answer only.
            hedge: When and for how much a second target is asked beside a slow one; None = never.
            only_local: Ask nobody who is not on this machine, not even when all others fail.
        """
        request = _Request(
            question=question, credential=credential, hedge=hedge, only_local=only_local, started_s=self._clock()
        )
        draft = Draft()
        task = asyncio.create_task(self._run(model_ids, request, draft))
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

    async def _run(self, model_ids: Sequence[str], request: _Request, draft: Draft) -> None:
        targets = self.targets(model_ids, credential=request.credential, only_local=request.only_local)
        tries = Tries(targets, self.health, credential=request.credential)
        while (attempt := await self._next(tries)) is not None:
            draft.update(status=AnswerStatus.WAITING, target=attempt.target)
            ended = await self._begin(attempt, tries, request)
            _record(ended, draft, tries)
            if ended.winner is not None:
                await self._stream(ended.winner, request, draft)
                return
            if self._clock() - request.started_s > self._timeouts.give_up_s:
                break
        if targets:
            self._give_up(draft, tries, request)
        else:
            self._say_nobody_serves(draft, model_ids, request)

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

    async def _begin(self, attempt: Try, tries: Tries, request: _Request) -> Race[Start[Chunk]]:
        """One request, or two when the first is slow and the second may be paid for."""
        hedge = request.hedge

        def second() -> Start[Chunk] | None:
            assert hedge is not None
            input_tokens = self._count_input(request.question)
            other = tries.second(attempt.target, lambda target: self.may_hedge(hedge, target, input_tokens))
            return None if other is None else self._start(other, request)

        first = self._start(attempt, request)
        after_s = float("inf") if hedge is None else self.hedge_after_s(hedge, attempt.target)
        return await race(first, second, after_s=after_s)

    def _start(self, attempt: Try, request: _Request) -> Start[Chunk]:
        target = attempt.target
        key = request.credential.key_for(target.provider) if request.credential else None
        server = self.board.server(target.provider)
        if server is None:
            stream = _gone(target.provider)
        elif key is None:
            stream = server.stream(target.served_name, request.question)
        else:
            stream = server.stream(target.served_name, request.question, key)
        return Start(
            attempt,
            stream,
            self.health,
            self._clock,
            has_content=_IS_CONTENT,
            limit_s=self._timeouts.silence_s if attempt.is_last else self._timeouts.first_piece_s,
            pause_s=self._repeat_pause_s,
        )

    async def _stream(self, start: Start[Chunk], request: _Request, draft: Draft) -> None:
        assert start.first_piece_s is not None
        draft.update(target=start.target)
        wait_s = self._clock() - request.started_s
        draft.begin(first_token_s=start.first_piece_s, wait_s=wait_s)
        try:
            while (chunk := await start.next()) is not None:
                draft.add(chunk)
        except (ProviderError, TimeoutError) as error:
            self._finish(draft, request, AnswerStatus.INTERRUPTED, failed=start.fail(error))
        else:
            self._finish(draft, request, AnswerStatus.DONE)
            usage = draft.answer.usage
            start.succeed(None if usage is None else usage.output_tokens)
        finally:
            await start.close()

    def _finish(self, draft: Draft, request: _Request, status: AnswerStatus, *, failed: Attempt | None = None) -> None:
        draft.update(
            status=status,
            usage=draft.answer.usage or self._estimate_usage(draft.answer, request.question),
            total_s=self._clock() - request.started_s,
            error=failed.error if failed else None,
            error_kind=failed.kind if failed else None,
        )

    def _give_up(self, draft: Draft, tries: Tries, request: _Request) -> None:
        attempts, retry_after_s = draft.answer.attempts, tries.retry_after_s()
        account = next((attempt for attempt in attempts if attempt.kind is ErrorKind.ACCOUNT), None)
        if attempts:
            # an account's problem is the one that a person can mend
            error = (account or attempts[-1]).error
        else:
            when = "soon" if retry_after_s is None else f"in {max(1.0, retry_after_s):.0f} s"
            error = f"Every provider of this model asks for a pause or is being probed. Try again {when}."
        draft.update(
            status=AnswerStatus.FAILED,
            error=error,
            error_kind=(account or attempts[-1]).kind if attempts else None,
            retry_after_s=retry_after_s,
            total_s=self._clock() - request.started_s,
        )

    def _say_nobody_serves(self, draft: Draft, model_ids: Sequence[str], request: _Request) -> None:
        offered = [target for id_ in model_ids for target in self.board.targets(id_)]
        if request.only_local:
            offered = [target for target in offered if self.board.is_on_this_machine(target)]
        closed = next((target.provider for target in offered), None)
        if closed is None:
            where = "server on this machine" if request.only_local else "connected provider"
            error = f"No {where} offers this model."
        else:
            error = f"{closed} answers those who are signed in. Sign in and ask again."
        draft.update(
            status=AnswerStatus.FAILED,
            error=error,
            error_kind=None if closed is None else ErrorKind.ACCOUNT,
            total_s=self._clock() - request.started_s,
        )

    async def close(self) -> None:
        """Closes the connections; must run on the loop that streamed."""
        for server in self.board.all_servers:
            await server.close()

    def _count_input(self, question: Question) -> int:
        texts = [message.text for message in question.conversation.messages]
        if self._count_tokens is None:
            return sum(map(len, texts)) // CHARS_PER_TOKEN
        return sum(map(self._count_tokens, texts))

    def _estimate_usage(self, answer: Answer, question: Question) -> Usage | None:
        if self._count_tokens is None:
            return None
        received = self._count_tokens(answer.text) + self._count_tokens(answer.reasoning)
        return Usage(input_tokens=self._count_input(question), output_tokens=received, is_estimated=True)


def build_gateway(
    providers: Sequence[Provider],
    catalog_ids: Collection[str],
    *,
    count_tokens: Callable[[str], int] | None = None,
    cards: Iterable[ModelCard] = (),
    find: Finder | None = None,
) -> Gateway:
    """A gateway to the given providers; nothing is contacted before `board.start()` or the first answer.

    Args:
        cards: The catalog's; see `Gateway`.
        find: Looks for servers on this machine, for example `finder_for(providers, own_port=7860)`; None = nobody does.
    """
    servers = [OpenAIServer(provider=provider) for provider in providers]
    return Gateway(servers, catalog_ids, count_tokens=count_tokens, cards=cards, find=find)


def remaining(model_ids: Sequence[str], answer: Answer) -> tuple[str, ...]:
    """Whom to ask for another answer after one broke off: the other models, those that failed for it last."""
    broken = None if answer.target is None else answer.target.model_id
    failed = {attempt.target.model_id for attempt in answer.attempts if attempt.kind is not ErrorKind.OUTRUN}
    others = [model_id for model_id in model_ids if model_id != broken]
    return tuple(sorted(others, key=lambda model_id: model_id in failed))


def _record(ended: Race[Start[Chunk]], draft: Draft, tries: Tries) -> None:
    """Puts down the tries that gave no answer."""
    attempts = [start.failure for start in ended.failed if start.failure is not None]
    for failure in attempts:
        tries.learn(failure)
    if ended.winner is not None and ended.lost is not None:
        attempts.append(ended.lost.outrun(ended.winner.target.provider))
    if attempts:
        draft.update(attempts=(*draft.answer.attempts, *attempts))


def _reference(card: ModelCard) -> PricePair | None:
    if card.price_in_usd_per_mtok is None or card.price_out_usd_per_mtok is None:
        return None
    return PricePair(card.price_in_usd_per_mtok, card.price_out_usd_per_mtok)


async def _gone(provider: str) -> AsyncGenerator[Chunk]:
    raise ServerFailure(f"{provider} is not there any more.", ErrorKind.CONNECTION)
    yield Chunk()
