"""Who may set the page's handlers off: pages that this app gave out, not programs that call their addresses directly.

Gradio's handlers can all be called over HTTP, private ones too. Every browser that opens the page gets a pass, a signed
cookie; a request that does something must bring it and come from the page itself. That also keeps other sites,
open in the same browser, from spending the visitor's credit.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omni.gateway.providers import Credential
from omni.ui import text

COOKIE = "omni-pass"
LIFE_S = 86_400.0
RENEW_S = 3_600.0
"""A pass older than this is replaced whenever it is used."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SIGNATURE_BYTES = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who set a handler off; lives as long as the call."""

    visitor: str
    """A mark that stands for an account or an address and cannot be turned back into it."""
    credential: Credential | None = None
    """The visitor's own Hugging Face token; None = not logged in."""


class Door:
    """Writes and checks passes; they end with the process that wrote them."""

    def __init__(self, *, secret: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret or secrets.token_bytes(32)
        self._clock = clock

    def write_pass(self) -> str:
        """A new pass."""
        body = f"{secrets.token_urlsafe(12)}.{self._clock():.0f}"
        return f"{body}.{self._sign(body)}"

    def age_s(self, pass_: str | None) -> float | None:
        """Seconds since a pass was written; None when it is not one of ours or too old."""
        body, _, signature = (pass_ or "").rpartition(".")
        moment = body.rpartition(".")[2]
        if not hmac.compare_digest(signature.encode(), self._sign(body).encode()) or not moment.isdigit():
            return None
        age_s = self._clock() - float(moment)
        return age_s if age_s <= LIFE_S else None

    def mark(self, name: str) -> str:
        """What stands for a name while this process runs, where no store gives a lasting mark."""
        return self._sign(name)

    def _sign(self, body: str) -> str:
        digest = hmac.new(self._secret, body.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode()


class PassGuard:
    """The outermost layer of the page: gives the pass with the page, and asks for it before anything is done."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves or refuses one request."""
        if scope["type"] != "http" or scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        age_s = self._door.age_s(read_pass(headers))
        is_reading = scope["method"] in READING
        if not is_reading and (age_s is None or not is_same_origin(headers)):
            await JSONResponse({"detail": text.NOT_FROM_PAGE}, status_code=403)(scope, receive, send)
            return
        is_page = scope["method"] == "GET" and scope["path"] == "/"
        if not is_page and (is_reading or (age_s is not None and age_s < RENEW_S)):
            await self._app(scope, receive, send)
            return
        cookie = self._cookie(headers, is_https=is_https(scope, headers))

        async def with_pass(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, with_pass)

    def _cookie(self, headers: Headers, *, is_https: bool) -> str:
        # a Space's page stands in a frame of another site, where only such cookies are sent
        site = "SameSite=None; Secure; Partitioned" if is_https else "SameSite=Strict"
        return f"{cookie_name(headers)}={self._door.write_pass()}; Path=/; Max-Age={LIFE_S:.0f}; HttpOnly; {site}"


def read_pass(headers: Headers) -> str | None:
    """The pass that a request brought, None without one."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return None
    name = cookie_name(headers)
    return cookies[name].value if name in cookies else None


def cookie_name(headers: Headers) -> str:
    """Browsers share cookies between the ports of a host: each port has a name of its own."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}-{port}" if port.isdigit() else COOKIE


def is_same_origin(headers: Headers) -> bool:
    """True when a browser says that the page itself sent the request."""
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said == "same-origin"
    origin = urlsplit(headers.get("origin", "")).netloc
    return bool(origin) and origin in (headers.get("host"), headers.get("x-forwarded-host"))


def is_https(scope: Scope, headers: Headers) -> bool:
    """True when the browser reaches the app over https, perhaps through a proxy."""
    forwarded = headers.get("x-forwarded-proto", "").partition(",")[0].strip()
    return (forwarded or scope.get("scheme")) == "https"
