"""The one place where the SDK's errors become this project's, most specific first. No key gets into a text."""

from omni.errors import AuthMissing, BadReply, InputError, ProviderError, RateLimited, Retryable

_SENTENCES = {
    401: "refused the key. Check HF_TOKEN or OMNI_API_KEY.",
    402: "says that the account has no credit left. Add credit or connect another server.",
    403: "does not allow this key to use the model. Check the key's permissions.",
    404: "does not know this model.",
    408: "took too long.",
    413: "says that the prompt is too long for this model.",
    422: "could not use the request.",
    429: "asks for a pause: too many requests.",
}


def error_from_status(status: int, provider: str, *, retry_after: str | None = None) -> ProviderError:
    """The error for an HTTP status of 400 or more, with a plain sentence."""
    default = "had an internal error." if status >= 500 else "refused the request."
    message = f"{provider} {_SENTENCES.get(status, default)} (HTTP {status})"
    if status in {401, 402, 403}:
        return AuthMissing(message)
    if status == 429:
        return RateLimited(message, retry_after_s=_seconds(retry_after))
    if status in {400, 422}:
        return BadReply(message)
    return Retryable(message)


def to_provider_error(error: Exception, provider: str) -> ProviderError | InputError:
    """The project's error for anything that the SDK or its transport raises.

    Unmapped errors come back as `ProviderError`, which is never retried, with the type's name only.
    """
    import openai

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Retryable(f"{provider} did not answer in time.")
    if isinstance(error, openai.APIConnectionError):
        return Retryable(f"{provider} cannot be reached or closed the connection.")
    if isinstance(error, openai.APIStatusError):
        retry_after = error.response.headers.get("retry-after")
        return error_from_status(error.status_code, provider, retry_after=retry_after)
    if isinstance(error, openai.APIError):
        return Retryable(f"{provider} broke off with an error message.")
    if isinstance(error, ValueError | KeyError | AttributeError | TypeError):
        return BadReply(f"{provider} sent something that is not a chat completion ({type(error).__name__}).")
    if isinstance(error, OSError):
        return Retryable(f"{provider} cannot be reached or closed the connection.")
    return ProviderError(f"{provider} failed in an unexpected way ({type(error).__name__}).")


def _seconds(retry_after: str | None) -> float | None:
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None
