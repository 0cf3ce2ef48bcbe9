"""What the browser is told about every page: it loads from and talks to this app alone, whatever a text manages to say.

That goes for Gradio, too: in a Space its banner would ask the Hub and a server of fonts, and is not shown.
The page's own scripts are named by their hashes, so that no script, handler or `javascript:` link that came with an
answer runs. `unsafe-eval` stays for Gradio, which makes functions of its events' JavaScript; styles stay open as its
components write their own.
"""

import base64
import re
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FRAMED_BY = ("'self'", "https://huggingface.co", "https://*.hf.space")
"""Who may show the page in a frame: a Space's page stands in one of Hugging Face."""
_RULES = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'none'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": " ".join(FRAMED_BY),
}
_SCRIPT = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_OTHERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-dns-prefetch-control": "off",
}
"""No guessing of types; no address of the page, and no look-up of a link's host, goes elsewhere."""


class SafePage:
    """Adds the headers to all that the page serves; the API's paths have none of them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
        elif scope["path"] == "/" and scope["method"] == "GET":
            await self._app(scope, receive, _WholePage(send))
        else:

            async def with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _add_headers(message, b"")
                await send(message)

            await self._app(scope, receive, with_headers)


class _WholePage:
    """Holds the page back until it is whole, as its scripts decide its headers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        _add_headers(self._start, bytes(self._body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": bytes(self._body)})


def content_security_policy(page: bytes = b"") -> str:
    """The policy for a page with the inline scripts of `page`."""
    hashes = [base64.b64encode(sha256(script).digest()).decode() for script in _SCRIPT.findall(page)]
    named = "".join(f" 'sha256-{each}'" for each in dict.fromkeys(hashes))
    rules = {**_RULES, "script-src": f"'self' 'unsafe-eval'{named}", "script-src-attr": "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _add_headers(start: Message, page: bytes) -> None:
    headers = MutableHeaders(scope=start)
    headers["content-security-policy"] = content_security_policy(page)
    for name, value in _OTHERS.items():
        headers[name] = value
