"""What a decision makes of a model's recent answers: who is trusted, and who is still waited for."""

import pytest

from omni.conditions import ATTENTION_S, TRUSTED_ANSWERS, ModelHealth


def seen(**fields) -> ModelHealth:
    """A model that answers well, many times seen, but for these fields."""
    fields = {"availability": 1.0, "first_token_s": 0.5, "tokens_per_s": 80.0, "weight": 18.0} | fields
    return ModelHealth(**fields)


def test_a_model_counts_as_well_until_seen_otherwise():
    """Without an answer or a failure the chance is 1; with some, they are weighed against trust."""
    assert seen(availability=None).answered == 1.0
    assert seen(availability=0.0).answered == pytest.approx(TRUSTED_ANSWERS / (18.0 + TRUSTED_ANSWERS))


def test_short_waits_lose_nobody():
    """Up to the time that attention lasts, waiting is only a matter of latency."""
    assert seen(first_token_s=None).awaited == seen(first_token_s=ATTENTION_S).awaited == 1.0


def test_half_as_many_wait_twice_as_long():
    """Beyond it the share falls with the wait, weighed like everything seen."""
    assert seen(first_token_s=2 * ATTENTION_S).awaited == pytest.approx((0.5 * 18.0 + TRUSTED_ANSWERS) / 20.0)
    assert seen(first_token_s=2 * ATTENTION_S, speed_weight=0.0).awaited == 1.0
