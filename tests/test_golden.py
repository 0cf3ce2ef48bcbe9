"""Whole decisions on the shipped catalog and on a small fitted router are as tests/golden.json has them."""

import json
from typing import Any

import pytest

from omni.router import Router
from tests.golden import FILE, FITTED, POLICIES, PUBLIC, decide, replayed, routers

KEPT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
ASKED = {"public": PUBLIC, "fitted": FITTED}
PLACES = [(name, place) for name in ("public", "fitted") for place in range(len(ASKED[name]))]


@pytest.fixture(scope="module")
def both() -> dict[str, Router]:
    """The two routers, once."""
    return routers()


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_decision_is_as_it_was_agreed(both: dict[str, Router], name: str, place: int) -> None:
    """Model, runner-up, figures and parts; after a change on purpose: `python -m tests.golden --write`."""
    [row] = decide(both[name], [ASKED[name][place]])
    kept = dict(KEPT[name][place])
    shares = ("quality", "quality_se", "lead", "parts", "quality_parts")
    close = {figure: pytest.approx(kept[figure], abs=2e-4, rel=0) for figure in shares}
    amounts = ("cost_usd_per_1k", "latency_s", "output_tokens")
    close |= {figure: pytest.approx(kept[figure], rel=1e-3) for figure in amounts}
    assert row == kept | close


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    """Of the replay, once."""
    return replayed()


@pytest.mark.parametrize("policy", POLICIES)
def test_the_figures_of_a_replay_are_as_they_were_agreed(figures: dict[str, dict[str, Any]], policy: str) -> None:
    """Scores, costs, gains and slices with both ends of their intervals, tests, shares and counts."""
    kept = flat(KEPT["replay"][policy])
    assert flat(figures[policy]) == {
        path: pytest.approx(value, abs=2e-4, rel=1e-3) if isinstance(value, float) else value
        for path, value in kept.items()
    }


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """Every figure by its path."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {path: found for key, inner in pairs for path, found in flat(inner, f"{name}/{key}").items()}
    return {name: value}


def test_the_golden_decisions_are_of_many_kinds() -> None:
    """All presets, a dozen models and more, estimated and listed prices; every row makes up its own utility."""
    rows = [*KEPT["public"], *KEPT["fitted"]]
    assert (len(KEPT["public"]), len(KEPT["fitted"])) == (24, 12)
    assert {row["preset"] for row in rows} == {"balanced", "quality", "fast", "cheap"}
    assert len({row["chosen"] for row in rows}) >= 8
    assert [round(sum(row["quality_parts"].values()), 3) for row in rows] == pytest.approx(
        [row["quality"] for row in rows], abs=1e-3
    )
