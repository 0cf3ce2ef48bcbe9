"""The one place where the SDK's errors become this project's, most specific first. No key gets into a text."""

import math

from omni.errors import AuthMissing, BadReply, InputError, ProviderError, RateLimited, Retryable
from omni.gateway.messages import ErrorKind

_SENTENCES = {
    401: "refused the key. Check HF_TOKEN, OMNI_API_KEY or the server's OMNI_KEY_<NAME>.",
    402: "says that the account has no credit left. Add credit or connect another server.",
    403: "does not allow this key to use the model. Check the key's permissions.",
    404: "does not know this model.",
    408: "took too long.",
    413: "says that the prompt is too long for this model.",
    422: "could not use the request.",
    429: "asks for a pause: too many requests.",
}

_OWN_SENTENCES = {
    401: "refused your sign-in. Sign in again.",
    402: "says that your account has no credit left. Add credit to it, or wait until your free credit is renewed.",
    403: "does not allow your account to use the model. Sign in again and allow inference.",
    429: "asks for a pause: too many requests from your account.",
}
"""When a visitor's own token was sent."""

_MISSING = ("not found", "does not exist", "not exist", "unknown model", "not supported", "no such model")
"""How servers say with status 400 that they do not serve a model."""


class ServerFailure(Retryable):
    """A failure of a server, with its kind."""

    def __init__(self, message: str, kind: ErrorKind) -> None:
        super().__init__(message)
        self.kind = kind


class RefusedRequest(BadReply):
    """The server is well, but this request does not suit this model."""


def kind_of(error: ProviderError | InputError | TimeoutError) -> ErrorKind:
    """What sort of failure an error is, for the health board and for a person."""
    if isinstance(error, ServerFailure):
        return error.kind
    if isinstance(error, AuthMissing):
        return ErrorKind.ACCOUNT
    if isinstance(error, RateLimited):
        return ErrorKind.RATE_LIMITED
    if isinstance(error, RefusedRequest):
        return ErrorKind.REFUSED
    if isinstance(error, BadReply):
        return ErrorKind.BROKEN
    if isinstance(error, TimeoutError):
        return ErrorKind.TIMEOUT
    return ErrorKind.SERVER if isinstance(error, Retryable) else ErrorKind.OTHER


def error_from_status(
    status: int, provider: str, *, retry_after: str | None = None, detail: str = "", is_own: bool = False
) -> ProviderError:
    """The error for an HTTP status of 400 or more, with a plain sentence.

    Args:
        is_own: A visitor's own token was sent: what is wrong with the account is for them to mend.
        detail: The server's own words; read to tell a missing model from a bad request, never repeated.
    """
    if status == 400 and "model" in detail.casefold() and any(words in detail.casefold() for words in _MISSING):
        return ServerFailure(f"{provider} {_SENTENCES[404]} (HTTP 400)", ErrorKind.NOT_SERVED)
    default = "had an internal error." if status >= 500 else "refused the request."
    sentences = {**_SENTENCES, **_OWN_SENTENCES} if is_own else _SENTENCES
    message = f"{provider} {sentences.get(status, default)} (HTTP {status})"
    if status in {401, 402, 403}:
        return AuthMissing(message)
    if status == 429:
        return RateLimited(message, retry_after_s=_seconds(retry_after))
    if status == 404:
        return ServerFailure(message, ErrorKind.NOT_SERVED)
    if status == 408:
        return ServerFailure(message, ErrorKind.TIMEOUT)
    return ServerFailure(message, ErrorKind.SERVER) if status >= 500 else RefusedRequest(message)


def to_provider_error(error: Exception, provider: str, *, is_own: bool = False) -> ProviderError | InputError:
    """The project's error for anything that the SDK or its transport raises.

    Unmapped errors come back as `ProviderError`, which is never retried, with the type's name only.
    """
    import openai

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return ServerFailure(f"{provider} did not answer in time.", ErrorKind.TIMEOUT)
    if isinstance(error, openai.APIConnectionError):
        return ServerFailure(f"{provider} cannot be reached or closed the connection.", ErrorKind.CONNECTION)
    if isinstance(error, openai.APIStatusError):
        retry_after = error.response.headers.get("retry-after")
        return error_from_status(
            error.status_code, provider, retry_after=retry_after, detail=error.message, is_own=is_own
        )
    if isinstance(error, openai.APIError):
        return ServerFailure(f"{provider} broke off with an error message.", ErrorKind.SERVER)
    if isinstance(error, ValueError | KeyError | AttributeError | TypeError):
        return BadReply(f"{provider} sent something that is not a chat completion ({type(error).__name__}).")
    if isinstance(error, OSError):
        return ServerFailure(f"{provider} cannot be reached or closed the connection.", ErrorKind.CONNECTION)
    return ProviderError(f"{provider} failed in an unexpected way ({type(error).__name__}).")


def _seconds(retry_after: str | None) -> float | None:
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        return None
    return max(0.0, seconds) if seconds is not None and math.isfinite(seconds) else None
