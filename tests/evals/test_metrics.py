"""Figures on points worked out by hand."""

import math

import numpy as np
import pytest

from evals.metrics import (
    Blend,
    calibration_by_chance,
    calibration_error,
    concave_envelope,
    cost_to_match,
    equal_cost_gains,
    gap_closed,
    mean_known,
    repeatable_gap,
    router_arena_score,
)


def test_the_envelope_leaves_out_points_under_a_line_between_others():
    """(2, 0.5) is under the line from (1, 0.4) to (4, 0.9); (5, 0.8) costs more for less."""
    envelope = concave_envelope([1, 2, 4, 5], [0.4, 0.5, 0.9, 0.8])
    assert envelope.corners == (0, 2)


def test_the_envelope_keeps_corners_that_bend_downwards():
    """Slopes 0.3 and then 0.1 are concave."""
    assert concave_envelope([1, 2, 4], [0.4, 0.7, 0.9]).corners == (0, 1, 2)


def test_the_envelope_ignores_unknown_points_and_takes_the_better_of_equals():
    """NaN is no point; of two at the same cost the better one counts."""
    envelope = concave_envelope([1, 1, math.nan, 2], [0.3, 0.4, 0.9, math.nan])
    assert envelope.corners == (1,)


def test_height_is_linear_between_corners_flat_above_and_nothing_below():
    """Between (1, 0.4) and (3, 0.8): 0.6 at 2."""
    envelope = concave_envelope([1, 3], [0.4, 0.8])
    assert envelope.height_at(2) == pytest.approx(0.6)
    assert envelope.height_at(9) == pytest.approx(0.8)
    assert envelope.height_at(0.5) is None


def test_a_blend_names_its_corners_and_the_share_of_the_dearer_one():
    """A cost of 1.5 between 1 and 3 is a quarter of the way."""
    envelope = concave_envelope([1, 3], [0.4, 0.8])
    assert envelope.blend_at(1.5) == Blend(0, 1, 0.25)
    assert envelope.blend_at(5) == Blend(1, 1, 0.0)
    assert concave_envelope([], []).blend_at(1) is None


def test_mean_height_is_the_area_over_the_width():
    """0.4 to 0.8 over [1, 3], then flat to 5: (1.2 + 1.6) / 4 = 0.7."""
    envelope = concave_envelope([1, 3], [0.4, 0.8])
    assert envelope.mean_height(1, 5) == pytest.approx(0.7)


def test_mean_height_of_an_empty_range_is_undefined():
    """The best single model is the cheapest one: there is no range to average over."""
    assert concave_envelope([1], [0.4]).mean_height(1, 1) is None


def test_equal_cost_gain_compares_heights_at_shares_of_the_best_models_cost():
    """Mixture 0.4 at 1 to 0.8 at 4; policy 0.8 at 2: at 2 the mixture has 0.4 + 0.4/3."""
    mixture = concave_envelope([1, 4], [0.4, 0.8])
    policy = concave_envelope([1, 2], [0.4, 0.8])
    gains = equal_cost_gains(policy, mixture, 4.0)
    assert gains["50"] == pytest.approx(0.8 - 0.4 - 0.4 / 3)
    assert gains["25"] == pytest.approx(0.0)
    assert gains["100"] == pytest.approx(0.0)
    assert gains["10"] is None


@pytest.mark.parametrize("best_cost", [None, 0.0])
def test_equal_cost_gain_is_undefined_without_a_cost(best_cost):
    """Unknown or free: there is no budget to compare at."""
    envelope = concave_envelope([1], [0.4])
    assert set(equal_cost_gains(envelope, envelope, best_cost).values()) == {None}


def test_the_mean_skips_what_is_undefined():
    """None is not 0."""
    assert mean_known([None, 0.2, 0.4]) == pytest.approx(0.3)
    assert mean_known([None]) is None


def test_cost_to_match_is_the_cheapest_setting_that_is_good_enough():
    """0.7 is reached at 2 and at 3; 2 of 4 is a half."""
    costs, qualities = np.array([1.0, 2.0, 3.0]), np.array([0.6, 0.7, 0.9])
    assert cost_to_match(costs, qualities, 4.0, 0.7) == pytest.approx(0.5)
    assert cost_to_match(costs, qualities, 4.0, 0.95) is None
    assert cost_to_match(costs, qualities, 0.0, 0.7) is None


