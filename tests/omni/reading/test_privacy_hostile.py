"""Texts made to take long are read in a time that grows with their length."""

import time

import pytest

from omni.reading.privacy import find_private

PIECES = (
    "a@",
    "1 ",
    "Aa ",
    "eyJ-",
    "1.",
    "password ",
    ":1",
    "rue A ",
    "12 Aa ",
    "://a:",
    "dear Anna, ",
    "born in ",
    "DE89 ",
)
N_CHARS = 20_000


def seconds(text: str) -> float:
    """CPU time of this thread."""
    started = time.thread_time()
    find_private(text, 0, "en")
    return time.thread_time() - started


@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_with_the_length_only(piece):
    """Ten times the text takes far from a hundred times as long."""
    find_private(piece, 0, "en")
    short = seconds(piece * (N_CHARS // len(piece)))
    assert seconds(piece * (10 * N_CHARS // len(piece))) < 40 * max(short, 0.005)
