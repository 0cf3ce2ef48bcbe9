"""What one visitor may ask of the page, by unit and against the launched app."""

import json
from typing import Any

import httpx
import pytest

from omni import caps
from omni.ui.call_guard import Allowance


def test_an_allowance_is_used_up_and_comes_back() -> None:
    """At its end a call goes on at once, one above waits as long as one takes to come back; others do not wait."""
    now = 0.0
    allowance = Allowance(per_s=2, burst=3, clock=lambda: now)
    assert [allowance.charge("one", 1) for _ in range(4)] == [0, 0, 0, 0.5]
    assert allowance.charge("other", 1) == 0
    now = 1.0
    assert [allowance.charge("one", 1) for _ in range(2)] == [0, 0.5]


def test_a_large_call_counts_as_many() -> None:
    """Those after it wait."""
    allowance = Allowance(per_s=2, burst=3, clock=lambda: 0.0)
    allowance.charge("one", 9)
    assert allowance.charge("one", 1) == 3.5


@pytest.fixture
def client(offline_app: str) -> Any:
    """A page that calls the app."""
    with httpx.Client(base_url=offline_app, timeout=10, headers={"sec-fetch-site": "same-origin"}) as client:
        client.get("/")
        yield client


@pytest.mark.parametrize("path", ["queue/join", "call/on_status", "cancel", "component_server"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
def test_the_pages_requests_keep_to_the_caps(client: httpx.Client, path: str, content_type: str) -> None:
    """Whatever they say they are: refused before Gradio parses them, with the cap in the sentence."""
    body = b'{"data": [' + b"{}," * caps.MAX_PAGE_VALUES + b"{}]}"
    reply = client.post(f"/gradio_api/{path}", content=body, headers={"content-type": content_type})
    assert reply.status_code == 400
    assert f"{caps.MAX_PAGE_VALUES:,} at most" in reply.json()["detail"]


def test_a_visitor_has_a_share_of_the_calls_that_wait(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One above it is refused in a sentence."""
    monkeypatch.setattr(caps, "MAX_CALLS_PER_VISITOR", 0)
    config = client.get("/config").json()
    on_status = next(each["id"] for each in config["dependencies"] if each["api_name"] == "on_status")
    body = json.dumps({"fn_index": on_status, "data": [], "session_hash": "share"})
    reply = client.post("/gradio_api/queue/join", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 429
    assert "0 at most" in reply.json()["detail"]
