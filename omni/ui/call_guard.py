"""What one visitor may ask of the page: requests within the caps, and a share of the calls that wait or run."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omni import caps
from omni.bodies import Bodies, BodyRefused
from omni.ui import text
from omni.visitors import address_of

UPLOAD = "/gradio_api/upload"
"""Pictures come in forms, which Gradio reads to a file and holds to the limit of a file."""
CALLS = ("/gradio_api/queue/join", "/gradio_api/call/")
MAX_VISITORS = 50_000
WAIT_S = 1.0
"""A refusal for asking too often comes this late: a program that asks again at once is slowed down, at no cost."""
_VISITOR = "omni.visitor"


class CallGuard:
    """Stands behind the pass: refuses what is too much before Gradio reads it."""

    def __init__(self, app: ASGIApp, *, in_space: bool) -> None:
        self._app = app
        self._in_space = in_space
        self._bodies = Bodies(max_values=caps.MAX_PAGE_VALUES)
        self._allowance = Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves or refuses one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].startswith(("/v1/", UPLOAD)):
            await self._app(scope, receive, send)
            return
        visitor = address_of(HTTPConnection(scope), in_space=self._in_space)
        scope[_VISITOR] = visitor
        try:
            await self._wait_for_share(scope, visitor)
            body = await self._bodies.read(receive, Headers(scope=scope), visitor)
            self._allowance.charge(visitor, len(body) / caps.BYTES_PER_CALL)
        except BodyRefused as error:
            if error.status == 429:
                await asyncio.sleep(WAIT_S)
            refusal = JSONResponse({"detail": str(error)}, status_code=error.status, headers=error.headers)
            await refusal(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    async def _wait_for_share(self, scope: Scope, visitor: str) -> None:
        wait_s = self._allowance.charge(visitor, 1.0)
        if wait_s > caps.MAX_CALL_WAIT_S:
            self._allowance.charge(visitor, -1.0)
            detail = text.TOO_FAST.format(n=caps.CALLS_PER_S_PER_VISITOR)
            raise BodyRefused(detail, status=429, code="rate_limit_exceeded", headers={"retry-after": "1"})
        await asyncio.sleep(wait_s)
        if scope["path"].startswith(CALLS):
            n_calls = count_calls(scope["app"], visitor)
            if n_calls >= caps.MAX_CALLS_PER_VISITOR:
                detail = text.TOO_MANY_CALLS.format(n=n_calls, at_most=caps.MAX_CALLS_PER_VISITOR)
                raise BodyRefused(detail, status=429, code="rate_limit_exceeded")


class Allowance:
    """A token bucket per visitor: calls that may be made now. Those beyond it are owed, and wait for their turn."""

    def __init__(
        self,
        *,
        per_s: float = caps.CALLS_PER_S_PER_VISITOR,
        burst: float = caps.CALLS_PER_BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What was left, and when."""

    def charge(self, visitor: str, n_calls: float) -> float:
        """Counts calls; gives the seconds until they may go on, 0 = now."""
        now = self._clock()
        left, then = self._left.pop(visitor, (self._burst, now))
        left = min(self._burst, left + self._per_s * (now - then)) - n_calls
        self._left[visitor] = (left, now)
        if len(self._left) > MAX_VISITORS:
            self._left.popitem(last=False)
        return max(0.0, -left / self._per_s)


def count_calls(app: Any, visitor: str) -> int:
    """Calls of the visitor that wait or run in the page's queue."""
    queue = app.get_blocks()._queue
    waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
    running = [event for job in queue.active_jobs if job for event in job]
    return sum(event.request.scope.get(_VISITOR) == visitor for event in (*waiting, *running))


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
