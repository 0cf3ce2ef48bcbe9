"""Signing in, in a Space: gradio's own sign-in, a real browser, and a scripted account server for the Hub's."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.accounts import run_accounts
from tests.conftest import SERVED
from tests.upstream import Upstream, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent
VISITORS = ("ada", "ben")
STARTED_WITHIN_S = 90.0
BANNER = ("https://huggingface.co/api/spaces/omni/omni", "https://fonts.googleapis.com/css2")
"""What Gradio's banner over a Space asks for; the page's policy keeps it from asking (6.31)."""


@contextmanager
def run_space(folder: Path, router_url: str, accounts_url: str) -> Iterator[str]:
    """The app in a process of its own, as a Space starts it; gives its address. It logs to log.txt."""
    port = free_port()
    environment = os.environ | {
        "SYSTEM": "spaces", "SPACE_ID": "omni/omni", "OMNI_HOST": "127.0.0.1", "OMNI_PORT": str(port),
        "OAUTH_CLIENT_ID": "omni", "OAUTH_CLIENT_SECRET": "secret", "OPENID_PROVIDER_URL": accounts_url,
        "OAUTH_SCOPES": "openid profile inference-api", "OMNI_DB": str(folder / "space.duckdb"),
    }  # fmt: skip
    url, command = f"http://127.0.0.1:{port}", [sys.executable, "-m", "tests.space_app", router_url]
    with (
        (folder / "log.txt").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(f"{url}/healthz", process)
            yield url
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"the app did not start: {url} does not answer")


def _sign_in(browser: "Browser", url: str, name: str, seen: list[str]) -> "Page":
    """A window of this visitor's own. What lies outside this machine is not there, as in every test."""
    page = browser.new_context().new_page()
    page.route(lambda address: "//127.0.0.1" not in address, lambda route: route.abort())
    page.on("request", lambda request: seen.append(request.url))
    page.on("console", lambda message: seen.append(message.text))
    page.goto(url)
    page.wait_for_selector("#prompt textarea:enabled")
    page.locator("#login", has_text="Sign in").click()
    page.locator(f"#{name}").click()
    page.locator("#login", has_text=name).wait_for()
    return page


def test_two_visitors_sign_in_and_spend_their_own_credit(
    browser: "Browser", upstream: Upstream, tmp_path: Path
) -> None:
    """Both at once, each with the own token and no other; no address, log, metric or file has one; then one leaves."""
    upstream.models = SERVED
    seen: list[str] = []
    with (
        run_accounts(*VISITORS) as (accounts, accounts_url),
        run_space(tmp_path, upstream.base_url, accounts_url) as url,
    ):
        pages = {name: _sign_in(browser, url, name, seen) for name in VISITORS}
        for name, page in pages.items():
            page.locator("#prompt textarea").fill(f"Why is the sky blue? {name}")
        for page in pages.values():
            page.locator("#prompt textarea").press("Enter")
        for page in pages.values():
            page.locator("#chatbot", has_text="The scripted server answers in a few words.").wait_for()
        used = {sent.prompt.split()[-1]: sent.authorization for sent in upstream.sent}
        assert used == {name: f"Bearer {accounts.tokens[name]}" for name in VISITORS}
        shown = [page.content() for page in pages.values()]
        metrics = httpx.get(f"{url}/metrics").text
        pages["ada"].locator("#login", has_text="ada").click()
        pages["ada"].locator("#login", has_text="Sign in").wait_for()
        pages["ada"].locator("#prompt textarea").fill("And at night?")
        pages["ada"].locator("#prompt textarea").press("Enter")
        pages["ada"].locator("#chatbot", has_text="Sign in").wait_for()
        assert len(upstream.sent) == len(VISITORS)
    kept = [path.read_bytes().decode("latin-1") for path in tmp_path.iterdir() if path.is_file()]
    objections = [text for text in seen if "Content Security Policy" in text]
    assert [text for text in objections if not any(address in text for address in BANNER)] == []
    for token in accounts.tokens.values():
        assert not [text for text in (*seen, *shown, metrics, *kept) if token in text]
