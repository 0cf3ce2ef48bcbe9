"""POST /v1/chat/completions: one answer, streamed or whole."""

import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from omni.api.access import ClientGone, unless_gone
from omni.api.answers import finish_reason_of, merge, new_names, to_chunk, without_usage
from omni.api.caller import Caller, read_caller
from omni.api.errors import ApiError, Failure, error_of_budget, error_of_failures
from omni.api.events import sse
from omni.api.parts import Parts
from omni.api.planning import Plan, expected_usd
from omni.api.planning import plan as make_plan
from omni.api.refusals import refuse
from omni.api.relay import AllFailed, Opening
from omni.api.requests import ChatRequest, parse_chat, read_json
from omni.api.upstream import Broken
from omni.errors import BudgetExceeded
from omni.gateway import Usage
from omni.sessions import after_answer

if TYPE_CHECKING:
    from omni.budgets import Hold

DONE = b"data: [DONE]\n\n"


async def answer_chat(parts: Parts, request: Request) -> Response:
    """The reply to a chat request.

    Raises:
        ApiError: the request cannot be used, a budget is used up, or nobody answered.
        ClientGone: the client closed the connection before the first piece.
    """
    started = time.monotonic()
    chat = parse_chat(await read_json(request, parts.guard.max_body_bytes))
    caller = read_caller(request, parts.guard, parts.mark)
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


def take_place(parts: Parts, caller: Caller, plan: Plan, stack: contextlib.ExitStack) -> "Hold | None":
    """A place among the running answers and in the caller's budget; None = there are no ceilings.

    Raises:
        ApiError: 429 a ceiling is reached, 503 all places are taken.
    """
    if parts.services.budgets is None:
        return None
    try:
        return stack.enter_context(parts.services.budgets.hold(caller.visitor, expected_usd(parts, plan)))
    except BudgetExceeded as error:
        raise error_of_budget(error) from None


class _Answer:
    """One answer on its way."""

    def __init__(self, parts: Parts, chat: ChatRequest, plan: Plan, hold: "Hold | None", started: float) -> None:
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
        return EventStream(self._lines(opening), opening.close, headers)

    async def whole(self, receive: Receive) -> Response:
        """A completion in one piece."""
        try:
            opening, events = await unless_gone(receive, self._parts.relay.collect(self._search))
        except AllFailed as failed:
            raise self._failed(failed) from None
        self._count(opening.failures)
        body = merge([self._chunk(event, opening) for event in events])
        cost_usd = self._keep(opening, finish_reason=body["choices"][0]["finish_reason"])
        if cost_usd is None:
            cost_usd = expected_usd(self._parts, self._plan, opening.target)
        return JSONResponse(body, headers=self._headers(opening, cost_usd))

    async def _lines(self, opening: Opening) -> AsyncGenerator[bytes, None]:
        finish_reason: str | None = None
        error_kind: str | None = "cancelled"
        try:
            async with aclosing(opening.events()) as source:
                async for events in source:
                    lines = []
                    for event in events:
                        chunk = self._chunk(event, opening)
                        finish_reason = finish_reason_of(chunk) or finish_reason
                        shown = chunk if self._chat.wants_usage else without_usage(chunk)
                        if shown is not None:
                            lines.append(sse(shown))
                    if lines:
                        yield b"".join(lines)
            error_kind = None
            yield DONE
        except Broken as broken:
            error_kind = opening.fail(broken).attempt.kind.value
            self._parts.metrics.interruptions.labels(opening.target.provider).inc()
            yield sse(ApiError(502, f"The answer broke off. {broken}", code="interrupted").to_json())
        finally:
            self._keep(opening, finish_reason=finish_reason, error_kind=error_kind)

    def _chunk(self, event: dict[str, Any], opening: Opening) -> dict[str, Any]:
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
        if self._hold is not None:
            self._hold.spend(0.0)
        self._remember(None, None)
        named = None if self._plan.routed is not None else self._chat.model
        return error_of_failures(failed.failures, retry_after_s=failed.retry_after_s, named=named)

    def _count(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            self._parts.metrics.failovers.labels(failure.attempt.target.provider, failure.attempt.kind.value).inc()

    def _keep(self, opening: Opening, *, finish_reason: str | None, error_kind: str | None = None) -> float | None:
        """Puts down what the answer took; the cost, None when it is not known."""
        usage, target = opening.usage, opening.target
        cost_usd = self._parts.cost_usd(target, usage)
        if self._hold is not None:
            self._hold.spend(cost_usd)
        if self._plan.routed is None:
            return cost_usd
        self._remember(target.model_id, usage)
        self._parts.journal.keep_answer(
            self._plan.routed.decision.decision_id,
            target.model_id,
            provider=target.provider,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            cost_usd=cost_usd,
            time_to_first_token_s=opening.first_piece_s,
            latency_s=None if error_kind else time.monotonic() - self._started,
            finish_reason=finish_reason,
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
            routed.session,
            routed.conversation,
            model_id=model_id,
            input_tokens=usage.input_tokens if usage else chosen.input_tokens,
            output_tokens=usage.output_tokens if usage else round(chosen.output_tokens),
        )
        self._parts.sessions.keep(routed.session_key, session)


class EventStream(Response):
    """Sends lines as they come; whatever ends it also ends the upstream call."""

    def __init__(
        self, lines: AsyncGenerator[bytes, None], close: Callable[[], Awaitable[None]], headers: dict[str, str]
    ) -> None:
        self.status_code = 200
        self.media_type = "text/event-stream"
        self.background = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no", **headers})
        self._lines = lines
        self._close = close
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
                await self._lines.aclose()
                await self._close()
            finally:
                self._at_end()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def decision_headers(plan: Plan) -> dict[str, str]:
    """Where the decision is found again."""
    return {"x-omni-decision-id": plan.decision.decision_id} if plan.decision is not None else {}


def _header(text: str) -> str:
    """A header may hold plain characters only."""
    return quote(text, safe=" /:.-_@+()")
