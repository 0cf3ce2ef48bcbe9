"""Who may set the page's handlers off, by unit and by real HTTP against the launched app."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from omni.ui import text
from omni.ui.door import LIFE_S, Door, cookie_name, is_same_origin, read_pass
from omni.visitors import name_of

SECRET = b"s" * 32


def _request(host: str = "10.0.0.1", **headers: str) -> Any:
    return SimpleNamespace(client=SimpleNamespace(host=host), headers=Headers(headers))


def test_a_pass_is_known_until_it_is_too_old() -> None:
    """Its age is told; after a day, and with another's signature, it is none."""
    now = 1_000.0
    door = Door(secret=SECRET, clock=lambda: now)
    pass_ = door.write_pass()
    now += 10
    assert door.age_s(pass_) == 10
    assert Door(clock=lambda: now).age_s(pass_) is None
    now += LIFE_S
    assert door.age_s(pass_) is None


@pytest.mark.parametrize("pass_", [None, "", "x", "a.b.c", "é.1.é", "..", "abc.1000."])
def test_a_made_up_pass_is_none(pass_: str | None) -> None:
    """Whatever its form."""
    assert Door(secret=SECRET).age_s(pass_) is None


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://here", "host": "here"}, False),
        ({"origin": "http://here:1", "host": "here:1"}, True),
        ({"origin": "http://there", "host": "here"}, False),
        ({"origin": "null", "host": "here"}, False),
        ({"host": "here"}, False),
    ],
)
def test_only_the_page_itself_is_the_same_origin(headers: dict[str, str], same: bool) -> None:
    """A browser's own word counts; without it, the origin must be this host."""
    assert is_same_origin(Headers(headers)) is same


def test_ports_of_a_host_have_passes_of_their_own() -> None:
    """Two apps on one machine do not overwrite each other's."""
    headers = Headers({"host": "127.0.0.1:7860", "cookie": "omni-pass-7860=one; omni-pass-7861=two"})
    assert read_pass(headers) == "one"
    assert cookie_name(Headers({"host": "omni.hf.space"})) == "omni-pass"


def test_a_visitor_is_an_account_or_an_address() -> None:
    """Another account or address is another visitor; the mark tells neither."""
    assert name_of(_request("10.0.0.1")) == name_of(_request("10.0.0.1")) != name_of(_request("10.0.0.2"))
    assert name_of(_request("10.0.0.1"), "jo") == name_of(_request("10.0.0.2"), "jo") != name_of(_request("10.0.0.1"))
    mark = Door(secret=SECRET).mark(name_of(_request(), "jo"))
    assert "jo" not in mark
    assert mark == Door(secret=SECRET).mark("account jo")


def test_in_a_space_an_address_that_the_visitor_made_up_does_not_count() -> None:
    """The proxy appends the real one at the right; private ones are the proxies themselves."""
    honest = _request("10.0.0.9", **{"x-forwarded-for": "8.8.8.8, 10.1.2.3"})
    liar = _request("10.0.0.9", **{"x-forwarded-for": "1.1.1.1, 8.8.8.8, 10.1.2.3"})
    assert name_of(honest, in_space=True) == name_of(liar, in_space=True) == "address 8.8.8.8"
    assert name_of(honest) == "address 10.0.0.9"


def _function_ids(client: httpx.Client) -> dict[str, int]:
    config = client.get("/config").json()
    return {str(each["api_name"]): each["id"] for each in config["dependencies"]}


@pytest.fixture
def client(offline_app: str) -> Any:
    """A program that calls the app; it keeps cookies like a browser."""
    with httpx.Client(base_url=offline_app, timeout=10) as client:
        yield client


def test_raw_calls_of_every_handler_are_refused(client: httpx.Client) -> None:
    """Through the queue by number, and by name: a polite 403, and nothing runs."""
    ids = _function_ids(client)
    assert {"on_send", "on_answer", "on_compare"} <= set(ids)
    client.cookies.clear()
    for name, id_ in ids.items():
        body = {"fn_index": id_, "data": [], "session_hash": "raw"}
        for path in ("queue/join", f"call/{name}", f"run/{name}", f"api/{name}", "run/predict"):
            reply = client.post(f"/gradio_api/{path}", json=body)
            assert reply.status_code == 403, path
            assert reply.json()["detail"] == text.NOT_FROM_PAGE


def test_raw_uploads_are_refused(client: httpx.Client) -> None:
    """Nobody fills the disk from outside the page."""
    assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 403


def test_the_page_itself_is_served_and_gets_a_pass(client: httpx.Client) -> None:
    """The page's cookie cannot be read by scripts and goes to no other site; with it and the page's origin a call is
    taken.
    """
    reply = client.get("/")
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    body = {"fn_index": _function_ids(client)["on_status"], "data": [], "session_hash": "page"}
    elsewhere = client.post("/gradio_api/queue/join", json=body, headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    here = client.post("/gradio_api/queue/join", json=body, headers={"sec-fetch-site": "same-origin"})
    assert here.status_code == 200


def test_behind_https_the_pass_works_in_a_frame(client: httpx.Client) -> None:
    """A Space stands in a frame of another site."""
    cookie = client.get("/", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "SameSite=None; Secure; Partitioned" in cookie


def test_the_programs_paths_need_no_pass(client: httpx.Client) -> None:
    """/v1 has keys of its own."""
    assert client.post("/v1/route", json={"prompt": "Hi"}).status_code != 403
