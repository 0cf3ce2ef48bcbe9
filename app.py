"""Starts the app: settings, services, page, launch."""

import functools
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from evals.ui import build_benchmark_tab
from omni.api import Guard, create_api, mount_api
from omni.budgets import Budgets, Limits
from omni.config import Settings
from omni.errors import OmniError, StoreError
from omni.explain import explain
from omni.gateway import build_gateway, finder_for, providers_from
from omni.learning import FeedbackBoard, load_board
from omni.live_router import LiveRouter
from omni.privacy import install_log_redaction
from omni.reading import estimate_tokens
from omni.references import load_references
from omni.router import Router, load_router
from omni.store import open_store
from omni.ui import Services, build_page, can_log_in, launch_options


def build_services(settings: Settings, router: Router | None = None) -> Services:
    """Everything the page shares. A store that cannot be opened is said on the page, and the app still starts."""
    router = router or load_router(settings.policy_path)
    cards, providers = router.catalog.models, providers_from(settings)
    gateway = build_gateway(
        providers,
        [card.model_id for card in cards],
        count_tokens=estimate_tokens,
        cards=cards,
        find=finder_for(providers, own_port=settings.port) if settings.discover else None,
    )
    live = LiveRouter(router)
    limits, store, note = Limits.from_settings(settings), None, None
    feedback, budgets = FeedbackBoard(), Budgets(limits)
    try:
        store = open_store(settings.db_path)
        feedback, budgets = load_board(store), Budgets.from_store(limits, store)
    except StoreError as error:
        note = f"Figures are not kept. {error}"
    return Services(
        catalog=router.catalog,
        router=live,
        refresh=live.refresh,
        gateway=gateway,
        explain=lambda decision, _: explain(decision, live.catalog),
        references=load_references(router.reader.features).choices,
        in_space=settings.in_space,
        has_login=settings.has_oauth and can_log_in(),
        store=store,
        storage_note=note,
        feedback=feedback,
        budgets=budgets,
    )


def build_app(services: Services) -> gr.Blocks:
    """The page with every tab, ready to launch."""
    page = build_page(services, [("Benchmark", functools.partial(build_benchmark_tab, services.store))])
    return page.queue(default_concurrency_limit=8, max_size=64)


def main() -> int:
    """Runs the app until it is stopped; 2 when it cannot start."""
    install_log_redaction()
    try:
        settings = Settings.from_env()
        services = build_services(settings)
    except OmniError as error:
        print(f"Omni cannot start: {error}", file=sys.stderr)
        return 2
    services.gateway.board.start(on_facts=services.refresh)
    try:
        page = build_app(services)
        api = create_api(services, guard=Guard(api_keys=settings.api_keys))
        print(f"Omni listens on http://{settings.host}:{settings.port}", flush=True)
        options = mount_api(launch_options(services), api)
        page.launch(server_name=settings.host, server_port=settings.port, **options)
    except OSError:
        where = f"port {settings.port} on {settings.host}"
        print(f"Omni cannot start: {where} is in use. Stop the other program or set OMNI_PORT.", file=sys.stderr)
        return 2
    finally:
        services.gateway.board.stop()
        if services.store is not None:
            services.store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
