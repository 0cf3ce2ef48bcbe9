"""What browsers are told with every page."""

import base64
from hashlib import sha256

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from omni.ui.headers import SafePage, content_security_policy

PAGE = "<script>first()</script><script src='/x.js'></script><script data-a>second()</script>"


def _client() -> TestClient:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def other(_: Request) -> Response:
        return PlainTextResponse("x")

    app = Starlette(routes=[Route("/", page), Route("/v1/models", other), Route("/file", page)])
    app.add_middleware(SafePage)
    return TestClient(app)


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"


def test_the_page_may_run_its_own_scripts_only() -> None:
    """Those that stand in it by their hash, those of the app by their address."""
    reply = _client().get("/")
    policy = reply.headers["content-security-policy"]
    assert f"script-src 'self' 'unsafe-eval' {_hash('first()')} {_hash('second()')};" in policy
    assert "script-src-attr 'none'" in policy
    assert reply.text == PAGE


def test_a_file_with_scripts_runs_none() -> None:
    """What a visitor uploaded is no page of ours."""
    policy = _client().get("/file").headers["content-security-policy"]
    assert "sha256" not in policy
    assert policy == content_security_policy()


def test_the_api_is_left_alone() -> None:
    """Programs do not read these headers."""
    assert "content-security-policy" not in _client().get("/v1/models").headers
