"""Starts the app: settings, services, page, launch."""

import functools
import gc
import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")  # its table is made anew after every call

import gradio as gr

from evals.ui import build_benchmark_tab
from omni.api import Guard, create_api, mount_api
from omni.caps import MAX_CALLS
from omni.config import Settings
from omni.errors import OmniError
from omni.privacy import install_log_redaction
from omni.router import Router
from omni.services import build_services as build_shared_services
from omni.ui import Services, build_page, launch_options


def build_services(settings: Settings, router: Router | None = None) -> Services:
    """Everything the page shares. A store that cannot be opened is said on the page, and the app still starts."""
    return Services.over(
        build_shared_services(settings, router),
        in_space=settings.in_space,
        has_login=settings.has_oauth,
    )


def build_app(services: Services) -> gr.Blocks:
    """The page with every tab, ready to launch."""
    build_tab = functools.partial(build_benchmark_tab, services.store, services.shelf, in_space=services.in_space)
    page = build_page(services, [("Benchmark", build_tab)])
    return page.queue(default_concurrency_limit=None, max_size=MAX_CALLS)


def main(settings: Settings | None = None) -> int:
    """Runs the app until it is stopped, by default with the environment's settings; 2 when it cannot start."""
    install_log_redaction()
    try:
        settings = settings or Settings.from_env()
        services = build_services(settings)
    except OmniError as error:
        print(f"Omni cannot start: {error}", file=sys.stderr)
        return 2
    services.start()
    try:
        page = build_app(services)
        api = create_api(services, guard=Guard(api_keys=settings.api_keys, in_space=settings.in_space))
        print(f"Omni listens on http://{settings.host}:{settings.port}", flush=True)
        options = mount_api(launch_options(services), api)
        gc.freeze()  # What was built stays: to search it for garbage would stop every stream again and again.
        gc.enable()
        page.launch(server_name=settings.host, server_port=settings.port, **options)
    except OSError:
        where = f"port {settings.port} on {settings.host}"
        print(f"Omni cannot start: {where} is in use. Stop the other program or set OMNI_PORT.", file=sys.stderr)
        return 2
    finally:
        services.close()
        gc.unfreeze()
    return 0


if __name__ == "__main__":
    gc.disable()  # until all is built
    sys.exit(main())
