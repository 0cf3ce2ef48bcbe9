"""A model that becomes bad loses its requests, and gets them back when it is well; with the real router and gateway."""

import pytest

from omni.router import Router
from omni.types import Preset
from tests.omni.gateway.degraded import Behaviour, World, run_course


@pytest.mark.parametrize(
    ("preset", "bad"),
    [
        ("balanced", Behaviour(error_rate=0.5)),
        ("balanced", Behaviour(tokens_per_s=5.0)),
        ("balanced", Behaviour(first_token_s=20.0)),
        ("fast", Behaviour(first_token_s=20.0)),
        ("quality", Behaviour(first_token_s=20.0)),
    ],
    ids=["fails", "slow", "late", "late for the hurried", "late for the patient"],
)
def test_a_bad_model_loses_its_share_and_gets_it_back(router: Router, preset: Preset, bad: Behaviour) -> None:
    """Nine tenths of its share within 50 requests, and all but a tenth back within 20 minutes of its recovery."""
    _, course = run_course(World(router, preset=preset), bad)
    assert course.before > 0.5
    assert course.after_50 <= 0.1 * course.before
    assert course.back_after_s is not None
    assert course.back_after_s < 1200


@pytest.mark.parametrize("preset", ["balanced", "fast"])
def test_what_a_model_in_part_bad_keeps_costs_little(router: Router, preset: Preset) -> None:
    """A fifth of its requests fail after 10 s: a router that knew would do better by less than a point a request."""
    _, course = run_course(World(router, preset=preset), Behaviour(error_rate=0.2, failed_after_s=10.0))
    assert course.after_50 < course.before
    assert course.regret < 1.0
