"""The routes beside the chat: models, decisions, feedback, health, metrics."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from omni.api.chat import answer_chat
from omni.api.errors import ApiError, unknown_model
from omni.api.parts import Parts
from omni.api.requests import ALIASES, FeedbackRequest, parse, parse_chat, read_json
from omni.errors import StoreError


class Endpoints:
    """Each reads a request, asks the parts, and writes a reply."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def on_chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        return await answer_chat(self._parts, request)

    async def on_route(self, request: Request) -> Response:
        """POST /v1/route: the decision only."""
        chat = parse_chat(await read_json(request, self._parts.guard.max_body_bytes))
        if chat.preferences is None:
            raise unknown_model(chat.model, f"is not routed; expected one of {', '.join(ALIASES)}.")
        decision = await self._parts.decide(chat)
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
        return JSONResponse(await self._stored(decision_id))

    async def on_feedback(self, request: Request) -> Response:
        """POST /v1/feedback: a rating, kept as a figure."""
        feedback = parse(FeedbackRequest, await read_json(request, self._parts.guard.max_body_bytes))
        entry = self._parts.journal.find(feedback.decision_id)
        model_id = feedback.model_id
        if entry is not None:
            offered = entry.decision.scores.model_ids
            model_id = model_id or entry.answered_by or offered[0]
        else:
            row = await self._stored(feedback.decision_id)
            model_id = model_id or str((row["answer"] or row)["model_id"])
        if model_id not in self._parts.cards:
            raise unknown_model(model_id, "did not answer this decision.")
        is_kept = self._parts.services.store is not None and feedback.rating != 0
        if is_kept:
            await asyncio.to_thread(self._save_feedback, feedback, model_id)
        return JSONResponse({"decision_id": feedback.decision_id, "model_id": model_id, "stored": is_kept})

    async def on_health(self, _: Request) -> Response:
        """GET /healthz: whether this process serves; model servers may still be away."""
        board = self._parts.services.gateway.board
        away = [listing.provider for listing in board.listings if listing.error]
        body = {
            "status": "ok",
            "catalog_version": self._parts.services.catalog.version,
            "n_models": len(self._parts.cards),
            "providers": [provider.name for provider in self._parts.services.gateway.providers],
            "providers_away": away,
        }
        return JSONResponse(body)

    async def on_metrics(self, _: Request) -> Response:
        """GET /metrics."""
        return Response(self._parts.metrics.to_text(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _stored(self, decision_id: str) -> dict[str, Any]:
        await asyncio.to_thread(self._parts.journal.flush)
        try:
            row = await asyncio.to_thread(self._parts.journal.stored, decision_id)
        except StoreError:
            raise ApiError(503, "The stored figures cannot be read now.", code="store_unavailable") from None
        if row is None:
            raise ApiError(404, "There is no decision with this id.", param="decision_id", code="decision_not_found")
        return row

    def _save_feedback(self, feedback: FeedbackRequest, model_id: str) -> None:
        from omni.store import Feedback, FeedbackKind

        assert self._parts.services.store is not None
        kind: FeedbackKind = "like" if feedback.rating > 0 else "dislike"
        try:
            self._parts.services.store.save_feedback(
                Feedback(decision_id=feedback.decision_id, kind=kind, model_id=model_id, value=feedback.rating)
            )
        except StoreError:
            raise ApiError(503, "The rating could not be kept.", code="store_unavailable") from None

    def _names(self) -> list[str]:
        board = self._parts.services.gateway.board
        served, others = board.served_ids(), board.unmatched_names()
        if served is None and not others:
            served = frozenset(card.model_id for card in self._parts.cards.values() if card.role != "guard")
        return [*ALIASES, *sorted(served or ()), *others]

    def _model_json(self, name: str) -> dict[str, Any]:
        card = self._parts.cards.get(name)
        released = card.release_date if card else None
        created = int(datetime(released.year, released.month, released.day, tzinfo=UTC).timestamp()) if released else 0
        return {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": "omni" if name in ALIASES else card.owner if card else "unknown",
        }
