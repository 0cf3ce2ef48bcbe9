"""POST /v1/chat/completions: one answer, streamed or whole."""

import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from omni.api.access import ClientGone, unless_gone
from omni.api.answers import merge, to_chunk, without_usage
from omni.api.errors import ApiError, Failure, error_of_failures
from omni.api.events import sse
from omni.api.parts import Parts, Plan
from omni.api.relay import AllFailed, Ask, Opening
from omni.api.requests import ChatRequest, parse_chat, read_json
from omni.api.upstream import Broken
from omni.types import Decision

DONE = b"data: [DONE]\n\n"


async def answer_chat(parts: Parts, request: Request) -> Response:
    """The reply to a chat request.

    Raises:
        ApiError: the request cannot be used, or nobody answered.
        ClientGone: the client closed the connection before the first piece.
    """
    started = time.monotonic()
    chat = parse_chat(await read_json(request, parts.guard.max_body_bytes))
    answer = _Answer(parts, chat, await parts.plan(chat), started)
    return await (answer.stream(request.receive) if chat.is_stream else answer.whole(request.receive))


class _Answer:
    """One answer on its way."""

    def __init__(self, parts: Parts, chat: ChatRequest, plan: Plan, started: float) -> None:
        self._parts = parts
        self._chat = chat
        self._plan = plan
        self._started = started
        self._search = parts.relay.search(Ask(targets=plan.targets, body=chat.body))
        self._names: dict[str, Any] = {"completion_id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time())}

    async def stream(self, receive: Receive) -> Response:
        """Server-sent events, once the first piece is there."""
        try:
            opening = await unless_gone(receive, self._parts.relay.open(self._search))
        except AllFailed as failed:
            raise self._failed(failed) from None
        self._count(opening.failures)
        self._parts.metrics.first_token_s.observe(time.monotonic() - self._started)
        headers = self._headers(opening, expected_cost_usd(self._plan.decision, opening.target.model_id))
        return _EventStream(self._lines(opening), opening.close, headers)

    async def whole(self, receive: Receive) -> Response:
        """A completion in one piece."""
        try:
            opening, events = await unless_gone(receive, self._parts.relay.collect(self._search))
        except AllFailed as failed:
            raise self._failed(failed) from None
        self._count(opening.failures)
        model_id = opening.target.model_id
        body = merge([to_chunk(event, model=model_id, **self._names) for event in events])
        self._keep(opening, finish_reason=body["choices"][0]["finish_reason"])
        cost_usd = self._parts.cost_usd(model_id, opening.usage)
        if cost_usd is None:
            cost_usd = expected_cost_usd(self._plan.decision, model_id)
        return JSONResponse(body, headers=self._headers(opening, cost_usd))

    async def _lines(self, opening: Opening) -> AsyncGenerator[bytes, None]:
        finish_reason: str | None = None
        error_kind: str | None = "cancelled"
        try:
            async with aclosing(opening.events()) as source:
                async for events in source:
                    lines = []
                    for event in events:
                        chunk = to_chunk(event, model=opening.target.model_id, **self._names)
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

    def _headers(self, opening: Opening, cost_usd: float | None) -> dict[str, str]:
        headers = {
            "x-omni-model": _header(opening.target.model_id),
            "x-omni-provider": _header(opening.target.provider),
            "x-omni-attempts": str(opening.n_attempts),
        }
        if self._plan.decision is not None:
            headers["x-omni-decision-id"] = self._plan.decision.decision_id
        if cost_usd is not None:
            headers["x-omni-cost-usd"] = f"{cost_usd:.9f}"
        return headers

    def _failed(self, failed: AllFailed) -> ApiError:
        self._count(failed.failures)
        named = None if self._plan.decision is not None else self._chat.model
        return error_of_failures(failed.failures, retry_after_s=failed.retry_after_s, named=named)

    def _count(self, failures: Sequence[Failure]) -> None:
        for failure in failures:
            self._parts.metrics.failovers.labels(failure.attempt.target.provider, failure.attempt.kind.value).inc()

    def _keep(self, opening: Opening, *, finish_reason: str | None, error_kind: str | None = None) -> None:
        if self._plan.decision is None:
            return
        usage = opening.usage
        model_id = opening.target.model_id
        self._parts.journal.keep_answer(
            self._plan.decision.decision_id,
            model_id,
            provider=opening.target.provider,
            input_tokens=usage.input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            cost_usd=self._parts.cost_usd(model_id, usage),
            time_to_first_token_s=opening.first_piece_s,
            latency_s=None if error_kind else time.monotonic() - self._started,
            finish_reason=finish_reason,
            error_kind=error_kind,
        )


class _EventStream(Response):
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Streams until the end or until the client goes."""
        try:
            await unless_gone(receive, self._send(send))
        except ClientGone:
            return
        finally:
            await self._lines.aclose()
            await self._close()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def expected_cost_usd(decision: Decision | None, model_id: str) -> float | None:
    """What the decision expects this model's answer to cost; None when there is no figure."""
    if decision is None or model_id not in decision.scores.model_ids:
        return None
    return decision.candidates[decision.scores.model_ids.index(model_id)].cost_usd


def finish_reason_of(chunk: dict[str, Any]) -> str | None:
    """Why a choice of this chunk ended; None while none has."""
    return next((choice["finish_reason"] for choice in chunk["choices"] if choice.get("finish_reason")), None)


def _header(text: str) -> str:
    """A header may hold plain characters only."""
    return quote(text, safe=" /:.-_@+()")
