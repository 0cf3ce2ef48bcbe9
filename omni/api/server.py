"""Puts the server together."""

import contextlib
import sys
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omni.api.access import Access, error_response
from omni.api.batches import Batches
from omni.api.caller import marker
from omni.api.endpoints import Endpoints
from omni.api.errors import ApiError
from omni.api.guard import Guard
from omni.api.journal import Journal
from omni.api.metrics import Metrics
from omni.api.parts import Parts
from omni.api.relay import Relay
from omni.bodies import Bodies
from omni.services import Services

SWITCH_S = 0.001
"""How long a thread may keep the interpreter while the event loop waits for it; Python alone gives it 5 ms."""


def create_api(services: Services, *, guard: Guard | None = None) -> Starlette:
    """The OpenAI-compatible server over the given services, which stay the caller's to close."""
    guard, metrics = guard or Guard(), Metrics()
    parts = Parts(
        services=services,
        guard=guard,
        metrics=metrics,
        journal=Journal(services.store),
        relay=Relay(services.gateway),
        batches=Batches(services.router),
        bodies=Bodies(max_bytes=guard.max_body_bytes, read_s=guard.read_s),
        mark=services.store.mark if services.store is not None else marker(),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_S)
        yield
        await parts.relay.close()
        await services.gateway.close()  # guard models were asked on this loop
        parts.journal.close()

    api = Starlette(routes=_routes(Endpoints(parts)), lifespan=lifespan)
    api.add_middleware(Access, guard=guard, metrics=metrics)
    api.add_exception_handler(HTTPException, _on_http_error)
    return api


def _routes(endpoints: Endpoints) -> list[Route]:
    return [
        Route("/v1/chat/completions", endpoints.on_chat, methods=["POST"]),
        Route("/v1/route", endpoints.on_route, methods=["POST"]),
        Route("/v1/feedback", endpoints.on_feedback, methods=["POST"]),
        Route("/v1/models", endpoints.on_models),
        Route("/v1/models/{model:path}", endpoints.on_model),
        Route("/v1/decisions/{decision_id}", endpoints.on_decision),
        Route("/healthz", endpoints.on_health),
        Route("/metrics", endpoints.on_metrics),
    ]


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in OpenAI's shape; the path is not repeated."""
    assert isinstance(error, HTTPException)
    messages = {
        404: "There is no such path here; see /v1/models and /v1/chat/completions.",
        405: f"{request.method} is not served on this path.",
    }
    message = messages.get(error.status_code, str(error.detail))
    return error_response(ApiError(error.status_code, message, headers=error.headers))
