"""How the page is served."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.middleware import Middleware

from omni.caps import MAX_CALLS
from omni.ui.call_guard import CallGuard
from omni.ui.door import PassGuard
from omni.ui.headers import SafePage
from omni.ui.services import Services
from omni.ui.theme import CSS_PATH, build_theme


def launch_options(services: Services) -> dict[str, Any]:
    """Arguments of `launch`: own look, guards, what browsers may load, no history, an orderly end."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await services.gateway.close()

    guards = [
        Middleware(SafePage),
        Middleware(PassGuard, door=services.door),
        Middleware(CallGuard, in_space=services.in_space),
    ]
    return {
        "app_kwargs": {"lifespan": lifespan, "middleware": guards},
        # Gradio's limit of calls that run: an answer that only waits for its model must not keep others from deciding
        "max_threads": MAX_CALLS,
        "theme": build_theme(),
        "css_paths": CSS_PATH,
        "run_history": False,
        "footer_links": [],
        "max_file_size": "8mb",
        "quiet": True,
        # rendered by Node, the page would not come through the layers above
        "ssr_mode": False,
    }