def test_gap_closed_is_a_share_of_what_the_oracle_gains():
    """0.65 between 0.6 and 0.8 is a quarter of the way; an oracle without gain leaves nothing to close."""
    assert gap_closed(0.65, 0.6, 0.8) == pytest.approx(0.25)
    assert gap_closed(0.6, 0.6, 0.6) is None
    assert gap_closed(None, 0.6, 0.8) is None


def test_calibration_error_weighs_bins_by_their_size():
    """Three at 0.85 with mean 2/3 and one at 0.15 with 0: (3 x 0.1833 + 0.15) / 4."""
    predicted, scores = np.array([0.85, 0.85, 0.85, 0.15]), np.array([1.0, 1.0, 0.0, 0.0])
    assert calibration_error(predicted, scores) == pytest.approx((3 * (0.85 - 2 / 3) + 0.15) / 4)
    assert calibration_error(predicted, np.full(4, math.nan)) is None


def test_the_error_by_chance_is_what_right_predictions_show():
    """Forty draws of 300 outcomes with exactly the predicted chances."""
    rng = np.random.default_rng(0)
    chances = rng.random((40, 300))
    outcomes = (rng.random(chances.shape) < chances).astype(float)
    errors = [calibration_error(row, drawn) for row, drawn in zip(chances, outcomes, strict=True)]
    by_chance = [calibration_by_chance(row, drawn) for row, drawn in zip(chances, outcomes, strict=True)]
    assert np.mean(by_chance) == pytest.approx(np.mean(errors), rel=0.05)


def test_the_error_by_chance_does_not_grow_with_bias():
    """Predictions that are all 20 points too high in one bin: the error is 0.2, chance explains no more of it."""
    scores = np.tile([0.0, 1.0], 50)
    assert calibration_error(np.full(100, 0.7), scores) == pytest.approx(0.2)
    assert calibration_by_chance(np.full(100, 0.7), scores) == pytest.approx(math.sqrt(2 / math.pi / 99) / 2)
    assert calibration_by_chance(np.array([0.7]), np.array([1.0])) is None


def test_router_arena_score_by_hand():
    """At c = 0.0044 cheapness is 1, so S = 1.1·A / (0.1·A + 1); at c = 200 it is 0."""
    assert router_arena_score(0.7, 0.0044) == pytest.approx(1.1 * 0.7 / 1.07)
    assert router_arena_score(0.7, 200.0) == pytest.approx(0.0)
    assert router_arena_score(0.7, None) is None
    assert router_arena_score(0.7, 0.0) is None


def test_the_repeatable_part_of_the_gap_is_scored_on_the_other_draws():
    """Two draws of two models. Prompt 1: the second is better in both. Prompt 2: the first is. Prompt 3: luck.

    Chosen on draw 1 the picks gain 1, 0 and 0 on draw 2; chosen on draw 2 they gain 1, 0 and -1 on draw 1. The
    oracle's gap on mean scores is 1, 0 and 0 each time: (1 + 0) / (1 + 1).
    """
    first = [[0, 1], [1, 0], [1, 0]]
    second = [[0, 1], [1, 0], [0, 1]]
    draws = np.array([first, second], dtype=float)
    assert repeatable_gap(draws, 0, np.array([1.0, 2.0])) == pytest.approx(0.5)


def test_a_tie_on_one_draw_goes_to_the_cheapest_model():
    """Both answer right on draw 1. On draw 2 only the dear one does, which a cheap pick misses and a dear one gets.

    The best single model is the third, always wrong on draw 2: gains on draw 2 are 0 for the cheap pick and 1 for the
    dear one. On draw 1, after choosing the dear one on draw 2, nothing is gained over it. The gap is 1 - 1/2 each time.
    """
    draws = np.array([[[1, 1, 1]], [[0, 1, 0]]], dtype=float)
    assert repeatable_gap(draws, 2, np.array([1.0, 2.0, 3.0])) == pytest.approx(0.0)
    assert repeatable_gap(draws, 2, np.array([2.0, 1.0, 3.0])) == pytest.approx(1.0)


def test_without_a_second_draw_or_a_gap_nothing_repeats():
    """Unknown, not 0."""
    one = np.array([[[0.0, 1.0]]])
    assert repeatable_gap(one, 0, np.ones(2)) is None
    assert repeatable_gap(np.concatenate([one, np.full_like(one, np.nan)]), 0, np.ones(2)) is None
    assert repeatable_gap(np.zeros((2, 3, 2)), 0, np.ones(2)) is None
