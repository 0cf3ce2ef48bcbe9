"""Every error of the SDK becomes one of ours; none is left over."""

import httpx2
import openai
import pytest

from omni.errors import AuthMissing, ProviderError, RateLimited, Retryable
from omni.gateway.failures import error_from_status, kind_of, to_provider_error
from omni.gateway.messages import ErrorKind

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Retryable), (401, AuthMissing), (402, AuthMissing), (404, Retryable), (429, RateLimited), (503, Retryable)],
)
def test_each_status_has_its_kind(status: int, kind: type[ProviderError]) -> None:
    """A status decides whether another model may be tried."""
    error = error_from_status(status, "local")
    assert type(error) is kind or isinstance(error, kind)
    assert str(status) in str(error)


def test_a_pause_carries_its_length() -> None:
    """Retry-After is kept in seconds; something unreadable is unknown."""
    error = error_from_status(429, "local", retry_after="2")
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 2.0
    unreadable = error_from_status(429, "local", retry_after="Wed")
    assert isinstance(unreadable, RateLimited)
    assert unreadable.retry_after_s is None


@pytest.mark.parametrize(
    "error",
    [openai.APITimeoutError(REQUEST), openai.APIConnectionError(request=REQUEST), OSError("x"), ValueError("x")],
)
def test_transport_errors_are_retryable(error: Exception) -> None:
    """Another model may answer when a connection fails or the reply is garbage."""
    assert isinstance(to_provider_error(error, "local"), Retryable)


def test_an_unknown_error_does_not_repeat_its_text() -> None:
    """An unexpected error names its type only: its text could hold a key."""
    error = to_provider_error(RuntimeError("secret-key"), "local")
    assert type(error) is ProviderError
    assert "secret-key" not in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.REFUSED),
        (402, ErrorKind.ACCOUNT),
        (404, ErrorKind.NOT_SERVED),
        (408, ErrorKind.TIMEOUT),
        (413, ErrorKind.REFUSED),
        (429, ErrorKind.RATE_LIMITED),
        (503, ErrorKind.SERVER),
    ],
)
def test_each_status_has_its_kind_for_the_health_board(status: int, kind: ErrorKind) -> None:
    """The kind says who is to blame."""
    assert kind_of(error_from_status(status, "local")) is kind


def test_a_missing_model_is_told_from_a_bad_request() -> None:
    """Some servers say 400 for a model they do not know; their words tell, and are not repeated."""
    error = error_from_status(400, "local", detail="The requested model 'x' is not supported by any provider")
    assert kind_of(error) is ErrorKind.NOT_SERVED
    assert "'x'" not in str(error)
