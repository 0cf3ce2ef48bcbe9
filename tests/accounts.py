"""A scripted account server in the place of the Hub's: OpenID Connect with real redirects and a signed identity."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from tests.omni.api_server import serve


@dataclass(slots=True)
class Accounts:
    """Whoever comes picks one of the names, each a link with that id, and gets a token of their own."""

    names: tuple[str, ...]
    tokens: dict[str, str] = field(default_factory=dict)
    """By name, once signed in."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}))
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def on_configuration(self, request: Request) -> JSONResponse:
        """Where the other paths are."""
        base = _base(request)
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return JSONResponse({"issuer": base, **{name: f"{base}/{path}" for name, path in paths.items()}})

    async def on_keys(self, _: Request) -> JSONResponse:
        """What the signatures are checked with."""
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def on_authorize(self, request: Request) -> HTMLResponse:
        """Asks who it is: every link leads back with a code."""
        links = []
        for name in self.names:
            code = secrets.token_urlsafe(8)
            self._codes[code] = {"name": name, **request.query_params}
            back = request.query_params["redirect_uri"]
            query = urlencode({"code": code, "state": request.query_params["state"]})
            links.append(f'<a id="{name}" href="{back}{"&" if "?" in back else "?"}{query}">{name}</a>')
        return HTMLResponse(f'<link rel="icon" href="data:,">{" ".join(links)}')

    async def on_token(self, request: Request) -> JSONResponse:
        """A token for a code, once."""
        asked = self._codes.pop(str((await request.form())["code"]))
        name, now, base = asked["name"], int(time.time()), _base(request)
        self.tokens[name] = f"hf_{name}_{secrets.token_hex(12)}"
        claims = {
            "iss": base, "sub": name, "aud": asked["client_id"], "nonce": asked["nonce"], "iat": now, "exp": now + 3600,
            "preferred_username": name, "name": name, "profile": f"{base}/{name}", "picture": "data:,",
        }  # fmt: skip
        identity = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        token = {"access_token": self.tokens[name], "token_type": "bearer", "expires_in": 3600, "scope": asked["scope"]}
        return JSONResponse({**token, "id_token": identity})


@contextmanager
def run_accounts(*names: str) -> Iterator[tuple[Accounts, str]]:
    """The server and its address."""
    accounts = Accounts(names)
    routes = [
        Route("/.well-known/openid-configuration", accounts.on_configuration),
        Route("/keys", accounts.on_keys),
        Route("/authorize", accounts.on_authorize),
        Route("/token", accounts.on_token, methods=["POST"]),
    ]
    with serve(Starlette(routes=routes)) as url:
        yield accounts, url


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
