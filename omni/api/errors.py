"""Errors in OpenAI's shape: one class, and what becomes of an upstream's failures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omni.budgets import BUSY_S
from omni.errors import BudgetExceeded, OmniError
from omni.gateway import Attempt, ErrorKind, Usage
from omni.privacy import redact

CLIENT_GONE = 499
"""Counted when the client closed the connection first; nobody receives it."""


BUSY = "server_busy"
"""All places are taken here, whatever the model servers do."""


class ApiError(OmniError):
    """An error reply: HTTP status and the fields of OpenAI's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        """The reply's body."""
        return {
            "error": {
                "message": redact(str(self)),
                "type": _type(self.status, self.code),
                "param": self.param,
                "code": self.code,
            }
        }


def _type(status: int, code: str | None) -> str:
    if code == BUSY:
        return "server_error"
    if status == 401:
        return "authentication_error"
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "upstream_error" if status in (502, 503) else "server_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A try that gave no answer."""

    attempt: Attempt
    status: int | None = None
    """HTTP status of the upstream, None when there was none."""
    retry_after_s: float | None = None
    """The pause that the upstream asked for."""
    detail: str | None = field(default=None, repr=False)
    """What the upstream said about a request it refused: for the client's eyes, never for a log."""
    usage: Usage | None = None
    """As far as the upstream had counted."""
    is_charged: bool = False
    """Whether an answer had begun, or would have: somebody pays for it."""


def error_of_failures(failures: Sequence[Failure], *, retry_after_s: float | None, named: str | None) -> ApiError:
    """What the client hears when every try failed; the status says whose problem it is.

    Args:
        retry_after_s: until a provider that is held back may be asked again; None = none is.
        named: the model that the client named; None = it was routed.
    """
    headers = {"x-omni-attempts": str(len(failures))}
    waits = [wait for wait in (retry_after_s, *(failure.retry_after_s for failure in failures)) if wait is not None]
    if waits:
        headers["retry-after"] = str(max(1, math.ceil(min(waits))))
    if not failures:
        message = "Every provider of this model asks for a pause or is being probed. Try again soon."
        return ApiError(503, message, code="upstream_unavailable", headers=headers)
    kinds = {failure.attempt.kind for failure in failures}
    tries = "; ".join(f"{failure.attempt.target.model_id}: {failure.attempt.error}" for failure in failures)
    message = f"No answer after {len(failures)} {'try' if len(failures) == 1 else 'tries'}. {tries}"
    if kinds == {ErrorKind.NOT_SERVED} and named is not None:
        return unknown_model(named, "is not known to the connected servers.", headers)
    if ErrorKind.REFUSED in kinds and kinds <= {ErrorKind.REFUSED, ErrorKind.NOT_SERVED}:
        status = 413 if all(failure.status == 413 for failure in failures) else 400
        detail = next((failure.detail for failure in failures if failure.detail), None)
        said = f"{message} The server said: {detail}" if detail else message
        return ApiError(status, said, code="upstream_refused_request", headers=headers)
    if ErrorKind.ACCOUNT in kinds:
        # the one problem that a person can mend: said even when other providers failed otherwise
        return ApiError(502, message, code="provider_account", headers=headers)
    if kinds == {ErrorKind.RATE_LIMITED}:
        return ApiError(429, message, code="upstream_rate_limit", headers=headers)
    is_down = kinds <= {ErrorKind.CONNECTION, ErrorKind.TIMEOUT, ErrorKind.RATE_LIMITED}
    is_down = is_down or all(failure.status in (503, 504) for failure in failures)
    code = "upstream_unavailable" if is_down else "upstream_error"
    return ApiError(503 if is_down else 502, message, code=code, headers=headers)


def error_of_budget(error: BudgetExceeded) -> ApiError:
    """What the client hears when a ceiling is reached: 503 when all places are taken, else 429."""
    headers = {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
    if error.is_share:
        return ApiError(429, str(error), code="rate_limit_exceeded", headers=headers)
    if error.retry_after_s == BUSY_S:
        return ApiError(503, str(error), code=BUSY, headers=headers)
    return ApiError(429, str(error), code="budget_exceeded", headers=headers)


def unknown_model(model: str, message: str, headers: Mapping[str, str] | None = None) -> ApiError:
    """The 404 for a model that nobody offers."""
    return ApiError(404, f"The model {model!r} {message}", code="model_not_found", param="model", headers=headers)
