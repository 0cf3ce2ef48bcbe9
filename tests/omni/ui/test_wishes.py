"""The visitor's options as preferences."""

import pytest

from omni.policy import PRESETS
from omni.ui.wishes import Wishes, slider_points


def _wishes(**changes: object) -> Wishes:
    points = slider_points("balanced")
    return Wishes("balanced", points.cost, points.speed, None, None, None)._replace(**changes)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_untouched_sliders_are_the_presets_own_weights(preset: str) -> None:
    """Choosing a preset alone changes no weight."""
    points = slider_points(preset)
    wishes = _wishes(preset=preset, cost_points=points.cost, speed_points=points.speed)
    assert wishes.to_preferences().weights is None


def test_a_moved_slider_is_an_own_weight() -> None:
    """Five points for a dollar saved on 1,000 answers are 50 points of quality a dollar."""
    weights = _wishes(cost_points=5.0).to_preferences().weights
    assert weights is not None
    assert weights.quality_per_usd == pytest.approx(50.0)


def test_a_second_start_is_asked_for_and_has_a_limit() -> None:
    """Off unless chosen; the field is in cents."""
    assert _wishes(extra_cents=0.1).max_extra_usd is None
    assert _wishes(asks_twice=True, extra_cents=0.1).max_extra_usd == pytest.approx(0.001)
    assert _wishes(asks_twice=True, extra_cents=None).max_extra_usd == 0.0


def test_limits_and_lists_are_read() -> None:
    """Cents become dollars, lists lose their blanks, 0 is no limit."""
    preferences = _wishes(max_cost_cents=2.0, allow=" Qwen/*, ,*gemma* ").to_preferences()
    assert preferences.max_cost_usd == pytest.approx(0.02)
    assert preferences.allow == ("Qwen/*", "*gemma*")
    assert _wishes(max_cost_cents=0).to_preferences().max_cost_usd is None
