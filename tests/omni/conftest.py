"""Fixtures of the router's tests."""

import pytest

from omni.router import Router, load_router


@pytest.fixture(scope="session")
def router() -> Router:
    """The router over the shipped catalog and parameters."""
    return load_router()
