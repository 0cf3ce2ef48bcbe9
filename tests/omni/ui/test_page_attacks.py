"""While one visitor attacks the page, another's prompts are decided: real HTTP against the real app.

`python -m tests.omni.ui.page_attacks` prints the figures; here is room for a busy machine.
"""

import socket
from collections.abc import Iterator

import pytest

from tests.omni.api_attacks import run_program
from tests.omni.ui.page_attacks import NAMES, VISITOR, measure

MAX_WAIT_S = 3.0
SECONDS = 3.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The app without a model server; skipped where loopback has one address only."""
    try:
        with socket.socket() as probe:
            probe.bind((VISITOR, 0))
    except OSError:
        pytest.skip(f"this machine has no address {VISITOR}")
    with run_program("app.py") as url:
        yield url


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_waits(url: str, name: str) -> None:
    """Every prompt of the second visitor is decided, and soon."""
    waits = measure(url, name, seconds=SECONDS)
    assert waits.n_refused == 0
    assert waits.typical_s < MAX_WAIT_S / 3
    assert waits.worst_s < MAX_WAIT_S, str(waits)
