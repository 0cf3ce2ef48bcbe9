"""Two processes come to the same figures bit for bit: nothing depends on the order of a set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fingerprints import N_PROMPTS, POLICIES

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def printed() -> list[dict[str, object]]:
    """What `python -m tests.fingerprints` prints under two hash seeds, side by side."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.fingerprints"], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE, text=True,
        )
        for seed in ("1", "20261128")
    ]  # fmt: skip
    texts = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return [dict(json.loads(line) for line in text.splitlines()) for text in texts]


@pytest.mark.parametrize("what", ["public", "fitted"])
def test_decisions_are_the_same_in_every_process(printed: list[dict[str, list[object]]], what: str) -> None:
    """Ids, figures, parts, exclusions and sentences, with nothing known of servers and with everything."""
    one, other = (found[what] for found in printed)
    assert len(one) == 2 * N_PROMPTS
    assert one == other


def test_replays_are_the_same_in_every_process(printed: list[dict[str, object]]) -> None:
    """Every figure and interval of every policy."""
    one, other = (found["replay"] for found in printed)
    assert isinstance(one, dict)
    assert set(one["policies"]) == set(POLICIES)
    assert one == other
