"""Fixtures for every test: no network, no user's settings, and a real browser where there is one."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.upstream import Upstream, run_upstream

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from omni.router import Router

_OWN_VARIABLES = (
    "HF_TOKEN",
    "OMNI_BASE_URL",
    "OMNI_API_KEY",
    "OMNI_API_KEYS",
    "OMNI_SERVERS",
    "OMNI_HOST",
    "OMNI_PORT",
    "OMNI_DB",
    "OMNI_POLICY",
    "OMNI_MAX_USD_PER_VISITOR",
    "OMNI_MAX_USD_PER_DAY",
    "OMNI_MAX_RUNNING",
    "OMNI_MAX_RUNNING_PER_VISITOR",
    "SPACE_ID",
)
SERVED = ("Qwen/Qwen3-8B", "zai-org/GLM-4.6")
"""Catalog models that the scripted server serves to the app."""
_LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}


@pytest.fixture(scope="session", autouse=True)
def _own_uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder for uploads in the whole session: an app that serves several tests looks it up each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        yield


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test runs without the user's keys and folders, and without a network."""
    for name in (*_OWN_VARIABLES, *(name for name in os.environ if name.startswith("OMNI_KEY_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # a model server that happens to run beside the tests is none of their business
    monkeypatch.setenv("OMNI_DISCOVER", "0")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    connect = socket.socket.connect

    def connect_locally(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in _LOCAL:
            raise OSError(f"a test tried to reach {address[0]!r}; tests have no network")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture(scope="session")
def _upstream_server() -> Iterator[Upstream]:
    with run_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(_upstream_server: Upstream) -> Iterator[Upstream]:
    """The scripted model server, without scripts or models."""
    _upstream_server.reset()
    _upstream_server.models = ()
    yield _upstream_server
    _upstream_server.reset()


def _no_browser(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs a browser: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium, once a test file, since it keeps a loop running; tests are skipped where it is missing, fail in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        _no_browser("no chromium on this machine: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _no_browser("playwright is not installed: pip install playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A new window at 1280 x 900 that fails the test on a console error or a request that leaves the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: hosts.add(_host(request.url)))
    yield page
    context.close()
    assert hosts - {""} <= _LOCAL, f"requests left the machine: {sorted(hosts - _LOCAL)}"
    assert not errors, f"console errors: {errors}"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


@pytest.fixture(scope="session")
def router() -> "Router":
    """The shipped router, loaded once."""
    from omni.router import load_router

    return load_router()


@contextmanager
def run_app(router: "Router", **settings: Any) -> Iterator[str]:
    """The real app on a free port; gives its address. Keywords are settings that differ from an empty environment."""
    import app
    from omni.config import Settings
    from omni.ui import launch_options

    services = app.build_services(replace(Settings.from_env(), **settings), router)

    async def start() -> tuple[Any, str]:
        # Inside a running loop: outside one, gradio opens loops that nobody closes.
        await services.gateway.board.refresh()
        page = app.build_app(services)
        _, url, _ = page.launch(prevent_thread_lock=True, **launch_options(services))
        return page, url

    # In a thread of its own: playwright keeps a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as pool:
        page, url = pool.submit(asyncio.run, start()).result()
    try:
        yield url
    finally:
        page.close()
        if services.store is not None:
            services.store.close()


@pytest.fixture(scope="module")
def offline_app(router: "Router", tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app without a model server."""
    with run_app(router, db_path=tmp_path_factory.mktemp("offline") / "app.duckdb") as url:
        yield url


@pytest.fixture(scope="module")
def connected_app(
    router: "Router", _upstream_server: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The app on the scripted server, which serves two models of the catalog."""
    _upstream_server.models = SERVED
    path = tmp_path_factory.mktemp("connected") / "app.duckdb"
    with run_app(router, db_path=path, base_url=_upstream_server.base_url) as url:
        yield url
