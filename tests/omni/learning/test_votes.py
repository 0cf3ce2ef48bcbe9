"""Votes: what they refuse, and how each kept kind of feedback becomes one."""

from datetime import UTC, datetime

import pytest

from omni.errors import InputError
from omni.learning import Vote, to_vote
from omni.store import Feedback
from omni.types import Task

AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("like", None, 1.0),
        ("dislike", None, 0.0),
        ("like", 0.5, 0.75),
        ("dislike", -1.0, 0.0),
        ("retry", None, 0.25),
        ("vote", 0.5, 0.5),
        ("vote", 0.0, 0.0),
        ("vote", None, None),
        ("vote", 7.0, None),
    ],
)
def test_each_kind_has_its_value(kind, value, expected):
    """Asking for another model is a weak loss; a comparison without a result is no vote."""
    vote = to_vote(Feedback(decision_id="d", kind=kind, model_id="m", other_model_id="n", value=value), AT)
    assert (None if vote is None else vote.value) == expected


def test_only_comparisons_have_an_opponent():
    """The model that a retry went to has won nothing yet."""
    retry = to_vote(Feedback(decision_id="d", kind="retry", model_id="m", other_model_id="n"), AT)
    assert retry is not None
    assert retry.other_model_id is None


def test_kept_figures_that_are_none_are_left_out():
    """A task that this version does not know, or a broken ratio, does not stop the start."""
    feedback = Feedback(
        decision_id="d", kind="like", model_id="m", tasks={"code": 0.5, "juggling": 0.5}, length_ratio=-1.0
    )
    vote = to_vote(feedback, AT)
    assert vote is not None
    assert (vote.tasks, vote.length_ratio, vote.visitor) == ({Task.CODE: 0.5}, None, "")


@pytest.mark.parametrize(
    "wrong", [{"value": 1.5}, {"value": float("nan")}, {"length_ratio": 0.0}, {"at": datetime(2026, 11, 22)}]
)
def test_figures_out_of_range_are_refused(wrong):
    """The message says which, what was expected and what to do."""
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is .*; expected"):
        Vote(**({"visitor": "v", "model_id": "m", "value": 1.0, "at": AT} | wrong))
