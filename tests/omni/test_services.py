"""What page and server share, built from settings."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from omni.api import create_api
from omni.catalog.live import LiveFacts
from omni.catalog.pricing import PricePair
from omni.config import Settings
from omni.errors import InputError
from omni.gateway.guard import guard_ids_of
from omni.quality.router_file import save_router
from omni.router import Router
from omni.services import Services, build_services
from omni.types import Conversation
from tests.omni.api_server import serve
from tests.omni.fitted_routers import MODEL_IDS, a_fitted_router
from tests.upstream import Upstream

SUM = Conversation.from_prompt("What is 12 plus 30? Give the number only.")


def _services(tmp_path: Path, **settings: object) -> Services:
    return build_services(replace(Settings.from_env(), db_path=tmp_path / "x.duckdb", **settings))  # type: ignore[arg-type]


@pytest.fixture
def router_path(tmp_path: Path) -> Path:
    path = tmp_path / "toys.router"
    save_router(a_fitted_router(), path)
    return path


def test_a_router_file_decides_and_is_named_everywhere(tmp_path: Path, router_path: Path) -> None:
    """The health page, the decision, its explanation and the store name file, fingerprint and date."""
    services = _services(tmp_path, router_path=router_path)
    label = f"toys.router {a_fitted_router().quality.version} 2026-11-28"
    try:
        with serve(create_api(services)) as url:
            assert httpx.get(f"{url}/healthz").json()["router"] == label
            body = {"messages": [{"role": "user", "content": "What is 12 plus 30? Give the number only."}]}
            decision = httpx.post(f"{url}/v1/route", json=body, timeout=10).json()
        assert decision["router"] == label
        assert decision["evidence"]["n_similar"] == 60
        assert next(iter(decision["evidence"]["means"])) == decision["chosen"]
        assert "On the 60 most similar prompts Qwen3-8B scored " in decision["explanation"]
        assert (
            f"(file toys.router, fingerprint {a_fitted_router().quality.version}, 2026-11-28)"
            in decision["explanation"]
        )
        assert services.store is not None
        assert services.store.read("SELECT router FROM decisions")["router"].tolist() == [label]
    finally:
        services.close()


def test_with_a_router_file_the_whole_catalog_is_still_known(tmp_path: Path, router_path: Path, router: Router) -> None:
    """Candidates are the file's models; guard models and every other one can be asked."""
    services = _services(tmp_path, router_path=router_path)
    try:
        assert sorted(services.router.route(SUM).scores.model_ids) == sorted(MODEL_IDS)
        assert len(services.catalog.models) == len(router.catalog.models) + 1
        assert guard_ids_of(services.catalog.models) == guard_ids_of(router.catalog.models)
    finally:
        services.close()


def test_live_figures_reach_the_default_the_shelf_and_the_catalog(tmp_path: Path) -> None:
    """One call; a fitted router moves its costs with the price."""
    services = _services(tmp_path)
    price = PricePair(10.0, 10.0)
    fact = LiveFacts(model_id=MODEL_IDS[0], provider="p", as_of=date(2026, 11, 22), source="a listing", price=price)
    try:
        assert services.shelf is not None
        assert services.refresh is not None
        fitted = services.find_router(services.shelf.put(a_fitted_router()))
        services.refresh([fact])
        for catalog in (services.catalog, services.router.catalog, fitted.catalog):
            assert catalog.get(MODEL_IDS[0]).price_in_usd_per_mtok == 10.0
    finally:
        services.close()


def test_a_model_of_a_fitted_router_is_recognised_at_a_server(tmp_path: Path, upstream: Upstream) -> None:
    """By its exact name, once the router is on the shelf; the catalog's models stay what they were."""
    upstream.models = ("unlisted/Own-9B", "zai-org/GLM-4.6")
    services = _services(tmp_path, base_url=upstream.base_url)
    try:
        asyncio.run(services.gateway.board.refresh())
        assert services.gateway.served_ids() == {"zai-org/GLM-4.6"}
        assert services.shelf is not None
        services.shelf.put(a_fitted_router())
        assert services.gateway.served_ids() == {"zai-org/GLM-4.6", "unlisted/Own-9B"}
        assert services.gateway.board.listings[0].n_catalog == 1
        [target] = services.gateway.targets(("unlisted/Own-9B",))
        assert target.served_name == "unlisted/Own-9B"
        asyncio.run(services.gateway.board.refresh())
        assert services.gateway.served_ids() == {"zai-org/GLM-4.6", "unlisted/Own-9B"}
    finally:
        services.close()


def test_a_server_of_such_models_only_does_not_take_the_choice_from_others(tmp_path: Path, upstream: Upstream) -> None:
    """For the default router it still serves names that nobody knows, so what is served counts as unknown."""
    upstream.models = ("unlisted/Own-9B",)
    services = _services(tmp_path, base_url=upstream.base_url)
    try:
        asyncio.run(services.gateway.board.refresh())
        assert services.shelf is not None
        services.shelf.put(a_fitted_router())
        assert services.gateway.served_ids() is None
        assert services.gateway.board.unmatched_names() == ("unlisted/Own-9B",)
        assert services.router.route(SUM, conditions=services.gateway.conditions()).candidates
    finally:
        services.close()


def test_a_router_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With how to make one."""
    with pytest.raises(InputError, match="python -m evals fit"):
        _services(tmp_path, router_path=tmp_path / "none.router")
