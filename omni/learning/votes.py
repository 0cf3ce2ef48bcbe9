"""One judgement as learning takes it, and how the kept kinds of feedback become one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from omni.errors import InputError
from omni.types import Task

if TYPE_CHECKING:
    from omni.store import Feedback

RETRY_VALUE = 0.25
"""Asking for another model's answer says less than a dislike: half as much."""
NOBODY = ""
"""All visitors without a mark count as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """How good one model's answer was to one visitor, alone or against another's."""

    visitor: str
    """A mark (`Store.mark`), never a name."""
    model_id: str
    other_model_id: str | None = None
    """None = judged alone."""
    value: float
    """0..1: 1 = good, or better than the other; 0.5 = a tie."""
    tasks: Mapping[Task, float] = field(default_factory=dict)
    """Share of each task in the prompt; what is missing to 1 counts for no task, only for the model on the whole."""
    length_ratio: float | None = None
    """Length of the answer over the other's, or over the usual one; None = not known."""
    expected_logit: float | None = None
    """Quality that the decision expected of the model less the other's, logits; None = not known, taken as even."""
    at: datetime
    """With a time zone."""

    def __post_init__(self) -> None:
        """Refuses figures that are none.

        Raises:
            InputError: value or length_ratio out of range, or a time without a zone.
        """
        if not 0.0 <= self.value <= 1.0:
            raise InputError(f"value is {self.value!r}; expected 0 (worse) to 1 (better). Give 0.5 for a tie.")
        if self.length_ratio is not None and not 0.0 < self.length_ratio < float("inf"):
            raise InputError(f"length_ratio is {self.length_ratio!r}; expected more than 0. Leave it out if unknown.")
        if self.at.tzinfo is None:
            raise InputError(f"at is {self.at!r}; expected a time with a zone. Give datetime.now(UTC).")


def to_vote(feedback: "Feedback", at: datetime) -> Vote | None:
    """The vote that a kept judgement stands for; None for a comparison without a result."""
    value = _value(feedback)
    if value is None or not 0.0 <= value <= 1.0:
        return None
    ratio = feedback.length_ratio
    return Vote(
        visitor=feedback.visitor or NOBODY,
        model_id=feedback.model_id,
        other_model_id=feedback.other_model_id if feedback.kind == "vote" else None,
        value=value,
        tasks={Task(name): share for name, share in (feedback.tasks or {}).items() if name in set(Task)},
        length_ratio=ratio if ratio is not None and 0.0 < ratio < float("inf") else None,
        expected_logit=feedback.expected_logit,
        at=at,
    )


def _value(feedback: "Feedback") -> float | None:
    """A rating from -1 to 1, where one was given, says how much it was liked."""
    strength = 1.0 if feedback.value is None else min(abs(feedback.value), 1.0)
    match feedback.kind:
        case "vote":
            return feedback.value
        case "retry":
            return RETRY_VALUE
        case "like":
            return 0.5 + 0.5 * strength
        case "dislike":
            return 0.5 - 0.5 * strength
