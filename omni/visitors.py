"""Who counts as one visitor where no key tells them apart: an account, or else an address."""

import ipaddress
from typing import Any


def name_of(request: Any, account: str | None = None, *, in_space: bool = False) -> str:
    """The name of a visitor: an account where one is logged in, else an address.

    Args:
        request: anything with `headers` and `client`, as Starlette's and Gradio's requests.
    """
    return f"account {account}" if account else f"address {address_of(request, in_space=in_space)}"


def address_of(request: Any, *, in_space: bool) -> str:
    """The address a request came from. In a Space, the last public one its proxies noted: others can be made up."""
    if in_space:
        noted = (request.headers.get("x-forwarded-for") or "").split(",")
        for part in reversed([part.strip() for part in noted]):
            try:
                if ipaddress.ip_address(part).is_global:
                    return part
            except ValueError:
                continue
    client = getattr(request, "client", None)
    return getattr(client, "host", None) or "unknown"
