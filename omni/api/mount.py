"""The server inside another app, the page for example: same address, same paths."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send


class ApiRoute(BaseRoute):
    """Hands the server's own paths over to it, whole, so that they are the same mounted or not."""

    def __init__(self, api: Starlette) -> None:
        self._api = api

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Full for the server's paths, whatever the method."""
        path = scope.get("path", "")
        is_own = scope["type"] == "http" and (path in ("/healthz", "/metrics") or path.startswith("/v1/"))
        return (Match.FULL if is_own else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        """Nothing of the server has a name: the search for an address goes on with the app's own routes."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request."""
        await self._api(scope, receive, send)


def mount_api(options: Mapping[str, Any], api: Starlette) -> dict[str, Any]:
    """Launch options of the page with the server in them; it starts and ends with the page."""
    app_kwargs = options.get("app_kwargs") or {}
    outer = app_kwargs.get("lifespan")

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            if outer is not None:
                await stack.enter_async_context(outer(app))
            await stack.enter_async_context(api.router.lifespan_context(api))
            yield

    routes = [*app_kwargs.get("routes", ()), ApiRoute(api)]
    return {**options, "app_kwargs": {**app_kwargs, "lifespan": lifespan, "routes": routes}}
