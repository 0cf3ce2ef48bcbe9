"""POST /v1/chat/completions: one answer, streamed or whole."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from omni.api.access import ClientGone, unless_gone
from omni.api.answers import merge, new_names, to_chunk
from omni.api.caller import Caller, read_caller
from omni.api.errors import ApiError, Failure, error_of_budget, error_of_failures
from omni.api.events import Event, dump_json, sse
from omni.api.parts import Parts
from omni.api.planning import Plan, expected_usd
from omni.api.planning import plan as make_plan
from omni.api.refusals import refuse
from omni.api.relay import AllFailed, Opening
from omni.api.requests import ChatRequest, read_chat
from omni.errors import BudgetExceeded, ProviderError
from omni.gateway import Usage
from omni.sessions import after_answer

if TYPE_CHECKING:
    from omni.budgets import Hold

DONE = b"data: [DONE]\n\n"
CANCELLED = "cancelled"
"""Kept where the client left before the end."""


async def answer_chat(parts: Parts, request: Request) -> Response:
    """The reply to a chat request.

    Raises:
        ApiError: the request cannot be used, a budget is used up, or nobody answered.
        ClientGone: the client closed the connection before the first piece.
    """
    started = time.monotonic()
    caller = read_caller(request, parts.guard, parts.mark)
    chat = await read_chat(parts, request, caller.visitor)
    plan = await make_plan(parts, chat, caller)
    if plan.refusal is not None:
        return refuse(chat, plan.refusal, decision_headers(plan))
    with contextlib.ExitStack() as stack:
        hold = take_place(parts, caller, plan, stack)
        answer = _Answer(parts, chat, plan, hold, started)
        if not chat.is_stream:
            return await answer.whole(request.receive)
        response = await answer.stream(request.receive)
        response.at_end(stack.pop_all().close)
        return response


def take_place(parts: Parts, caller: Caller, plan: Plan, stack: contextlib.ExitStack) -> "Hold":
    """A place among the running answers and in the caller's budget.

    Raises:
        ApiError: 429 a ceiling is reached or the caller's share is used, 503 all places are taken.
    """
    try:
        hold = stack.enter_context(parts.services.budgets.hold(caller.visitor, expected_usd(parts, plan)))
    except BudgetExceeded as error:
        raise error_of_budget(error) from None
    stack.enter_context(parts.metrics.answers_active.track_inprogress())
    return hold


class _Answer:
    """One answer on its way."""

    def __init__(self, parts: Parts, chat: ChatRequest, plan: Plan, hold: "Hold", started: float) -> None:
        self._parts = parts
        self._chat = chat
        self._plan = plan
        self._hold = hold
        self._started = started
        self._search = parts.relay.search(plan.ask)
        self._names = new_names()

    async def stream(self, receive: Receive) -> "EventStream":
        """Server-sent events, once the first piece is there."""
        try:
            opening = await unless_gone(receive, self._parts.relay.open(self._search))
        except AllFailed as failed:
            raise self._failed(failed) from None
        self._count(opening.failures)
        self._parts.metrics.first_token_s.observe(time.monotonic() - self._started)
        headers = self._headers(opening, expected_usd(self._parts, self._plan, opening.target))
        return EventStream(_Lines(self, opening, wants_usage=self._chat.wants_usage), headers)

    async def whole(self, receive: Receive) -> Response:
        """A completion in one piece."""
        try:
            opening, events = await unless_gone(receive, self._parts.relay.collect(self._search))
        except AllFailed as failed:
            raise self._failed(failed) from None
        self._count(opening.failures)
        body = merge([self.chunk(event, opening) for event in events])
        cost_usd = self.keep(opening)
        if cost_usd is None:
            cost_usd = expected_usd(self._parts, self._plan, opening.target)
        headers = self._headers(opening, cost_usd)
        return Response(dump_json(body), media_type="application/json", headers=headers)

    def chunk(self, event: Event, opening: Opening) -> Event:
        """The upstream's event as this server shows it."""
        chunk = to_chunk(event, model=opening.target.model_id, **self._names)
        return chunk if self._plan.restorer is None else self._plan.restorer.restore(chunk)

    def _headers(self, opening: Opening, cost_usd: float | None) -> dict[str, str]:
        headers = {
            "x-omni-model": _header(opening.target.model_id),
            "x-omni-provider": _header(opening.target.provider),
            "x-omni-attempts": str(opening.n_attempts),
            **decision_headers(self._plan),
        }
        if cost_usd is not None:
            headers["x-omni-cost-usd"] = f"{cost_usd:.9f}"
        return headers

    def _failed(self, failed: AllFailed) -> ApiError:
        self._count(failed.failures)
        self._hold.spend(0.0)
        self._remember(None, None)
        named = None if self._plan.routed is not None else self._chat.model
        return error_of_failures(failed.failures, retry_after_s=failed.retry_after_s, named=named)

    def _count(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            target = failure.attempt.target
            self._parts.metrics.failovers.labels(target.provider, failure.attempt.kind.value).inc()
            if failure.is_charged:
                cost_usd = self._parts.cost_usd(target, failure.usage)
                self._hold.lose(expected_usd(self._parts, self._plan, target) if cost_usd is None else cost_usd)

    def keep(self, opening: Opening, *, error_kind: str | None = None) -> float | None:
        """Puts down what the answer took; the cost, None when it is not known."""
        usage, target = opening.reply.usage, opening.target
        if error_kind not in (None, CANCELLED):
            self._parts.metrics.interruptions.labels(target.provider).inc()
        cost_usd = self._parts.cost_usd(target, usage)
        self._hold.spend(cost_usd)
        self._remember(target.model_id, usage)
        decision = self._plan.decision
        self._parts.journal.keep_answer(
            # without a decision, too: the day's budget is read from what is stored
            decision.decision_id if decision else self._names["completion_id"],
            target.model_id,
            provider=target.provider,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            cost_usd=cost_usd,
            time_to_first_token_s=opening.first_piece_s,
            latency_s=None if error_kind else time.monotonic() - self._started,
            finish_reason=opening.reply.finish_reason,
            error_kind=error_kind,
        )
        return cost_usd

    def _remember(self, model_id: str | None, usage: Usage | None) -> None:
        """Where the conversation is now; None = nobody answered."""
        routed = self._plan.routed
        if routed is None:
            return
        chosen = routed.decision.chosen
        session = after_answer(
            self._parts.sessions.find(routed.session_key),  # a judgement may have come meanwhile
            routed.conversation,
            model_id=model_id,
            input_tokens=usage.input_tokens if usage else chosen.input_tokens,
            output_tokens=usage.output_tokens if usage else round(chosen.output_tokens),
        )
        self._parts.sessions.keep(routed.session_key, session)


class _Lines:
    """An answer as server-sent events; puts down once how it ended."""

    def __init__(self, answer: _Answer, opening: Opening, *, wants_usage: bool) -> None:
        self._answer = answer
        self._opening = opening
        self._wants_usage = wants_usage
        self._is_over = False

    async def next(self) -> bytes | None:
        """What goes out next; None = nothing more."""
        lines = b""
        while not lines and not self._is_over:
            try:
                events = await self._opening.next()
            except (ProviderError, TimeoutError) as error:
                broken = self._opening.fail(error)
                self._end(error_kind=broken.kind.value)
                message = f"The answer broke off. {broken.error} Ask again, or name another model."
                return sse(ApiError(502, message, code="interrupted").to_json())
            if events is None:
                self._opening.succeed(self._opening.output_tokens)
                self._end()
                return DONE
            lines = b"".join(map(self._line, events))
        return lines or None

    async def close(self) -> None:
        """Ends the upstream call; an answer that is not over was not wanted any more."""
        try:
            await self._opening.close()
        finally:
            if not self._is_over:
                self._end(error_kind=CANCELLED)

    def _line(self, event: Event) -> bytes:
        chunk = self._answer.chunk(event, self._opening)
        if not self._wants_usage:
            if not chunk["choices"]:
                return b""
            chunk.pop("usage", None)
        return sse(chunk)

    def _end(self, *, error_kind: str | None = None) -> None:
        self._is_over = True
        self._answer.keep(self._opening, error_kind=error_kind)


class EventStream(Response):
    """Sends lines as they come; whatever ends it also ends the upstream call."""

    def __init__(self, lines: _Lines, headers: dict[str, str]) -> None:
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.background = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no", **headers})
        self._lines = lines
        self._at_end: Callable[[], None] = lambda: None

    def at_end(self, call: Callable[[], None]) -> None:
        """Has this called once when the stream is over, however it ends."""
        self._at_end = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Streams until the end or until the client goes."""
        try:
            await unless_gone(receive, self._send(send))
        except ClientGone:
            return
        finally:
            try:
                await self._lines.close()
            finally:
                self._at_end()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while (lines := await self._lines.next()) is not None:
            await send({"type": "http.response.body", "body": lines, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def decision_headers(plan: Plan) -> dict[str, str]:
    """Where the decision is found again."""
    return {"x-omni-decision-id": plan.decision.decision_id} if plan.decision is not None else {}


def _header(text: str) -> str:
    """A header may hold plain characters only."""
    return quote(text, safe=" /:.-_@+()")
