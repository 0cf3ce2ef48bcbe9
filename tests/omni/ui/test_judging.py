"""What a vote is held against."""

import pytest

from omni.types import Task
from omni.ui.judging import _expected_logit
from omni.ui.visits import Given


def given(quality_logit: float | None) -> Given:
    return Given(
        answer_id=1,
        decision_id="d",
        model_id="a/one",
        tasks={Task.CODE: 1.0},
        n_chars=10,
        quality_logit=quality_logit,
    )


@pytest.mark.parametrize(
    ("chosen", "other", "expected"),
    [(1.5, 0.25, 1.25), (0.25, 1.5, -1.25), (1.5, None, None), (None, 0.25, None)],
)
def test_a_vote_between_two_answers_is_held_against_their_difference(chosen, other, expected):
    """The one that was preferred less the other; unknown when either is."""
    assert _expected_logit(given(chosen), given(other)) == expected


def test_a_vote_on_one_answer_is_held_against_itself():
    """Without another answer the expectation stands as it is."""
    assert _expected_logit(given(1.5), None) == 1.5
