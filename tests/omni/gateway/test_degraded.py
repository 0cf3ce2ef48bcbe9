"""A model that becomes bad loses its requests, and gets them back when it is well; with the real router and gateway."""

import pytest

from omni.router import Router
from omni.types import Preset
from tests.omni.gateway.degraded import Behaviour, World, run_course


@pytest.mark.parametrize(
    ("preset", "bad", "comes_back"),
    [
        ("balanced", Behaviour(error_rate=0.5), True),
        ("balanced", Behaviour(tokens_per_s=5.0), True),
        ("balanced", Behaviour(first_token_s=20.0), True),
        ("fast", Behaviour(first_token_s=20.0), False),
        ("quality", Behaviour(first_token_s=20.0), True),
    ],
    ids=["fails", "slow", "late", "late for the hurried", "late for the patient"],
)
def test_a_bad_model_loses_its_share_and_gets_it_back(
    router: Router, preset: Preset, bad: Behaviour, comes_back: bool
) -> None:
    """Nine tenths of its share within 50 requests, and all but a tenth back within 20 minutes of its recovery.

    Where only speed counts it stays away: meanwhile the others answered faster than their published figures say.
    """
    _, course = run_course(World(router, preset=preset), bad)
    assert course.before > 0.5
    assert course.after_50 <= 0.1 * course.before
    assert (course.back_after_s is not None and course.back_after_s < 1200) == comes_back


@pytest.mark.parametrize("preset", ["balanced", "fast"])
def test_what_a_model_in_part_bad_keeps_costs_little(router: Router, preset: Preset) -> None:
    """A fifth of its requests fail after 10 s: a router that knew would do better by less than a point a request."""
    _, course = run_course(World(router, preset=preset), Behaviour(error_rate=0.2, failed_after_s=10.0))
    assert course.after_50 < course.before
    assert course.regret < 1.0
