"""While one visitor attacks, another is served: real sockets, the real server in a process of its own.

`python -m tests.omni.api_attacks` prints the figures; here is room for a busy machine.
"""

from collections.abc import Iterator

import pytest

from tests.omni.api_attacks import build_attacks, measure, run_victim_server

MAX_WAIT_S = 2.0
SECONDS = 1.5


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all attacks: it also has to come through them one after the other."""
    with run_victim_server() as url:
        yield url


@pytest.mark.parametrize("name", build_attacks())
def test_nobody_else_waits(url: str, name: str) -> None:
    """Decisions and answers of the second visitor all come, and soon."""
    waits = measure(url, name, seconds=SECONDS)
    assert waits.n_refused == 0
    assert waits.typical_s < MAX_WAIT_S / 4
    assert waits.worst_s < MAX_WAIT_S, str(waits)
