"""The routes beside the chat: models, decisions, feedback, health, metrics."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from omni.api.caller import read_caller
from omni.api.chat import answer_chat
from omni.api.errors import unknown_model
from omni.api.feedback import find_stored, take_feedback
from omni.api.parts import Parts
from omni.api.planning import decide
from omni.api.requests import ALIASES, read_chat


class Endpoints:
    """Each reads a request, asks the parts, and writes a reply."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def on_chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        return await answer_chat(self._parts, request)

    async def on_route(self, request: Request) -> Response:
        """POST /v1/route: the decision only."""
        caller = read_caller(request, self._parts.guard, self._parts.mark)
        chat = await read_chat(self._parts, request, caller.visitor)
        if chat.preferences is None:
            raise unknown_model(chat.model, f"is not routed; expected one of {', '.join(ALIASES)}.")
        decision = (await decide(self._parts, chat, caller)).decision
        return JSONResponse(await asyncio.to_thread(self._parts.decision_json, decision))

    async def on_models(self, _: Request) -> Response:
        """GET /v1/models."""
        return JSONResponse({"object": "list", "data": [self._model_json(name) for name in self._names()]})

    async def on_model(self, request: Request) -> Response:
        """GET /v1/models/{model}."""
        model = request.path_params["model"]
        if model not in self._names():
            raise unknown_model(model, "does not exist; GET /v1/models lists all.")
        return JSONResponse(self._model_json(model))

    async def on_decision(self, request: Request) -> Response:
        """GET /v1/decisions/{id}: all figures while it is in memory, the stored ones later."""
        decision_id = request.path_params["decision_id"]
        entry = self._parts.journal.find(decision_id)
        if entry is not None:
            body = await asyncio.to_thread(self._parts.decision_json, entry.decision)
            return JSONResponse(body | {"answered_by": entry.answered_by})
        return JSONResponse(await find_stored(self._parts, decision_id))

    async def on_feedback(self, request: Request) -> Response:
        """POST /v1/feedback: a rating or a vote, kept as a figure."""
        return await take_feedback(self._parts, request)

    async def on_health(self, _: Request) -> Response:
        """GET /healthz: whether this process serves; model servers may still be away."""
        board = self._parts.services.gateway.board
        away = [listing.provider for listing in board.listings if listing.error]
        body = {
            "status": "ok",
            "router": self._parts.services.router.name.label,
            "catalog_version": self._parts.services.catalog.version,
            "n_models": len(self._parts.services.catalog.models),
            "providers": [provider.name for provider in self._parts.services.gateway.providers],
            "providers_away": away,
        }
        return JSONResponse(body)

    async def on_metrics(self, _: Request) -> Response:
        """GET /metrics."""
        return Response(self._parts.metrics.to_text(), headers={"content-type": CONTENT_TYPE_LATEST})

    def _names(self) -> list[str]:
        board = self._parts.services.gateway.board
        served, others = board.served_ids(), board.unmatched_names()
        if served is None and not others:
            served = frozenset(card.model_id for card in self._parts.services.catalog.models if card.role != "guard")
        return [*ALIASES, *sorted(served or ()), *(name for name in others if name not in ALIASES)]

    def _model_json(self, name: str) -> dict[str, Any]:
        card = self._parts.services.catalog.find(name)
        released = card.release_date if card else None
        created = int(datetime(released.year, released.month, released.day, tzinfo=UTC).timestamp()) if released else 0
        return {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": "omni" if name in ALIASES else card.owner if card else "unknown",
        }
