"""Model servers on this machine, found at the ports that they usually listen on."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from urllib.parse import urlsplit

from omni.errors import InputError, ProviderError
from omni.gateway.client import OpenAIServer, Timeouts
from omni.gateway.listing import ServedModel, is_omni
from omni.gateway.providers import Provider

PORTS: Mapping[int, str] = {11434: "Ollama", 8080: "llama.cpp", 1234: "LM Studio", 8000: "vLLM"}
"""Who listens where unless told otherwise."""
_OWNERS = {"library": "Ollama", "llamacpp": "llama.cpp", "organization_owner": "LM Studio", "vllm": "vLLM"}
"""How the servers sign their models, whatever the port."""
HOST = "127.0.0.1"
CONNECT_S = 1.0
"""Where nobody listens, this machine says so at once."""
LOOK = Timeouts(connect_s=CONNECT_S, list_s=3.0)

Finder = Callable[[], Awaitable[tuple[Provider, ...]]]
"""Looks for servers; the answer is complete each time."""


def finder_for(
    providers: Sequence[Provider], *, own_port: int | None = None, ports: Mapping[int, str] = PORTS
) -> Finder:
    """Looks at the usual ports, but for those that settings name already and the one that Omni itself listens on."""
    taken = {urlsplit(provider.base_url).port for provider in providers if provider.is_local} | {own_port}
    names = {provider.name for provider in providers}
    free = {port: name for port, name in ports.items() if port not in taken}

    async def find() -> tuple[Provider, ...]:
        return await find_servers(free, taken_names=names)

    return find


async def find_servers(ports: Mapping[int, str] = PORTS, *, taken_names: Collection[str] = ()) -> tuple[Provider, ...]:
    """The model servers that answer on loopback now, in the order of `ports`; an Omni is none."""
    found = await asyncio.gather(*(_look(port, name) for port, name in ports.items()))
    providers: dict[str, Provider] = {}
    for provider in found:
        if provider is not None:
            name = provider.name
            if name in taken_names or name in providers:
                name = f"{name} {urlsplit(provider.base_url).port}"
            providers[name] = Provider(name=name, base_url=provider.base_url, is_found=True)
    return tuple(providers.values())


async def _look(port: int, usual_name: str) -> Provider | None:
    if not await _listens(port):
        return None
    provider = Provider(name=usual_name, base_url=f"http://{HOST}:{port}/v1", is_found=True)
    try:
        models = await OpenAIServer(provider=provider, timeouts=LOOK).list_models()
    except (ProviderError, InputError):
        return None  # something else listens there
    if not models or is_omni(models):
        return None
    return Provider(name=_name_of(models, usual_name), base_url=provider.base_url, is_found=True)


async def _listens(port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True


def _name_of(models: Sequence[ServedModel], usual_name: str) -> str:
    return next((_OWNERS[model.owned_by] for model in models if model.owned_by in _OWNERS), usual_name)
