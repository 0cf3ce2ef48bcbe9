"""Model servers that settings name. A provider is a value; `client.py` talks to it."""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from omni.config import Settings, is_http_address
from omni.errors import InputError

HUGGING_FACE = "Hugging Face"
"""The name of the provider that Hugging Face's inference router is."""
DUMMY_KEY = "no-key"
"""Sent where no key is set: the SDK refuses an empty one, and would otherwise look for one in the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OpenAI-compatible server."""

    name: str
    """For people, for example "Hugging Face" or "127.0.0.1:11434"."""
    base_url: str
    api_key: str = field(repr=False, default=DUMMY_KEY)
    needs_credential: bool = False
    """True when only a visitor's own token may be spent here: without one nothing is asked."""
    is_found: bool = False
    """True for a server that was found on this machine rather than set: nobody is paid for its answers."""

    @property
    def is_local(self) -> bool:
        """Whether the server listens on this machine's loopback."""
        return is_loopback(self.base_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A visitor's own token for one provider. Lives as long as the request that it came with."""

    provider: str
    token: str = field(repr=False)

    def key_for(self, provider: str) -> str | None:
        """The token where it belongs; None for every other provider."""
        return self.token if provider == self.provider else None


@lru_cache(maxsize=256)
def is_loopback(base_url: str) -> bool:
    """Whether an address is of this machine only."""
    host = urlsplit(base_url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def providers_from(settings: Settings) -> tuple[Provider, ...]:
    """The servers to try, in order: the one named by OMNI_BASE_URL, those of OMNI_SERVERS, Hugging Face's router.

    A token goes to its own server only. In a Space the owner's HF_TOKEN is not spent on visitors' answers: the router
    is there, and serves those who bring their own token.

    Raises:
        InputError: OMNI_BASE_URL is not an http address or holds a password, two servers have one name, or one is this
            Omni itself.
    """
    providers: list[Provider] = []
    if settings.base_url:
        if "@" in settings.base_url:
            raise InputError("OMNI_BASE_URL holds a password. Put the key in OMNI_API_KEY instead.")
        if not is_http_address(settings.base_url):
            raise InputError(
                f"OMNI_BASE_URL is {settings.base_url!r}; expected an http address such as http://127.0.0.1:11434/v1."
            )
        name = urlsplit(settings.base_url).netloc
        key = settings.api_key or DUMMY_KEY
        providers.append(Provider(name=name, base_url=settings.base_url.rstrip("/"), api_key=key))
    for server in settings.servers:
        providers.append(Provider(name=server.name, base_url=server.base_url, api_key=server.api_key or DUMMY_KEY))
    if settings.in_space:
        providers.append(Provider(name=HUGGING_FACE, base_url=settings.hf_router_url, needs_credential=True))
    elif settings.hf_token:
        providers.append(Provider(name=HUGGING_FACE, base_url=settings.hf_router_url, api_key=settings.hf_token))
    names = [provider.name for provider in providers]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two model servers are called {name!r}. Give the one in OMNI_SERVERS another name.")
    own = next((provider for provider in providers if _is_own(provider, settings)), None)
    if own is not None:
        raise InputError(
            f"The model server {own.name!r} is {own.base_url}, where Omni itself listens: it would ask itself. Give the"
            " model server's address, or let Omni listen on another port."
        )
    return tuple(providers)


def _is_own(provider: Provider, settings: Settings) -> bool:
    """Whether a request to the provider would come back here."""
    parts = urlsplit(provider.base_url)
    listens_here = settings.host in {"0.0.0.0", "::"} or is_loopback(f"http://{settings.host}")
    return parts.port == settings.port and (parts.hostname == settings.host or (provider.is_local and listens_here))
