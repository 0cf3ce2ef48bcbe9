"""The shipped reader, loaded once: its parameters are what these tests are about."""

import pytest

from omni.reading import Reader, load_reader


@pytest.fixture(scope="session")
def reader() -> Reader:
    """The reader with the shipped data."""
    return load_reader()
