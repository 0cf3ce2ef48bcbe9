"""Who asks, and what the headers of a request wish for. Visitors are marks, never keys or addresses."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args

from starlette.requests import Request

from omni.api.errors import ApiError
from omni.api.guard import Guard
from omni.visitors import name_of

Privacy = Literal["standard", "anonymise", "local"]
MAX_SESSION_CHARS = 200
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")
Mark = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One request's sender."""

    visitor: str
    """A mark: the same for the same API key, or without keys for the same address."""
    session: str | None = None
    """The conversation as the client names it, as a mark; None = it does not."""
    privacy: Privacy = "standard"
    wants_hedge: bool = False
    """Whether a second model may be asked beside a slow one."""


def read_caller(request: Request, guard: Guard, mark: Mark) -> Caller:
    """The caller of a request.

    Raises:
        ApiError: 400; a header of ours has a value that is not known.
    """
    headers = request.headers
    privacy = headers.get("x-omni-privacy", "standard").strip().lower()
    if privacy not in get_args(Privacy):
        raise _unknown("x-omni-privacy", f"one of {', '.join(get_args(Privacy))}")
    hedge = headers.get("x-omni-hedge", "").strip().lower()
    if hedge not in (*_YES, *_NO):
        raise _unknown("x-omni-hedge", "1 or 0")
    session = headers.get("x-omni-session", "").strip()
    if len(session) > MAX_SESSION_CHARS:
        raise _unknown("x-omni-session", f"{MAX_SESSION_CHARS} characters at most")
    visitor = mark(_name(request, guard))
    return Caller(
        visitor=visitor,
        session=hashlib.sha256(f"{visitor} {session}".encode()).hexdigest()[:32] if session else None,
        privacy=cast(Privacy, privacy),
        wants_hedge=hedge in _YES,
    )


def marker() -> Mark:
    """Marks that hold while this process runs and are of no use outside it."""
    salt = secrets.token_hex(16)
    return lambda name: hashlib.sha256(f"{salt} {name}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _name(request: Request, guard: Guard) -> str:
    """A key that is not asked for could be changed with every request, so it is no name then."""
    if guard.api_keys:
        return f"key {request.headers.get('authorization', '').partition(' ')[2].strip()}"
    return name_of(request, in_space=guard.in_space)


def _unknown(header: str, expected: str) -> ApiError:
    message = f"The header {header} has a value that is not known; expected {expected}."
    return ApiError(400, message, param=header, code="invalid_value")
