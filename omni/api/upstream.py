"""Connections to the providers: a request goes out as the client wrote it, under the server's key."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from omni.api.events import Event, dump_json
from omni.api.reply import Reply
from omni.gateway import Provider, Target, Timeouts

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MAX_CONNECTIONS = 1000
KEEP_ALIVE_S = 30.0


class Upstreams:
    """One session a provider, made at the first use on the loop that serves. Holds no request's data.

    Requests do not go through the SDK: what it adds to a request that is passed on as it is costs as much as all the
    rest of it, its types refuse what servers add, and its events cost as much again as reading them here.
    """

    def __init__(self, find: Callable[[str], Provider | None], timeouts: Timeouts) -> None:
        """`find` gives the provider of a name as it is now: found servers come, move and go."""
        self._find = find
        self._timeouts = timeouts
        self._sessions: dict[Provider, ClientSession] = {}

    def ask(self, target: Target, body: Event) -> Reply:
        """A request that is sent when its first events are asked for."""
        provider = self._find(target.provider)
        if provider is None:
            return Reply(_gone, Provider(name=target.provider, base_url=""), body, silence_s=self._timeouts.silence_s)
        send = partial(self._send, provider, {**body, "model": target.served_name})
        return Reply(send, provider, body, silence_s=self._timeouts.silence_s)

    async def close(self) -> None:
        """Closes the connections; must run on the loop that served."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _send(self, provider: Provider, body: Event) -> "ClientResponse":
        url = f"{provider.base_url.rstrip('/')}/chat/completions"
        # on this machine a redirect is not followed: what is meant for here stays here
        return await self._session(provider).post(url, data=dump_json(body), allow_redirects=not provider.is_local)

    def _session(self, provider: Provider) -> "ClientSession":
        if provider not in self._sessions:
            self._sessions[provider] = open_session(provider, self._timeouts)
        return self._sessions[provider]


def open_session(provider: Provider, timeouts: Timeouts) -> "ClientSession":
    """Connections to a provider, without cookies, by which visitors could be told apart or mixed up.

    On this machine no proxy is asked. Silence is watched by each reply.
    """
    import aiohttp
    import httpx2

    # certificates as the SDK trusts them, which the page's requests go through
    context = httpx2.create_ssl_context() if provider.base_url.startswith("https") else True
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s),
        trust_env=not provider.is_local,
        headers={
            "authorization": f"Bearer {provider.api_key}",
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "omni",
        },
    )


async def _gone() -> "ClientResponse":
    raise ConnectionError
