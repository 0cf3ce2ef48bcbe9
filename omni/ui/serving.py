"""How the page is served."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.middleware import Middleware

from omni.ui.door import PassGuard
from omni.ui.headers import SafePage
from omni.ui.services import Services
from omni.ui.theme import CSS_PATH, build_theme


def launch_options(services: Services) -> dict[str, Any]:
    """Arguments of `launch`: own look, the door, what browsers may load, no history in the browser, an orderly end."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await services.gateway.close()

    return {
        "app_kwargs": {
            "lifespan": lifespan,
            "middleware": [Middleware(SafePage), Middleware(PassGuard, door=services.door)],
        },
        "theme": build_theme(),
        "css_paths": CSS_PATH,
        "run_history": False,
        "footer_links": [],
        "max_file_size": "8mb",
        "quiet": True,
        # rendered by Node, the page would not come through the layers above
        "ssr_mode": False,
    }
