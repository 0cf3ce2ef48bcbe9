"""A model that becomes bad loses its requests, and gets them back when it is well; with the real router and gateway."""

import pytest

from omni.router import Router
from tests.omni.gateway.degraded import Behaviour, World, run_course


@pytest.mark.parametrize("bad", [Behaviour(error_rate=0.5), Behaviour(tokens_per_s=5.0)], ids=["fails", "slow"])
def test_a_bad_model_loses_its_share_and_gets_it_back(router: Router, bad: Behaviour) -> None:
    """Nine tenths of its share within 50 requests, and all but a tenth back within 20 minutes of its recovery."""
    _, course = run_course(World(router), bad)
    assert course.before > 0.5
    assert course.after_50 <= 0.1 * course.before
    assert course.back_after_s is not None
    assert course.back_after_s < 1200
