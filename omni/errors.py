"""The error tree: everything this project raises on purpose."""


class OmniError(Exception):
    """Root of the errors a person can act on; its text says what, where and what to do."""


class InputError(OmniError):
    """A prompt, option or conversation that cannot be used."""


class CapExceeded(InputError):
    """More than a request may hold; the text names the cap and the value, `name` the field."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


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

    def __init__(self, message: str, *, retry_after_s: float, is_share: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.is_share = is_share
        """Whether it is the visitor's own share of what runs at once, while others can still start."""


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
