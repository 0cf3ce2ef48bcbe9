"""The error tree: everything this project raises on purpose."""


class OmniError(Exception):
    """Root of the errors a person can act on; its text says what, where and what to do."""


class InputError(OmniError):
    """A prompt, option or conversation that cannot be used."""


class CatalogError(OmniError):
    """A catalog file that cannot be used; the text names file, row and column."""


class RecordingError(OmniError):
    """A recording that cannot be used; the text names file and column."""


class StoreError(OmniError):
    """The DuckDB file cannot be opened, read or written."""


class NoModelAvailable(OmniError):
    """Every candidate was excluded; the text counts the reasons."""


class BudgetExceeded(OmniError):
    """A ceiling of cost or load; the text says which and what to do, `retry_after_s` when it opens again."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProviderError(OmniError):
    """A model server did not answer as agreed."""


class Retryable(ProviderError):
    """Another candidate may answer: time-out, connection, server error, cut stream."""


class RateLimited(Retryable):
    """The server asks for a pause; `retry_after_s` is None when it did not say how long."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AuthMissing(ProviderError):
    """The account's problem: no key, a refused key or no credit. Never retried."""


class BadReply(Retryable):
    """The server answered with something that is not a chat completion."""
