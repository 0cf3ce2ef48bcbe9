"""Puts the server together."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from omni.api.access import Access, error_response
from omni.api.endpoints import Endpoints
from omni.api.errors import ApiError
from omni.api.journal import Journal
from omni.api.metrics import Metrics
from omni.api.parts import Parts
from omni.api.relay import Relay
from omni.api.services import Guard, Services


def create_api(services: Services, *, guard: Guard | None = None) -> FastAPI:
    """The OpenAI-compatible server over the given services, which stay the caller's to close."""
    guard, metrics = guard or Guard(), Metrics()
    parts = Parts(
        services=services,
        guard=guard,
        metrics=metrics,
        journal=Journal(services.store),
        relay=Relay(services.gateway),
        cards={card.model_id: card for card in services.catalog.models},
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.relay.close()
        parts.journal.close()

    api = FastAPI(title="Omni", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    api.add_middleware(Access, guard=guard, metrics=metrics)
    api.add_exception_handler(HTTPException, _on_http_error)
    _add_routes(api, Endpoints(parts))
    return api


def _add_routes(api: FastAPI, endpoints: Endpoints) -> None:
    for method, path, handler in (
        ("POST", "/v1/chat/completions", endpoints.on_chat),
        ("POST", "/v1/route", endpoints.on_route),
        ("POST", "/v1/feedback", endpoints.on_feedback),
        ("GET", "/v1/models", endpoints.on_models),
        ("GET", "/v1/models/{model:path}", endpoints.on_model),
        ("GET", "/v1/decisions/{decision_id}", endpoints.on_decision),
        ("GET", "/healthz", endpoints.on_health),
        ("GET", "/metrics", endpoints.on_metrics),
    ):
        api.add_api_route(path, handler, methods=[method], response_model=None)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in OpenAI's shape; the path is not repeated."""
    assert isinstance(error, HTTPException)
    messages = {
        404: "There is no such path here; see /v1/models and /v1/chat/completions.",
        405: f"{request.method} is not served on this path.",
    }
    message = messages.get(error.status_code, str(error.detail))
    return error_response(ApiError(error.status_code, message, headers=error.headers))
