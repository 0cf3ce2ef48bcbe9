"""The server's outermost layer: keys, counting, and the last word on errors."""

import asyncio
import logging
import traceback
from collections.abc import Coroutine, MutableMapping
from typing import Any, TypeVar

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from omni.api.errors import CLIENT_GONE, ApiError
from omni.api.guard import Guard
from omni.api.metrics import Metrics

logger = logging.getLogger(__name__)
T = TypeVar("T")
CHAT = "/v1/chat/completions"
_ROUTES = (CHAT, "/v1/models", "/v1/route", "/v1/feedback", "/healthz", "/metrics")
_PREFIXES = ("/v1/models/", "/v1/decisions/")


class ClientGone(Exception):
    """The client closed the connection; nobody waits for a reply."""


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; the work is cancelled as soon as the client closes the connection.

    Raises:
        ClientGone: it did.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Access:
    """Wraps the routes. An unexpected error is logged by its type and place only: its text may quote a prompt."""

    def __init__(self, app: ASGIApp, *, guard: Guard, metrics: Metrics) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._serve(scope, receive, watched)
        except ClientGone:
            status = CLIENT_GONE
        except ApiError as error:
            await error_response(error)(scope, receive, watched)
        except Exception as error:  # the edge of the server: the client hears of it, the log gets no text
            logger.error("%s failed: %s at %s", route_label(scope["path"]), type(error).__name__, _place(error))
            if not status:
                failed = ApiError(500, "The server failed in an unexpected way.", code="internal_error")
                await error_response(failed)(scope, receive, watched)
        finally:
            self._metrics.requests.labels(route_label(scope["path"]), str(status)).inc()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/healthz" and not self._guard.admits(Headers(scope=scope).get("authorization")):
            headers = {"www-authenticate": "Bearer"}
            message = "The API key is missing or wrong. Send it as the header authorization: Bearer KEY."
            raise ApiError(401, message, code="invalid_api_key", headers=headers)
        if scope["path"] != CHAT:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._guard.serve_s):
                await self._app(scope, receive, send)
        except TimeoutError:
            raise ClientGone from None


def error_response(error: ApiError) -> JSONResponse:
    """The reply that says what is wrong."""
    return JSONResponse(error.to_json(), status_code=error.status, headers=error.headers)


def route_label(path: str) -> str:
    """The route without what a client put into it."""
    if path in _ROUTES:
        return path
    prefix = next((prefix for prefix in _PREFIXES if path.startswith(prefix)), None)
    return f"{prefix}*" if prefix else "other"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown place"
